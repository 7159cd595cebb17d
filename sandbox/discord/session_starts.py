"""How many gateway sessions a bot may still start: the daily number, and one per key every five seconds.

Source: https://discord.com/developers/docs/events/gateway#session-start-limit-object and #rate-limiting
"""

from collections import deque

from chassis.clock import Clock
from sandbox.discord.limits import GATEWAY

_DAY = 86400.0


class SessionStarts:
    """Counts IDENTIFYs. `recommended_shards` and `max_concurrency` are what `GET /gateway/bot` says."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._starts: dict[int, deque[float]] = {}
        self._latest: dict[tuple[int, int], float] = {}
        self.recommended_shards = 1
        self.max_concurrency = GATEWAY.max_concurrency
        self.enforced = True

    def left(self, bot_id: int) -> tuple[int, float]:
        """Starts left today, and seconds until the number is full again."""
        now = self._clock.monotonic()
        starts = self._starts.setdefault(bot_id, deque())
        while starts and now - starts[0] >= _DAY:
            starts.popleft()
        return GATEWAY.identifies_a_day - len(starts), (starts[0] + _DAY - now) if starts else 0.0

    def take(self, bot_id: int, shard_id: int) -> bool:
        """Counts one; False where its key had one within five seconds."""
        now = self._clock.monotonic()
        key = (bot_id, shard_id % self.max_concurrency)
        if self.enforced and now - self._latest.get(key, -_DAY) < GATEWAY.identify_seconds:
            return False
        self.left(bot_id)
        self._latest[key] = now
        self._starts[bot_id].append(now)
        return True
