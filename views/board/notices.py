"""What people are told about their requests and claims, each at once or gathered."""

from collections.abc import Iterable, Mapping
from typing import Any

from guildhall.board.v1 import event_pb2, request_pb2

from chassis.enums import UNKNOWN, short_name
from views.board.cards import GUILD_MARK, SHOW, embed
from views.board.lines import Text, action_name, label, person, thing, within
from views.components import button, row
from views.custom_id import encode
from views.markdown import escaped, relative_time
from views.messages import message


def notice(event: event_pb2.BoardEvent, concern: "event_pb2.Concern.ValueType", text: Text) -> str:
    """What one person is told about one event; empty where it does not matter to them."""
    request = event.request
    whose = short_name(event_pb2.Concern.DESCRIPTOR, concern)
    name = action_name(event.action)
    if UNKNOWN in (whose, name) or name in _SILENT.get(whose, frozenset()):
        return ""
    if (event.action == request_pb2.REQUEST_ACTION_CREATE) != (concern == event_pb2.CONCERN_SUBSCRIBER):
        return ""
    said = text(
        f"board.told.{whose}.{name}",
        request=f"{label(request)} {thing(request)}",
        name=person(event.actor_name) if event.actor_id else text("board.itself"),
        crafter=person(request.claim.crafter_name),
        when=relative_time((request.claim.release_time if name == "nudge" else request.due_time).seconds),
    )
    if not event.actor_id:
        # The board itself may stand at the beginning of the sentence.
        return said[:1].upper() + said[1:]
    return f"{said} ({escaped(event.detail)})" if event.detail else said


# What everybody sees on the board anyway and nobody has to act on.
_SILENT = {
    "requester": frozenset({"edit", "extend", "split", "nudge", "create", "name_character"}),
    "crafter": frozenset({"create", "split", "claim", "expire", "reopen", "name_character"}),
}


def direct_message(
    event: event_pb2.BoardEvent, said: str, text: Text, professions: Mapping[str, str]
) -> dict[str, Any]:
    """One notice as a direct message with the request's card."""
    return message(
        said,
        embeds=[embed(event.request, text, professions)],
        components=[
            row(button(encode(SHOW, event.request.request_id, f"{GUILD_MARK}{event.guild_id}"), text("board.open")))
        ],
    )


def digest(notices: Iterable[str], text: Text) -> dict[str, Any]:
    """Several notices in one message, the oldest first."""
    lines = list(notices)
    shown = within([f"- {said}" for said in lines], 1800)
    left = len(lines) - len(shown.splitlines())
    tail = f"\n{text('board.digest.more', count=left)}" if left > 0 else ""
    return message(f"{text('board.digest.title')}\n{shown}{tail}")
