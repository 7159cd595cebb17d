"""Rate limits as Discord's API applies them: buckets with headers, the global limit, sub-limits nobody announces, bans.

A bucket's key is credential, bucket name and top-level resource (https://discord.com/developers/docs/topics/rate-limits).
"sliding" buckets are GCRA (Turner 1986): one slot comes back every seconds/limit. "fixed" ones are windows that open
with their first call.
"""

import hashlib
import math
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from chassis.clock import Clock
from sandbox.discord import limits
from sandbox.discord.limits import HiddenRate, Rate
from sandbox.discord.rest.router import Route
from sandbox.discord.snowflake import to_time

# Clients take an interaction for the webhook that its token makes it, so each interaction counts by itself.
_TOP_LEVEL = ("channel_id", "guild_id", "webhook_id", "webhook_token", "interaction_id")
_MOST_BUCKETS = 20_000


@dataclass(slots=True)
class Bucket:
    """How much of one bucket is used. `theoretical`: when all of it is back (sliding), or its window's end (fixed)."""

    rate: Rate
    route: str
    key: str
    theoretical: float = 0.0
    used: int = 0

    def state(self, now: float) -> tuple[int, float]:
        """Calls left, and seconds until all are back."""
        if self.rate.kind == "fixed":
            if now >= self.theoretical:
                return self.rate.limit, self.rate.seconds
            return self.rate.limit - self.used, self.theoretical - now
        backlog = max(0.0, self.theoretical - now)
        step = self.rate.seconds / self.rate.limit
        return max(0, self.rate.limit - math.ceil(backlog / step - 1e-6)), backlog

    def take(self, now: float) -> float:
        """Takes one call; 0, or the seconds to wait where none is left."""
        if self.rate.kind == "fixed":
            if now >= self.theoretical:
                self.theoretical, self.used = now + self.rate.seconds, 0
            if self.used >= self.rate.limit:
                return self.theoretical - now
            self.used += 1
            return 0.0
        step = self.rate.seconds / self.rate.limit
        start = max(self.theoretical, now)
        wait = start + step - now - self.rate.seconds
        if wait > 1e-9:
            return wait
        self.theoretical = start + step
        return 0.0


@dataclass(slots=True)
class Verdict:
    """What the limits say: headers for the answer and, where refused, how."""

    bucket: str
    headers: dict[str, str] = field(default_factory=dict)
    retry_after: float = 0.0
    scope: str = ""
    code: int = 0
    banned: bool = False

    @property
    def refused(self) -> bool:
        """Whether the answer is a 429."""
        return self.retry_after > 0


class RateLimits:
    """All counting of one sandbox, on the clock's monotonic time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._buckets: dict[tuple[str, str, str], Bucket] = {}
        self._hidden: dict[tuple[str, str, str], deque[float]] = {}
        self._global: dict[str, tuple[int, int]] = {}
        self._invalid: dict[str, deque[float]] = {}
        self._banned_until: dict[str, float] = {}
        self.refusals: dict[str, int] = {}

    def check(self, credential: str, route: Route, params: dict[str, str], body: Any, *, address: str) -> Verdict:
        """Counts one request."""
        now = self._clock.monotonic()
        rate = limits.RATES.get(route.key, limits.DEFAULT_RATE)
        name = route.key if rate is limits.DEFAULT_RATE else rate.name
        top = "/".join(params[part] for part in _TOP_LEVEL if part in params)
        verdict = Verdict(bucket_hash(rate.hash_of or name))
        if self._banned_until.get(address, 0.0) > now:
            verdict.retry_after, verdict.banned = self._banned_until[address] - now, True
            return self._refuse(verdict, "ban")
        family = route.template.split("/", 2)[1]
        if family not in limits.EXEMPT_FROM_GLOBAL and not route.token_free and not self._take_global(credential, now):
            verdict.retry_after, verdict.scope = 1.0 - now % 1.0 or 1.0, "global"
            return self._refuse(verdict, "global")
        owner = "shared" if rate.shared else credential
        key = (owner, name, top)
        bucket = self._buckets.get(key)
        if bucket is None:
            self._make_room(now)
            bucket = self._buckets[key] = Bucket(rate, route.key, top)
        verdict.retry_after = bucket.take(now)
        if verdict.refused:
            verdict.scope = "shared" if rate.shared else "user"
        remaining, reset_after = bucket.state(now)
        verdict.headers = self._headers(verdict.bucket, rate, remaining, verdict.retry_after or reset_after)
        if verdict.refused:
            return self._refuse(verdict, rate.name if rate is not limits.DEFAULT_RATE else route.key)
        for hidden in limits.HIDDEN_RATES:
            if hidden.route == route.key and self._applies(hidden, params, body):
                wait = self._take_hidden(hidden, (credential, hidden.name, top), now)
                if wait > 0:
                    verdict.retry_after, verdict.scope, verdict.code = wait, "user", hidden.code
                    return self._refuse(verdict, hidden.name)
        return verdict

    def _refuse(self, verdict: Verdict, name: str) -> Verdict:
        self.refusals[name] = self.refusals.get(name, 0) + 1
        return verdict

    def _headers(self, name: str, rate: Rate, remaining: int, reset_after: float) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(rate.limit),
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Reset": f"{self._clock.now() + reset_after:.3f}",
            "X-RateLimit-Reset-After": f"{reset_after:.3f}",
            "X-RateLimit-Bucket": name,
        }

    def _take_global(self, credential: str, now: float) -> bool:
        second = int(now)
        at, used = self._global.get(credential, (second, 0))
        if at != second:
            used = 0
        if used >= limits.GLOBAL_PER_SECOND:
            return False
        self._global[credential] = (second, used + 1)
        return True

    def _applies(self, hidden: HiddenRate, params: dict[str, str], body: Any) -> bool:
        if hidden.fields:
            return isinstance(body, dict) and any(name in body for name in hidden.fields)
        if hidden.condition:
            message_id = params.get("message_id", "")
            if not message_id.isdecimal():
                return False
            age = self._clock.now() - to_time(int(message_id))
            return {
                "message_older_than_hour": age > limits.SIZES.old_message_seconds,
                "message_older_than_two_weeks": age > limits.SIZES.bulk_delete_age_days * 86400,
                "message_younger_than_ten_seconds": age < 10,
            }[hidden.condition]
        return True

    def _take_hidden(self, hidden: HiddenRate, key: tuple[str, str, str], now: float) -> float:
        taken = self._hidden.setdefault(key, deque())
        while taken and now - taken[0] >= hidden.seconds:
            taken.popleft()
        if len(taken) >= hidden.limit:
            return taken[0] + hidden.seconds - now
        taken.append(now)
        return 0.0

    def count_invalid(self, address: str) -> int:
        """Counts a 401, 403 or unshared 429; too many in ten minutes ban the address. Answers how many there are."""
        now = self._clock.monotonic()
        seen = self._invalid.setdefault(address, deque())
        while seen and now - seen[0] > limits.INVALID_WINDOW_SECONDS:
            seen.popleft()
        seen.append(now)
        if len(seen) >= limits.INVALID_REQUESTS:
            self._banned_until[address] = now + limits.BAN_SECONDS
        return len(seen)

    def invalid_count(self) -> int:
        """Invalid requests within the last ten minutes, all addresses together."""
        return sum(len(seen) for seen in self._invalid.values())

    def live(self) -> list[dict[str, Any]]:
        """The buckets in use now."""
        now = self._clock.monotonic()
        answer = []
        for (owner, name, _), bucket in self._buckets.items():
            remaining, reset_after = bucket.state(now)
            if remaining < bucket.rate.limit:
                answer.append(
                    {
                        "bucket": bucket_hash(bucket.rate.hash_of or name),
                        "name": name,
                        "route": bucket.route,
                        "key": bucket.key,
                        "shared": owner == "shared",
                        "limit": bucket.rate.limit,
                        "remaining": remaining,
                        "reset_after": round(reset_after, 3),
                    }
                )
        return answer

    def _make_room(self, now: float) -> None:
        if len(self._buckets) >= _MOST_BUCKETS:
            for key in [k for k, b in self._buckets.items() if b.state(now)[0] == b.rate.limit]:
                del self._buckets[key]


def bucket_hash(name: str) -> str:
    """A bucket's name as the header shows it: opaque, the same every time."""
    return hashlib.blake2b(name.encode(), digest_size=16).hexdigest()
