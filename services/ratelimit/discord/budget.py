"""The budget of invalid requests per egress address.

Discord bans an address for answers of 401, 403 and 429 (unless shared), whichever credential they were for. They are
counted in a sliding window; long before the ban only final texts go out, and then nothing.
"""

from chassis.clock import Clock
from services.ratelimit.algorithms import FORCED, SlidingWindow
from services.ratelimit.decider import Decider, Mode
from services.ratelimit.demands import PREFIX
from services.ratelimit.discord.settings import InvalidBudget
from services.ratelimit.packing import Packer

_REMEMBERED_SECONDS = 0.25


class InvalidRequests:
    """Counts invalid requests, and says when to stop."""

    def __init__(self, settings: InvalidBudget, decider: Decider, clock: Clock) -> None:
        self._settings, self._decider, self._clock = settings, decider, clock
        self._algorithm = SlidingWindow(settings.ban_at, round(settings.window * 1e6), 60)
        self._packer = Packer(self._algorithm)
        self._seen: dict[str, tuple[float, int, float]] = {}

    def use(self, settings: InvalidBudget) -> None:
        """Puts a configuration in force."""
        self.__init__(settings, self._decider, self._clock)  # type: ignore[misc]

    async def stop(self, egress: str, *, final: bool) -> float | None:
        """Seconds to wait where nothing may be sent any more, else None. StoreAway, if the store is."""
        now = self._clock.monotonic()
        seen = self._seen.get(egress)
        if seen is None or seen[0] < now:
            outcome = await self._look(egress, Mode.PEEK, 0)
            seen = (now + _REMEMBERED_SECONDS, int(outcome[0]), outcome[1] / 1e6)
            self._seen[egress] = seen
        _, used, reset = seen
        if used >= self._settings.stop_at or (used >= self._settings.finals_only_at and not final):
            return max(1.0, reset)
        return None

    async def count(self, egress: str) -> None:
        """Counts one. StoreAway, if the store is."""
        outcome = await self._look(egress, Mode.TAKE, 1)
        self._seen[egress] = (self._clock.monotonic() + _REMEMBERED_SECONDS, int(outcome[0]), outcome[1] / 1e6)

    async def _look(self, egress: str, mode: Mode, cost: int) -> tuple[float, float]:
        tag = f"i{egress}" if egress.replace(".", "").replace(":", "").isalnum() else "i"
        key = f"{PREFIX}:{{{tag}}}:invalid"
        outcome = await self._decider.submit(mode, tag, [key], [self._packer.pack(FORCED, cost, 0)])
        return outcome.counters[0][2], outcome.counters[0][3]
