"""Takes a sample of all services every minute; of several replicas of gateway one takes each."""

import asyncio

import structlog
from redis.exceptions import RedisError

from chassis.clock import Clock
from chassis.settings import Live
from services.gateway.numbers.asking import AskEvery, how_all_are, sampled
from services.gateway.numbers.store import SampleStore
from services.gateway.settings import GatewaySettings

_log = structlog.get_logger(__name__)


class SampleRecorder:
    """Keeps the history of how the services are."""

    def __init__(
        self, store: SampleStore, ask_every: AskEvery, settings: Live[GatewaySettings], clock: Clock, name: str
    ) -> None:
        self._store = store
        self._ask_every = ask_every
        self._settings = settings
        self._clock = clock
        self._name = name

    async def run(self) -> None:
        """Runs for as long as the process does."""
        while True:
            settings = self._settings.current.samples
            await asyncio.sleep(settings.interval - self._clock.now() % settings.interval)
            if settings.enabled:
                await self.take()

    async def take(self) -> bool:
        """Takes the sample of this moment, unless another replica does. A store that is away leaves a gap."""
        settings = self._settings.current.samples
        now = self._clock.now()
        try:
            if not await self._store.claim(int(now // settings.interval), self._name, 2 * settings.interval):
                return False
            answers = await how_all_are(self._ask_every, window=settings.interval, timeout=settings.timeout)
            await self._store.add(now, sampled(answers), settings.keep_days)
        except (RedisError, OSError) as error:
            _log.warning("no sample of the services kept", error=repr(error))
            return False
        return True
