"""Turns what providers and their SDKs report into one kind of failure. Both vendors' errors have the same shape."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
import httpx2

from services.llm.chat import FailureKind, ProviderFailure

TRANSPORT = (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, aiohttp.ClientError, OSError)
"""What a connection raises that breaks, or does not speak HTTP as it should. The SDKs pass some of it on as it is."""
UNREADABLE = (ValueError, TypeError, AttributeError, LookupError, RecursionError)
"""What reading raises where JSON is none, or has another shape than the format says."""
_TOO_LONG = re.compile(
    r"context[ _]?(length|window)|maximum context|prompt is too long|too many (input )?tokens|"
    r"exceeds? the (model|context)",
    re.I,
)
_REFUSED = re.compile(r"content[ _]?(policy|filter|management)|safety system|moderation", re.I)
_QUOTA = re.compile(r"insufficient_quota|credit balance|billing|quota exceeded", re.I)
_OUR_FAULT = re.compile(r"invalid|bad.?request|unsupported|not.?found|permission|authentication", re.I)
_KINDS = {
    401: FailureKind.AUTHENTICATION, 402: FailureKind.QUOTA, 403: FailureKind.AUTHENTICATION,
    404: FailureKind.MODEL_UNKNOWN, 408: FailureKind.TIMEOUT, 409: FailureKind.OVERLOADED,
    413: FailureKind.PROMPT_TOO_LONG, 425: FailureKind.OVERLOADED, 429: FailureKind.RATE_LIMITED,
}  # fmt: skip


def from_status(status: int, headers: Mapping[str, str], body: object) -> ProviderFailure:
    """The failure behind an HTTP status. `body` is the provider's error, decoded where it was JSON."""
    detail = _detail(body)
    kind = _KINDS.get(status, FailureKind.OVERLOADED if status >= 500 else FailureKind.BAD_REQUEST)
    if kind is FailureKind.RATE_LIMITED and _QUOTA.search(detail):
        kind = FailureKind.QUOTA
    elif kind is FailureKind.BAD_REQUEST:
        if _TOO_LONG.search(detail):
            kind = FailureKind.PROMPT_TOO_LONG
        elif _REFUSED.search(detail):
            kind = FailureKind.CONTENT_REFUSED
        elif _QUOTA.search(detail):
            kind = FailureKind.QUOTA
    return ProviderFailure(kind, detail, retry_after=retry_after(headers), status=status)


def from_transport(error: Exception, *, streaming: bool) -> ProviderFailure:
    """The failure behind an exception that carries no status.

    Args:
        error: What the SDK or the HTTP library raised.
        streaming: Whether the answer had begun.
    """
    cause = error.__cause__ if error.__cause__ is not None else error
    if not streaming and _unconnected(cause):
        return ProviderFailure(FailureKind.UNREACHABLE, type(cause.__cause__ or cause).__name__)
    if isinstance(cause, TimeoutError | httpx2.TimeoutException) or "timeout" in type(error).__name__.lower():
        return ProviderFailure(FailureKind.STALLED if streaming else FailureKind.TIMEOUT, type(cause).__name__)
    return ProviderFailure(FailureKind.DROPPED if streaming else FailureKind.UNREACHABLE, type(cause).__name__)


def _unconnected(error: BaseException) -> bool:
    """Whether there was no connection to ask on, or none any more. The aiohttp transport calls all of these a time-out
    in connecting: one that is refused, a name that nobody knows, a server that hangs up.
    """
    return isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout)


def from_event(error: object) -> ProviderFailure:
    """The failure behind an error that came inside a stream.

    The request was taken, so what says nothing about it is the provider's fault. Some give an HTTP status as the code.
    """
    body = {"error": error}
    detail = _detail(body)
    if status := _status_in(error):
        return from_status(status, {}, body)
    if re.search(r"overloaded|server_error|api_error|internal|unavailable", detail, re.I):
        return ProviderFailure(FailureKind.OVERLOADED, detail)
    if re.search(r"rate.?limit", detail, re.I):
        return ProviderFailure(FailureKind.RATE_LIMITED, detail)
    failure = from_status(400, {}, body)
    if failure.kind is FailureKind.BAD_REQUEST and not _OUR_FAULT.search(detail):
        return ProviderFailure(FailureKind.OVERLOADED, detail)
    return failure


def _status_in(error: object) -> int:
    """The HTTP status that an error inside a stream names; 0 where it names none."""
    if isinstance(error, Mapping):
        for key in ("code", "status", "status_code"):
            value = str(error.get(key, ""))
            if value.isdecimal() and 400 <= int(value[:4]) <= 599:
                return int(value)
    return 0


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds that the headers ask to wait, by `retry-after-ms` or by `retry-after` in seconds or as a date."""
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1_000
    value = headers.get("retry-after")
    if value is None or (seconds := _number(value)) is not None:
        return seconds if value is not None else None
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def _number(value: str | None) -> float | None:
    try:
        number = float(value) if value is not None else None
    except ValueError:
        return None
    return number if number is not None and 0 <= number < 1e9 else None


def _detail(body: object) -> str:
    """A line about an error: its type, code and message, without what we sent."""
    error = body.get("error", body) if isinstance(body, Mapping) else body
    if isinstance(error, Mapping):
        parts = [str(error[key]) for key in ("type", "code", "message") if error.get(key)]
        return ": ".join(dict.fromkeys(parts))[:500]
    return str(error or "")[:500]
