"""`/request`: asking for crafted goods, by form or in one line, and changing what one asked for."""

from collections.abc import Mapping
from typing import Any

from guildhall.board.v1 import request_pb2

from chassis.errors import InvalidArgument
from services.gateway.board.answers import answer_transition, do_or_ask, version_of
from services.gateway.board.completions import complete_request
from services.gateway.board.desk import FEATURE, Desk
from services.gateway.board.lists import show_list
from services.gateway.cleaning import cleaned
from services.gateway.command import Command, Option, OptionKind
from services.gateway.context import Context
from services.gateway.registry import Registry
from views import modals
from views.board import cards, lines, menus
from views.board.quick import read_quick
from views.components import OPTIONS_LIMIT, option
from views.custom_id import CustomIdTooLong, encode
from views.markdown import escaped, shortened
from views.messages import message

NEW = "request.new"
CHANGE = "request.change"
MATERIALS = ("crafter", "requester", "shared")
_ID_LENGTH = 100
_QUALITY_LENGTH = 30


async def new(context: Context) -> None:
    """Asks what is wanted. A form holds five fields, so what else there is comes as options and rides along."""
    desk = Desk(context)
    try:
        due = await desk.moment(str(context.options.get("due") or ""))
    except InvalidArgument as error:
        await context.respond(desk.wrong(error))
        return
    quality = cleaned(str(context.options.get("quality") or ""))
    try:
        form = encode(NEW, context.options.get("materials") or MATERIALS[0], due.seconds if due else 0, quality)
    except CustomIdTooLong:
        # Letters beyond ASCII take up to twelve characters there.
        await context.respond(context.text("board.quality_too_long"))
        return
    await context.modal(
        modals.modal(
            form,
            context.text("request.new.title"),
            [
                modals.text_input("item", context.text("request.new.item"), maximum=100),
                modals.text_input(
                    "quantity", context.text("request.new.quantity"), maximum=6, required=False, value="1"
                ),
                _profession_field(context, await desk.offered_professions()),
                modals.text_input("note", context.text("request.new.note"), maximum=1000, required=False, long=True),
                modals.text_input("tip", context.text("request.new.tip"), maximum=100, required=False),
            ],
        )
    )


def _profession_field(context: Context, offered: Mapping[str, str]) -> dict[str, Any]:
    """A choice of professions where a select holds them all, else a field to write one in. The item may say it, too."""
    label = context.text("request.new.profession")
    if not 1 <= len(offered) <= OPTIONS_LIMIT:
        return modals.text_input("profession", label, maximum=50, required=False)
    return modals.select(
        "profession",
        label,
        [option(key, name) for key, name in offered.items()],
        placeholder=context.text("board.request_new.any_profession"),
        required=False,
    )


def _entered(value: Any) -> str:
    """What stands in a field: what was written or, of what was chosen, the first."""
    if isinstance(value, list | tuple):
        return str(value[0]) if value else ""
    return cleaned(str(value))


async def create(context: Context) -> None:
    """Puts what was entered in the form on the board."""
    fields = {name: _entered(value) for name, value in context.fields.items()}
    quantity = fields.get("quantity") or "1"
    if not (quantity.isascii() and quantity.isdecimal()) or int(quantity) < 1:
        await context.respond(context.text("board.quantity_invalid", typed=escaped(shortened(quantity, 20))))
        return
    draft = request_pb2.RequestDraft(
        item=fields.get("item", ""),
        quantity=int(quantity),
        profession=fields.get("profession", ""),
        quality=context.custom_id.argument(2),
        note=fields.get("note", ""),
        tip=fields.get("tip", ""),
    )
    materials = context.custom_id.argument(0)
    if materials in MATERIALS:
        draft.materials = request_pb2.Materials.Value(f"MATERIALS_{materials.upper()}")
    due = version_of(context, 1)
    if due:
        draft.due_time.seconds = due
    await _put(context, draft)


async def quick(context: Context) -> None:
    """Puts what was written in one line on the board."""
    context.expect(private=False)
    desk = Desk(context)
    zone = (await desk.manners()).time_zone
    read = read_quick(str(context.options["text"]), context.clock.now(), zone)
    if read.problem:
        about = escaped(shortened(read.about, 100))
        await context.respond(
            context.text("board.quick.due" if read.problem == "due" else "board.quick.item", about=about)
        )
        return
    if read.quantity < 1:
        await context.respond(context.text("board.quantity_invalid", typed=str(read.quantity)))
        return
    draft = request_pb2.RequestDraft(
        item=read.item,
        quantity=read.quantity,
        profession=read.profession,
        quality=read.quality,
        tip=read.tip,
        note=read.note,
    )
    if read.due is not None:
        draft.due_time.CopyFrom(desk.timestamp("", read.due))
    await _put(context, draft)


async def edit(context: Context) -> None:
    """Opens the form with the request as it is."""
    desk = Desk(context)
    await open_form(context, (await desk.named(str(context.options["request"]))).request)


async def edit_pressed(context: Context) -> None:
    """The same from a card."""
    desk = Desk(context)
    await open_form(context, (await desk.get(context.custom_id.argument(0))).request)


async def open_form(context: Context, request: request_pb2.Request) -> None:
    """The form that changes a request."""
    await context.modal(
        modals.modal(
            encode(CHANGE, request.request_id, request.version),
            context.text("board.edit.title"),
            [
                modals.text_input("item", context.text("board.edit.item"), maximum=100, value=request.item),
                modals.text_input(
                    "quantity", context.text("board.edit.quantity"), maximum=6, value=str(request.quantity)
                ),
                modals.text_input(
                    "note",
                    context.text("board.edit.note"),
                    maximum=1000,
                    required=False,
                    long=True,
                    value=request.note,
                ),
                modals.text_input(
                    "tip", context.text("board.edit.tip"), maximum=100, required=False, value=request.tip
                ),
                modals.text_input(
                    "due",
                    context.text("board.extend.due"),
                    maximum=50,
                    required=False,
                    description=context.text("board.extend.example"),
                ),
            ],
        )
    )


async def change(context: Context) -> None:
    """Changes a request to what was entered in the form."""
    desk = Desk(context)
    fields = {name: cleaned(str(value)) for name, value in context.fields.items()}
    quantity = fields.get("quantity", "")
    if not (quantity.isascii() and quantity.isdecimal()) or int(quantity) < 1:
        await context.respond(context.text("board.quantity_invalid", typed=escaped(shortened(quantity, 20))))
        return
    request_id, version = context.custom_id.argument(0), version_of(context, 1)
    before = (await desk.get(request_id)).request
    draft = request_pb2.RequestDraft(
        item=fields.get("item", ""),
        quantity=int(quantity),
        profession=before.profession,
        quality=before.quality,
        materials=before.materials,
        note=fields.get("note", ""),
        tip=fields.get("tip", ""),
        character_id=before.character_id,
    )
    try:
        moment = await desk.moment(fields.get("due", ""))
        if moment is not None:
            draft.due_time.CopyFrom(moment)
        elif before.HasField("due_time"):
            draft.due_time.CopyFrom(before.due_time)
        answer = await desk.transition(request_id, request_pb2.REQUEST_ACTION_EDIT, version=version, draft=draft)
    except InvalidArgument as error:
        if not error.fields and error.reason != "DATE_INVALID":
            raise
        await context.respond(desk.wrong(error))
        return
    await answer_transition(desk, answer, "edit")


async def cancel(context: Context) -> None:
    """Asks whether to call a request off; in fast mode, calls it off."""
    desk = Desk(context)
    found = await desk.named(str(context.options["request"]))
    await do_or_ask(desk, found.request, request_pb2.REQUEST_ACTION_CANCEL)


async def show(context: Context) -> None:
    """Shows one request."""
    desk = Desk(context)
    found = await desk.named(str(context.options["request"]))
    await context.respond(await desk.card(found.request, found.allowed, await desk.professions()))


async def listed(context: Context) -> None:
    """Shows what is on the board, or what one asked for oneself."""
    await show_list(context, menus.View(menus.MINE if context.options.get("mine") else menus.ALL))


async def _put(context: Context, draft: request_pb2.RequestDraft) -> None:
    context.expect(private=False)
    desk = Desk(context)
    try:
        answer: Any = await desk.ask(
            desk.requests.CreateRequest(
                request_pb2.CreateRequestRequest(guild_id=desk.guild_id, idempotency_key=desk.key, draft=draft),
                timeout=desk.timeout,
            )
        )
    except InvalidArgument as error:
        if not error.fields:
            raise
        await context.respond(desk.wrong(error))
        return
    if answer.HasField("refusal"):
        await context.respond(cards.refused(answer.refusal, context.text))
        return
    said = context.text("board.created", request=lines.line(answer.request, context.text, await desk.professions()))
    await context.respond(message(said), private=False)


def register(registry: Registry) -> None:
    """Adds the commands."""
    which = Option("request", required=True, maximum=_ID_LENGTH, autocomplete=complete_request)
    registry.command(
        Command(
            "request",
            subcommands=(
                Command(
                    "new",
                    new,
                    options=(
                        Option("due", maximum=50),
                        Option("materials", choices=MATERIALS),
                        Option("quality", maximum=_QUALITY_LENGTH),
                    ),
                ),
                Command("quick", quick, options=(Option("text", required=True, minimum=1, maximum=1500),)),
                Command("list", listed, options=(Option("mine", OptionKind.BOOLEAN),)),
                Command("show", show, options=(which,)),
                Command("edit", edit, options=(which,)),
                Command("cancel", cancel, options=(which,)),
            ),
            feature=FEATURE,
            guild_only=True,
        )
    )
    registry.modal(NEW, create, FEATURE)
    registry.modal(CHANGE, change, FEATURE)
    registry.component(cards.EDIT, edit_pressed, FEATURE)
