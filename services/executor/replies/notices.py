"""What people read when an answer cannot be given as asked: reasons become texts of the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from guildhall.llm.v1 import generation_pb2

from chassis.errors import GuildhallError
from views import limits
from views.catalogue import Catalogue, texts
from views.markdown import relative_time

Text = Callable[..., str]

_REMARKS = {
    generation_pb2.FINISH_REASON_LENGTH: "reply.remark.cut",
    generation_pb2.FINISH_REASON_CONTENT_FILTER: "reply.remark.filtered",
    generation_pb2.FINISH_REASON_INTERRUPTED: "reply.remark.interrupted",
}


def in_locale(locale: str, catalogue: Catalogue | None = None) -> Text:
    """The catalogue's texts in the language of a locale."""
    return partial((catalogue or texts()).text, locale)


def for_reason(text: Text, reason: str) -> str:
    """The text for a reason; unknown ones are our fault."""
    return text(_key(reason))


def for_error(text: Text, error: GuildhallError, now: float) -> str:
    """The text for a failed call, with when to try again where that is known."""
    said = text(_key(error.reason))
    if error.retry_after and error.retry_after >= 1:
        said += "\n" + text("error.retry_after", when=relative_time(now + error.retry_after))
    return said


def for_denial(text: Text, denied: generation_pb2.Denied, now: float) -> str:
    """The text for a limit that stands against an answer."""
    when = relative_time(now + denied.retry_after.ToNanoseconds() / 1e9)
    return limits.denied(text, denied.limit, remaining=denied.remaining, capacity=denied.capacity, when=when)


def for_start(text: Text, started: generation_pb2.Started, *, rebuilt: bool = True) -> list[str]:
    """What people are told of how an answer came about; `rebuilt` false keeps quiet about a conversation read anew."""
    said = [text("reply.remark.rebuilt")] if started.rebuilt and rebuilt else []
    if started.downgraded_from:
        said.append(text("reply.remark.downgraded", model=started.downgraded_from))
    return said


def remark(text: Text, finish_reason: int) -> str:
    """What an answer must end with because of how its stream ended; empty for a good end."""
    key = _REMARKS.get(finish_reason)  # type: ignore[call-overload]
    return text(key) if key else ""


def _key(reason: str) -> str:
    key = f"error.{reason.lower()}"
    return key if texts().has(key) else "error.internal"
