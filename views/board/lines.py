"""One request in words: what it is called, where it stands, in a line. Everything that people wrote is escaped."""

from collections.abc import Callable, Iterable, Mapping

from guildhall.board.v1 import request_pb2 as pb

from chassis.enums import short_name
from views.markdown import escaped, relative_time, shortened

Text = Callable[..., str]
"""A text by its key and values, in the reader's language."""

ITEM_SHOWN = 60
NAME_SHOWN = 40


def label(request: pb.Request) -> str:
    """What people call it: #12, or #12.1 for a part."""
    return f"#{request.number}.{request.part}" if request.part else f"#{request.number}"


def state_name(state: "pb.RequestState.ValueType") -> str:
    """The state's name in the catalogue: `open`, `claimed`, …"""
    return short_name(pb.RequestState.DESCRIPTOR, state)


def action_name(action: "pb.RequestAction.ValueType") -> str:
    """The action's name in the catalogue: `claim`, `complete`, …"""
    return short_name(pb.RequestAction.DESCRIPTOR, action)


def person(name: str) -> str:
    """Somebody's name, harmless and not too long."""
    return escaped(shortened(name, NAME_SHOWN)) or "?"


def thing(request: pb.Request) -> str:
    """What is wanted: 4 × Flask."""
    return f"{request.quantity:,} × {escaped(shortened(request.item, ITEM_SHOWN))}"


def plain_thing(request: pb.Request) -> str:
    """The same where Discord renders no markdown: options of selects, titles of posts."""
    return f"{request.quantity:,} × {shortened(request.item, ITEM_SHOWN)}"


def line(request: pb.Request, text: Text, professions: Mapping[str, str]) -> str:
    """One request in a line. `professions` are names by key."""
    parts = [f"**{label(request)}** {thing(request)}"]
    profession = professions.get(request.profession, request.profession)
    parts.append(escaped(profession) + (f" ({escaped(request.quality)})" if request.quality else ""))
    parts.append(text(f"board.state.{state_name(request.state)}"))
    if request.HasField("claim") and request.state != pb.REQUEST_STATE_CANCELLED:
        parts.append(text("board.by", name=person(request.claim.crafter_name)))
    parts.append(text("board.for", name=person(request.requester_name)))
    if request.HasField("due_time"):
        parts.append(text("board.due", when=relative_time(request.due_time.seconds)))
    return " · ".join(parts)


def problem(code: str, values: Mapping[str, str], text: Text) -> str:
    """What is wrong with something that was entered, in the reader's words; empty for a code that nobody knows."""
    try:
        return text(f"board.problem.{code}", **{name: escaped(value) for name, value in values.items()})
    except KeyError:
        # A board that is newer than this reader may name more.
        return ""


def within(lines: Iterable[str], limit: int) -> str:
    """As many whole lines as fit into a number of characters."""
    kept: list[str] = []
    length = 0
    for entry in lines:
        if length + len(entry) + 1 > limit:
            break
        kept.append(entry)
        length += len(entry) + 1
    return "\n".join(kept)
