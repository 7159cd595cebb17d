"""What administrators do: forget what somebody has used, and make limits wider for somebody until a date. Every use is
audited, refused ones too.

The audit trail is a stream in the limits' store, bounded in length and time, and a line in the log. Operators (section
`limits.operators`) may reset anything; whoever administers a guild, what stands under that guild, and the counters of
the persons in it.
"""

from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from chassis.caller import Caller, Person
from chassis.clock import Clock
from chassis.errors import InvalidArgument, PermissionDenied, Unavailable
from chassis.settings import Live
from services.ratelimit.demands import PREFIX, Subject
from services.ratelimit.grant_store import GrantStore
from services.ratelimit.grants import Grant
from services.ratelimit.limiter import Limiter
from services.ratelimit.limits import PERMISSION_BITS
from services.ratelimit.settings import RatelimitSettings

AUDIT_KEY = f"{PREFIX}:{{*}}:audit"
_AUDIT_LENGTH = 10_000
_AUDIT_SECONDS = 90 * 86_400
_LONGEST_REASON = 512
_log = structlog.stdlib.get_logger(__name__)


class Administration:
    """Resets counters and grants wider limits."""

    def __init__(
        self, limiter: Limiter, redis: Redis, clock: Clock, grants: GrantStore, settings: Live[RatelimitSettings]
    ) -> None:
        self._limiter, self._redis, self._clock, self._grants = limiter, redis, clock, grants
        self._settings = settings

    async def reset(self, subject: Subject, names: list[str], reason: str, caller: Caller) -> list[str]:
        """Forgets counters and gives the limits' names. PermissionDenied for whoever may not."""
        _check(reason)
        found = self._limiter.asks.catalogue.keys(subject, names)
        allowed = self._may(subject, {tag for _, _, tag in found}, caller)
        await self._audit("reset", subject, [limit for limit, _, _ in found], reason, caller, allowed=allowed)
        if not allowed:
            raise PermissionDenied(
                "only administrators reset limits, in their own guild", reason="NOT_AN_ADMINISTRATOR"
            )
        try:
            for _, key, _ in found:
                await self._redis.unlink(key)
        except (RedisError, OSError) as error:
            raise Unavailable("the limits' store is away", reason="STORE_UNAVAILABLE", retry_after=1.0) from error
        for limit, _, _ in found:
            self._limiter.decisions.counts[limit, "reset"] += 1
        return [limit for limit, _, _ in found]

    async def grant(
        self, subject: Subject, names: list[str], times: int, *, until: float, reason: str, caller: Caller
    ) -> list[str]:
        """Makes limits wider for a person, or as usual again, and gives their names. PermissionDenied for whoever may
        not."""
        _check(reason)
        settings = self._settings.current.grants
        now = self._clock.now()
        if not 1 <= times <= settings.most_times or not now < until <= now + settings.longest:
            raise InvalidArgument(
                "not a grant",
                reason="GRANT_INVALID",
                fields={"times": f"1 to {settings.most_times}", "until": f"within {settings.longest:g} s from now"},
            )
        limits = self._limiter.asks.catalogue.by_person(names)
        if not subject.user_id or not limits:
            raise InvalidArgument(
                "only limits that count by person are made wider, for a person",
                reason="NOTHING_TO_GRANT",
                fields={"limits": "none of them counts by person"},
            )
        allowed = self._may_grant(subject, caller)
        await self._audit(f"grant {times} until {until:.0f}", subject, limits, reason, caller, allowed=allowed)
        if not allowed:
            raise PermissionDenied("only administrators grant, in their own guild", reason="NOT_AN_ADMINISTRATOR")
        by = caller.person.user_id if caller.person else 0
        try:
            await self._grants.give(
                [Grant(limit, subject.user_id, subject.guild_id, times, until, by) for limit in limits],
                settings.most,
                settings.longest,
            )
        except (RedisError, OSError) as error:
            raise Unavailable("the limits' store is away", reason="STORE_UNAVAILABLE", retry_after=1.0) from error
        return limits

    def granted(self, subject: Subject, caller: Caller) -> list[Grant]:
        """What a person was granted. PermissionDenied for whoever may not know."""
        person = caller.person
        if person is not None and person.user_id != subject.user_id and not self._may_grant(subject, caller):
            raise PermissionDenied("this is between the person and administrators", reason="NOT_AN_ADMINISTRATOR")
        return self._limiter.asks.grants.of(subject.user_id, subject.guild_id)

    def _may_grant(self, subject: Subject, caller: Caller) -> bool:
        person = caller.person
        if person is None:
            return False
        if person.user_id in self._limiter.asks.catalogue.limits.operators:
            return True
        return bool(person.guild_id) and person.guild_id == subject.guild_id and _administers(person)

    def _may(self, subject: Subject, tags: set[str], caller: Caller) -> bool:
        person = caller.person
        if person is None:
            return False
        if person.user_id in self._limiter.asks.catalogue.limits.operators:
            return True
        # Wide counters are everybody's: an administrator has no say there.
        own = {f"g{person.guild_id}"}
        return (
            bool(person.guild_id)
            and person.guild_id == subject.guild_id
            and _administers(person)
            and (tags <= own | {f"u{subject.user_id}"})
        )

    async def _audit(
        self, action: str, subject: Subject, limits: list[str], reason: str, caller: Caller, *, allowed: bool
    ) -> None:
        entry: dict[Any, Any] = {
            "action": action,
            "at": f"{self._clock.now():.3f}",
            "by": str(caller.person.user_id if caller.person else 0),
            "service": caller.service,
            "guild": str(subject.guild_id),
            "user": str(subject.user_id),
            "limits": ",".join(limits),
            "reason": reason,
            "allowed": str(int(allowed)),
        }
        _log.warning("limits administered" if allowed else "administration of limits refused", audit=True, **entry)
        try:
            await self._redis.xadd(AUDIT_KEY, {**entry}, maxlen=_AUDIT_LENGTH, approximate=True)
            await self._redis.expire(AUDIT_KEY, _AUDIT_SECONDS)
        except (RedisError, OSError) as error:
            # What can't be audited is not done.
            raise Unavailable(
                "the audit trail can't be written", reason="STORE_UNAVAILABLE", retry_after=1.0
            ) from error


def _check(reason: str) -> None:
    if not reason.strip() or len(reason) > _LONGEST_REASON:
        raise InvalidArgument(
            "whoever administers limits says why",
            reason="NO_REASON",
            fields={"reason": f"1 to {_LONGEST_REASON} characters"},
        )


def _administers(person: Person) -> bool:
    return bool(person.permissions & (PERMISSION_BITS["administrator"] | PERMISSION_BITS["manage_guild"]))
