"""Answers that need not be asked for twice.

The key is the whole request as the provider would get it, with the model and the guild; a key of picked fields gives
wrong answers (an omitted temperature is not 0). In front stands a bounded map in this process, behind it Redis, which
replicas share.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Protocol

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from chassis.clock import Clock
from chassis.settings import Live
from services.llm.catalogue import Model
from services.llm.chat import ChatRequest, Finish, Finished, TextDelta, ThinkingDelta, Usage
from services.llm.flights import Flights, Listener
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


@dataclasses.dataclass(frozen=True, slots=True)
class Shareable:
    """What makes requests equal."""

    guild_id: int
    key: str
    """The request as the model that is meant would get it."""
    flight: str
    """The same, and which models may answer: only those who may use them all wait for one answer."""

    @classmethod
    def of(cls, request: ChatRequest, candidates: Sequence[Model], guild_id: int) -> Shareable:
        """The request of a guild to the first of these models, or else the others."""
        key = request_key(candidates[0], request, guild_id)
        return cls(guild_id, key, " ".join([key, *(model.name for model in candidates)]))


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

    async def find(self, wanted: Shareable) -> CachedAnswer | Listener[RoutedEvent] | None:
        """An answer that is kept, else an equal request that is under way, from its beginning, if there is either."""
        if (found := self.find_here(wanted)) is not None:
            return found
        value = await self._shared.get(wanted.key)
        if value is None:
            return self.find_here(wanted)
        self.statistics.shared_hits += 1
        self._lookups.add(1, {"outcome": "shared_hit"})
        self._local.put(wanted.key, value, self._settings.current.cache.ttl)
        return CachedAnswer.decode(value)

    def find_here(self, wanted: Shareable) -> CachedAnswer | Listener[RoutedEvent] | None:
        """The same, of what this process has: for those who looked before and had to wait since."""
        value = self._local.get(wanted.key)
        if value is not None:
            self.statistics.hits += 1
            self._lookups.add(1, {"outcome": "hit"})
            return CachedAnswer.decode(value)
        listener = self._flights.join(wanted.flight)
        if listener is not None:
            self.statistics.joined += 1
            self._lookups.add(1, {"outcome": "joined"})
        return listener

    def lead(self, wanted: Shareable, source: AsyncGenerator[RoutedEvent, None]) -> Listener[RoutedEvent]:
        """The events of a request, kept when it is whole; equal requests may join meanwhile.

        None must be under way: `find_here` is asked right before, with no waiting between.
        """
        self.statistics.misses += 1
        self._lookups.add(1, {"outcome": "miss"})
        return self._flights.lead(wanted.flight, self._keeping(source, wanted.guild_id))

    async def _keeping(
        self, source: AsyncGenerator[RoutedEvent, None], guild_id: int
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
                    key, ttl = request_key(chosen.model, chosen.request, guild_id), self._settings.current.cache.ttl
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
