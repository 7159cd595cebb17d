"""What gateway keeps about a person: how often they used commands, by guild and day."""

from collections.abc import Mapping

from chassis.person_data import Forgotten
from chassis.runtime import JSON
from services.gateway.analytics.recorder import ActivityRecorder
from services.gateway.analytics.store import ActivityStore


class ActivityOfPerson:
    """Gives and forgets it."""

    def __init__(self, store: ActivityStore, recorder: ActivityRecorder) -> None:
        self._store = store
        self._recorder = recorder

    async def of_person(self, user_id: int) -> Mapping[str, JSON]:
        """See PersonData."""
        await self._recorder.flush()
        shares = await self._store.shares_of(user_id)
        return {
            "commands_used": [
                {
                    "guild_id": str(share.guild_id),
                    "day": share.day.isoformat(),
                    "outcome": share.outcome.value,
                    "uses": count,
                }
                for share, count in sorted(
                    shares.items(), key=lambda item: (item[0].day, item[0].guild_id, item[0].outcome.value)
                )
            ]
        }

    async def forget_person(self, user_id: int) -> Forgotten:
        """See PersonData."""
        await self._recorder.flush()
        return Forgotten({"days_of_activity": await self._store.forget(user_id)})
