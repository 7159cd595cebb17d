"""`/request`: asking for crafted goods, and what is on the board."""

from collections.abc import Sequence
from typing import Any

from guildhall.board.v1 import request_pb2, request_pb2_grpc

from services.gateway.cleaning import cleaned
from services.gateway.command import Command, Option, OptionKind
from services.gateway.context import Context
from services.gateway.handover import called
from services.gateway.registry import Registry
from views import modals
from views.custom_id import encode
from views.markdown import escaped, relative_time, shortened
from views.messages import CONTENT_LIMIT, message

NEW = "request.new"
LISTED = (
    request_pb2.REQUEST_STATE_OPEN,
    request_pb2.REQUEST_STATE_CLAIMED,
    request_pb2.REQUEST_STATE_WAITING_MATERIALS,
    request_pb2.REQUEST_STATE_READY,
)
_PAGE = 10


async def new(context: Context) -> None:
    """Asks what is wanted."""
    await context.modal(
        modals.modal(
            encode(NEW),
            context.text("request.new.title"),
            [
                modals.text_input("item", context.text("request.new.item"), maximum=100),
                modals.text_input(
                    "quantity", context.text("request.new.quantity"), maximum=6, required=False, value="1"
                ),
                modals.text_input("profession", context.text("request.new.profession"), maximum=50, required=False),
                modals.text_input("note", context.text("request.new.note"), maximum=1000, required=False, long=True),
                modals.text_input("tip", context.text("request.new.tip"), maximum=100, required=False),
            ],
        )
    )


async def create(context: Context) -> None:
    """Puts what was entered on the board."""
    fields = {name: cleaned(str(value)) for name, value in context.fields.items()}
    quantity = fields.get("quantity") or "1"
    if not quantity.isascii() or not quantity.isdigit() or int(quantity) < 1:
        await context.respond(context.text("request.quantity_invalid", quantity=escaped(shortened(quantity, 20))))
        return
    answer = await called(
        _board(context).CreateRequest(
            request_pb2.CreateRequestRequest(
                guild_id=context.interaction.guild_id,
                idempotency_key=str(context.interaction.interaction_id),
                draft=request_pb2.RequestDraft(
                    item=fields.get("item", ""),
                    quantity=int(quantity),
                    profession=fields.get("profession", ""),
                    note=fields.get("note", ""),
                    tip=fields.get("tip", ""),
                ),
            ),
            timeout=context.settings.current.deadlines.answer,
        )
    )
    if answer.HasField("refusal"):
        reason = request_pb2.RefusalReason.Name(answer.refusal.reason).removeprefix("REFUSAL_REASON_").lower()
        key = f"request.refused.{reason}"
        await context.respond(
            context.text(
                key if context.texts.has(key) else "request.refused.other",
                limit=answer.refusal.limit,
                detail=escaped(answer.refusal.detail),
            )
        )
        return
    await context.respond(
        message(context.text("request.created", request=line(context, answer.request))), private=False
    )


async def listed(context: Context) -> None:
    """Shows what is on the board."""
    answer = await called(
        _board(context).ListRequests(
            request_pb2.ListRequestsRequest(
                guild_id=context.interaction.guild_id,
                filter=request_pb2.RequestFilter(
                    states=LISTED,
                    requester_id=context.interaction.person.user_id if context.options.get("mine") else 0,
                ),
                page_size=_PAGE,
            ),
            timeout=context.settings.current.deadlines.answer,
        )
    )
    if not answer.requests:
        await context.respond(context.text("request.none"))
        return
    head = context.text("request.listed", shown=len(answer.requests), total=answer.total_size)
    await context.respond(message(_within([head, *(line(context, request) for request in answer.requests)])))


def line(context: Context, request: request_pb2.Request) -> str:
    """One request in a line."""
    state = request_pb2.RequestState.Name(request.state).removeprefix("REQUEST_STATE_").lower()
    return context.text(
        "request.line",
        number=request.number if not request.part else f"{request.number}.{request.part}",
        quantity=request.quantity,
        item=escaped(request.item),
        state=context.text(f"request.state.{state}"),
        requester=escaped(request.requester_name),
        when=relative_time(request.create_time.seconds),
    )


def _within(lines: Sequence[str]) -> str:
    kept: list[str] = []
    for text in lines:
        if sum(len(each) + 1 for each in kept) + len(text) > CONTENT_LIMIT:
            break
        kept.append(text)
    return "\n".join(kept)


def _board(context: Context) -> Any:
    return context.services.stub(request_pb2_grpc.RequestServiceStub, "board")


def register(registry: Registry) -> None:
    """Adds the commands."""
    registry.command(
        Command(
            "request",
            subcommands=(
                Command("new", new),
                Command("list", listed, options=(Option("mine", OptionKind.BOOLEAN),)),
            ),
            feature="board",
            guild_only=True,
        )
    )
    registry.modal(NEW, create)
