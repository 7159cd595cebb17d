"""Answers to people: in place of their own menu where a press on it asked, else as a private message."""

from typing import Any

from guildhall.board.v1 import request_pb2

from services.gateway.board.desk import Desk
from services.gateway.context import Context
from services.gateway.events import InteractionKind
from views.board import cards, lines
from views.messages import EPHEMERAL, message


async def do_or_ask(desk: Desk, request: request_pb2.Request, action: int) -> None:
    """Does what cannot be undone in fast mode; else asks first."""
    if (await desk.manners()).fast:
        answer = await desk.transition(request.request_id, action, version=request.version)
        await answer_transition(desk, answer)
        return
    professions = await desk.professions()
    await put(desk.context, cards.confirmation(request, action, desk.context.text, professions, guild_id=desk.carried))  # type: ignore[arg-type]


async def answer_transition(desk: Desk, answer: request_pb2.TransitionRequestResponse, did: str = "") -> None:
    """Says what came of it and shows how the request is now. A confirmation vanishes after a while.

    `did` names an action that the state does not tell of.
    """
    context = desk.context
    professions = await desk.professions()
    if answer.HasField("refusal"):
        refusal = answer.refusal
        said = cards.refused(refusal, context.text)
        if not refusal.HasField("request"):
            await put(context, message(said))
            return
        await put(context, await desk.card(refusal.request, refusal.allowed, professions, notice=said))
        return
    request = answer.request
    state = context.text(f"board.state.{lines.state_name(request.state)}")
    said = context.text(f"board.done_by.{did}" if did else "board.done", request=desk.said(request), state=state)
    manners = await desk.manners()
    final = request.state in (request_pb2.REQUEST_STATE_COMPLETED, request_pb2.REQUEST_STATE_CANCELLED)
    card = None if final else await desk.card(request, answer.allowed, professions, notice=said)
    # From a post that everybody sees one word is enough, unless there is something to choose.
    choosing = card is not None and any(
        part.get("options") for line in card["components"] for part in line["components"]
    )
    if card is None or (is_public(context) and not choosing):
        await put(context, message(said))
        context.vanish(manners.vanish_after)
        return
    await put(context, card)


def version_of(context: Context, place: int) -> int:
    """The version that a custom_id carries; 0 where it carries none."""
    version = context.custom_id.argument(place, "0")
    return int(version) if version.isascii() and version.isdecimal() and len(version) < 19 else 0


def is_public(context: Context) -> bool:
    """Whether the interaction came from something that everybody sees."""
    shown = context.interaction.message
    return bool(shown) and not shown.get("flags", 0) & EPHEMERAL and not context.interaction.direct


async def put(context: Context, body: dict[str, Any]) -> None:
    """In place of the person's own menu where a press on it brought this; else as a private answer."""
    own = bool(context.interaction.message) and not is_public(context)
    if context.interaction.kind in (InteractionKind.COMPONENT, InteractionKind.MODAL) and own:
        # What the new message does not have must not stay from the old one.
        await context.update({"content": "", "embeds": [], "components": [], **body})
        return
    await context.respond(body)
