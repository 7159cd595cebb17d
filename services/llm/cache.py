"""Answers that need not be asked for twice.

The key is the whole request as the provider would get it, with the model and the guild; a key of picked fields gives
wrong answers (an omitted temperature is not 0). In front stands a bounded map in this process, behind it Redis, which
replicas share.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any, Protocol

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from chassis.clock import Clock
from chassis.settings import Live
from services.llm.catalogue import Model
from services.llm.chat import ChatRequest, Finish, Finished, TextDelta, ThinkingDelta, Usage
from services.llm.flights import Flights
from services.llm.lru import LruCache, Statistics
from services.llm.router import Chosen, RoutedEvent
from services.llm.settings import LlmSettings
from services.llm.telemetry import CACHE_BYTES, CACHE_EVICTIONS, CACHE_LOOKUPS


class SharedStore(Protocol):
    """Where values are kept for all replicas. A failure to reach it is a miss."""

    async def get(self, key: str) -> bytes | None:
        """The value, if it is there."""
        ...

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Keeps a value for `ttl` seconds."""
        ...


@dataclasses.dataclass(frozen=True, slots=True)
class CachedAnswer:
    """A whole answer."""

    model: str
    text: str
    thinking: str
    finish: Finish
    usage: Usage | None

    def encode(self) -> bytes:
        """As bytes."""
        usage = dataclasses.astuple(self.usage) if self.usage is not None else None
        return json.dumps([self.model, self.text, self.thinking, self.finish.value, usage], ensure_ascii=False).encode()

    @classmethod
    def decode(cls, value: bytes) -> CachedAnswer:
        """From bytes."""
        model, text, thinking, finish, usage = json.loads(value)
        return cls(model, text, thinking, Finish(finish), Usage(*usage) if usage else None)


class ResponseCache:
    """Whole answers by request."""

    def __init__(self, settings: Live[LlmSettings], clock: Clock, shared: SharedStore, meter: Meter) -> None:
        self._settings = settings
        self._shared = shared
        bounds = settings.current.cache
        self._local = LruCache(clock, entries=bounds.entries, max_bytes=bounds.max_bytes)
        self._flights: Flights[RoutedEvent] = Flights()
        self.statistics = Statistics()
        self._lookups = meter.create_counter(CACHE_LOOKUPS, "{lookup}", "Lookups in the response cache by outcome")
        meter.create_observable_gauge(CACHE_BYTES, [self._observe_bytes], "By", "Bytes in the response cache")
        meter.create_observable_counter(CACHE_EVICTIONS, [self._observe_evictions], "{entry}", "Entries that had to go")
        settings.subscribe(lambda _, new: self._local.resize(entries=new.cache.entries, max_bytes=new.cache.max_bytes))

    @property
    def enabled(self) -> bool:
        """Whether it is used."""
        return self._settings.current.cache.enabled

    def facts(self) -> dict[str, int]:
        """For operators."""
        self.statistics.evictions = self._local.evictions
        return {**dataclasses.asdict(self.statistics), "entries": len(self._local), "bytes": self._local.bytes}

    async def get(self, key: str) -> CachedAnswer | None:
        """An answer, if there is one."""
        value = self._local.get(key)
        if value is not None:
            self.statistics.hits += 1
            self._lookups.add(1, {"outcome": "hit"})
            return CachedAnswer.decode(value)
        value = await self._shared.get(key)
        if value is None:
            return None
        self.statistics.shared_hits += 1
        self._lookups.add(1, {"outcome": "shared_hit"})
        self._local.put(key, value, self._settings.current.cache.ttl)
        return CachedAnswer.decode(value)

    def under_way(self, key: str) -> bool:
        """Whether an equal request is being answered."""
        return self._flights.joinable(key)

    def listeners(self, key: str) -> int:
        """How many wait for the same answer."""
        return self._flights.others(key)

    async def join(self, key: str) -> AsyncIterator[RoutedEvent]:
        """The events of an equal request that is under way, from its beginning."""
        self.statistics.joined += 1
        self._lookups.add(1, {"outcome": "joined"})
        async for event in self._flights.take(key, None):
            yield event

    async def lead(
        self, key: str, source: AsyncGenerator[RoutedEvent, None], keys: Callable[[Model, ChatRequest], str]
    ) -> AsyncIterator[RoutedEvent]:
        """The events of a request, kept when it is whole; equal requests may join meanwhile.

        Args:
            key: The request's key for the model that was meant.
            source: The request.
            keys: Makes the key for the model that answered, which may be another.
        """
        self.statistics.misses += 1
        self._lookups.add(1, {"outcome": "miss"})
        async for event in self._flights.take(key, self._keeping(source, keys)):
            yield event

    async def _keeping(
        self, source: AsyncGenerator[RoutedEvent, None], keys: Callable[[Model, ChatRequest], str]
    ) -> AsyncGenerator[RoutedEvent, None]:
        chosen: Chosen | None = None
        text: list[str] = []
        thinking: list[str] = []
        try:
            async for event in source:
                if isinstance(event, Chosen):
                    chosen = event
                elif isinstance(event, TextDelta):
                    text.append(event.text)
                elif isinstance(event, ThinkingDelta):
                    thinking.append(event.text)
                elif isinstance(event, Finished) and event.finish is Finish.STOP and chosen is not None:
                    answer = CachedAnswer(
                        chosen.model.name, "".join(text), "".join(thinking), event.finish, event.usage
                    ).encode()
                    key, ttl = keys(chosen.model, chosen.request), self._settings.current.cache.ttl
                    self._local.put(key, answer, ttl)
                    await self._shared.put(key, answer, ttl)
                yield event
        finally:
            await source.aclose()

    def _observe_bytes(self, _: CallbackOptions) -> list[Observation]:
        return [Observation(self._local.bytes)]

    def _observe_evictions(self, _: CallbackOptions) -> list[Observation]:
        return [Observation(self._local.evictions)]


def request_key(model: Model, request: ChatRequest, guild_id: int) -> str:
    """The key of a request: equal for equal requests to the same model in the same guild, else different."""
    return hashlib.sha256(_canonical([guild_id, model.name, model.id, model.profile.extra_body, request])).hexdigest()


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain).encode(
        "utf-8", "surrogatepass"
    )


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"sha256": hashlib.sha256(value).hexdigest()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    raise TypeError(f"{type(value).__name__} is not part of a request")
