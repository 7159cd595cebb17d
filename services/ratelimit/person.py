"""What ratelimit keeps about a person: wider limits they were granted, and how their counters stand.

Counters are not forgotten on demand, or everybody could lift their own limits; they run out by themselves, at the
latest with their calendar period.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from chassis.person_data import Forgotten
from chassis.runtime import JSON
from services.ratelimit.demands import Subject
from services.ratelimit.grant_store import GrantStore
from services.ratelimit.limiter import Limiter


class LimitsOfPerson:
    """Gives what there is, and forgets the grants."""

    def __init__(self, limiter: Limiter, grants: GrantStore) -> None:
        self._limiter = limiter
        self._grants = grants

    async def of_person(self, user_id: int) -> Mapping[str, JSON]:
        """See PersonData. Counters are those of the person alone, outside of guilds."""
        catalogue = self._limiter.asks.catalogue
        names = [name for name in catalogue.limits.policies if catalogue.counts_person_alone(name)]
        demands = catalogue.demands(Subject(user_id=user_id), [(name, 0) for name in names]) if names else []
        standing = await self._limiter.peek(demands)
        return {
            "limits": [{"limit": each.limit, "left": each.remaining, "of": each.capacity} for each in standing.limits],
            "wider_limits": [
                {
                    "limit": grant.limit,
                    "times": grant.times,
                    "guild_id": str(grant.guild_id),
                    "until": datetime.fromtimestamp(grant.until, UTC).isoformat(),
                }
                for grant in await self._grants.of_person(user_id)
            ],
        }

    async def forget_person(self, user_id: int) -> Forgotten:
        """See PersonData."""
        return Forgotten({"wider_limits": await self._grants.forget(user_id)}, kept=("limit_counters",))
