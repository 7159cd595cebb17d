"""Against bots that answer one another for ever: too many messages by bots in a channel make this one quiet there."""

from collections import deque

from chassis.clock import Clock
from services.gateway.settings import LoopGuard as LoopGuardSettings

_MOST_CHANNELS = 1_000


class LoopGuard:
    """Counts messages by bots, this one's own included, for each channel."""

    def __init__(self, settings: LoopGuardSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._seen: dict[int, deque[tuple[float, int]]] = {}
        self._quiet: dict[int, float] = {}

    def bot_spoke(self, channel_id: int, message_id: int) -> None:
        """A bot wrote something. A message that comes again, as it may from two sessions, counts once."""
        now = self._clock.monotonic()
        seen = self._seen.setdefault(channel_id, deque(maxlen=self._settings.messages))
        if seen and message_id <= seen[-1][1]:
            return
        seen.append((now, message_id))
        if len(seen) == self._settings.messages and now - seen[0][0] <= self._settings.window:
            self._quiet[channel_id] = now + self._settings.quiet
            seen.clear()
        if len(self._seen) > _MOST_CHANNELS:
            self._forget(now)

    def person_spoke(self, channel_id: int) -> None:
        """A person wrote something: what bots did before was no loop among themselves."""
        self._seen.pop(channel_id, None)

    def quiet(self, channel_id: int) -> bool:
        """Whether the bot keeps quiet there for now."""
        return self._quiet.get(channel_id, 0.0) > self._clock.monotonic()

    def _forget(self, now: float) -> None:
        old = [channel for channel, seen in self._seen.items() if not seen or now - seen[-1][0] > self._settings.window]
        for channel in old or [next(iter(self._seen))]:
            del self._seen[channel]
        self._quiet = {channel: until for channel, until in self._quiet.items() if until > now}
