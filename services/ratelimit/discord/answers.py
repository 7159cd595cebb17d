"""What Discord's answer says of limits, read from its headers. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

_LONGEST_US = 40 * 86_400 * 1_000_000


@dataclass(frozen=True, slots=True)
class RestAnswer:
    """One answer. Times in microseconds; status 0 is no answer."""

    status: int
    bucket: str = ""
    limit: int = 0
    remaining: int = 0
    reset_after_us: int = 0
    retry_after_us: int = 0
    is_global: bool = False
    shared: bool = False
    travel_us: int = 0
    """From sending to the answer; 0 where nobody measured it."""
    named: bool = False
    """Whether Discord's error code names a limit of its own, which is not the bucket's."""

    @property
    def has_headers(self) -> bool:
        """Whether it names a bucket's state."""
        return self.limit > 0

    @property
    def invalid(self) -> bool:
        """Whether it counts towards the ban of the address."""
        return self.status in (401, 403) or (self.status == 429 and not self.shared)


def read_answer(
    status: int,
    headers: Mapping[str, str],
    retry_after_us: int,
    is_global: bool,
    travel_us: int = 0,
    *,
    error_code: int = 0,
) -> RestAnswer:
    """Reads what was reported; what can't be read counts as absent."""
    given = {name.lower(): value for name, value in headers.items()}
    scope = given.get("x-ratelimit-scope", "")
    limit = _number(given.get("x-ratelimit-limit"), 1)
    retry = retry_after_us or _number(given.get("retry-after"), 1_000_000)
    if status == 429 and not retry:
        # Discord always says; a proxy in between may not.
        retry = _number(given.get("x-ratelimit-reset-after"), 1_000_000) or 1_000_000
    return RestAnswer(
        status=status,
        bucket=given.get("x-ratelimit-bucket", "")[:128],
        limit=limit,
        remaining=min(limit, _number(given.get("x-ratelimit-remaining"), 1)),
        reset_after_us=_number(given.get("x-ratelimit-reset-after"), 1_000_000),
        retry_after_us=min(retry, _LONGEST_US),
        is_global=is_global or scope == "global" or given.get("x-ratelimit-global", "").lower() == "true",
        shared=scope == "shared",
        travel_us=min(travel_us, _LONGEST_US),
        named=status == 429 and error_code > 0,
    )


def _number(text: str | None, scale: int) -> int:
    try:
        value = float(text or 0)
    except ValueError:
        return 0
    return min(_LONGEST_US, -int(-value * scale // 1)) if 0 < value < float("inf") else 0
