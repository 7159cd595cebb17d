"""What people read when an answer cannot be given as asked: one table from reasons to texts."""

from __future__ import annotations

from chassis.errors import GuildhallError

_TEXTS = {
    "EMPTY_PROMPT": "There is no question in that. Write what you would like to know, and I will answer.",
    "ATTACHMENT_ONLY": "I got the attachment, but no question with it. Write what you would like to know about it.",
    "PROMPT_TOO_LONG": "That is longer than I can read at once. Please shorten it, or ask in several parts.",
    "MODEL_UNKNOWN": "There is no model of that name here. Leave it out for the usual one, or pick from the list.",
    "MODEL_FORBIDDEN": "That model is not open to you here. Leave the name out for the usual one.",
    "PROVIDER_UNAVAILABLE": "The language model cannot be reached just now. Please ask again in a while.",
    "LLM_UNAVAILABLE": "The language service has not come back in time. Please ask again in a while.",
    "CONTENT_FILTERED": "The language model's provider declined to answer this.",
    "LIMITED": "A limit is used up for now. Please ask again later.",
    "EMPTY_ANSWER": "The language model gave an empty answer. Asking again, perhaps in other words, often helps.",
    "THREAD_GONE": "The thread was deleted before the answer was there, so I stopped.",
    "NO_THREAD": "I may not open a thread here, so the answer is in this channel.",
    "INTERNAL": "Something went wrong on my side while answering. It is logged; please ask again.",
}

_INTERRUPTED = "(The answer breaks off here: the connection to the language model was lost.)"
_CUT = "(The answer breaks off here: it reached its length limit.)"
_FILTERED = "(The answer breaks off here: the provider's content filter stopped it.)"
_TIME_UP = "(The answer breaks off here: a private answer cannot be changed after 15 minutes.)"


def for_reason(reason: str) -> str:
    """The text for a reason; unknown ones are our fault."""
    return _TEXTS.get(reason, _TEXTS["INTERNAL"])


def for_error(error: GuildhallError) -> str:
    """The text for a failed call, with when to try again where that is known."""
    reason = (
        error.reason
        if error.reason in _TEXTS
        else "LIMITED"
        if error.reason.endswith(("LIMITED", "EXHAUSTED"))
        else "INTERNAL"
    )
    text = for_reason(reason)
    if error.retry_after and error.retry_after >= 1:
        text += f" (It should work again in about {_span(error.retry_after)}.)"
    return text


def interrupted() -> str:
    """Marks an answer whose stream broke."""
    return _INTERRUPTED


def cut() -> str:
    """Marks an answer that reached the output cap."""
    return _CUT


def filtered() -> str:
    """Marks an answer that a content filter stopped."""
    return _FILTERED


def time_up() -> str:
    """Marks a private answer whose token is about to die."""
    return _TIME_UP


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{round(seconds)} seconds"
    if seconds < 5400:
        return f"{round(seconds / 60)} minutes"
    return f"{round(seconds / 3600)} hours"
