"""Takes decisions to the store: what comes at about the same time shares one call of the script.

Python, not Redis, is what a decision costs, and most of that is the call. So what comes in one turn of the loop, or
while calls are under way (at most `in_flight`), goes out together, each decision still all-or-none by itself. Under
load calls are spaced by a few milliseconds as well, in which more gathers: the more the last one carried, the longer.
What comes alone goes at once. A Redis Cluster wants all keys of a call in one slot, so there decisions gather by hash
tag.
"""

import asyncio
import struct
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from services.ratelimit.demands import Demand
from services.ratelimit.scripts import Script, Scripts
from services.ratelimit.store_health import StoreAway


class Mode(IntEnum):
    """What is asked of the script."""

    TAKE = 0
    PEEK = 1
    HOLD = 2


class Status(IntEnum):
    """What it decided."""

    DENIED = 0
    ALLOWED = 1
    REPEATED = 2
    CONFLICT = 3


@dataclass(frozen=True, slots=True)
class Record:
    """What is remembered of a request: for repeats, and for what it holds."""

    key: str
    identifier: str
    fingerprint: bytes
    notes: bytes
    ttl_ms: int
    hold_ttl_us: int = 0
    charge_at_expiry: bool = True


class Outcome(NamedTuple):
    """A decision: for each counter (fits, wait in microseconds, the two numbers of how it stands)."""

    now_us: int
    status: Status
    counters: list[tuple[float, float, float, float]]


_HEADER = struct.Struct("<7d")
_FIRST = struct.Struct("<d")
_COUNTER_BYTES = 32
_STATUSES = tuple(Status)
_MOST_KEYS = 2_048
_GATHER_EACH, _GATHER_MOST = 0.001, 0.003
"""Seconds by which the next call starts later for each decision that one carries, and at most."""


class _Pending:
    __slots__ = ("answer", "keys", "packed", "record", "size")

    def __init__(
        self, keys: Sequence[str], packed: bytes, record: Record | None, answer: "asyncio.Future[Outcome]"
    ) -> None:
        self.keys, self.packed, self.record, self.answer = keys, packed, record, answer
        self.size = len(keys)


class Decider:
    """The gathering of decisions in front of one store."""

    def __init__(self, scripts: Scripts, *, cluster: bool, batch: int, in_flight: int, most_holds: int) -> None:
        self._scripts = scripts
        self._script = Script("decide")
        self._cluster = cluster
        self._batch, self._in_flight, self._most_holds = batch, in_flight, most_holds
        self._headers: dict[tuple[Mode, int], bytes] = {}
        self._pending: dict[str, deque[_Pending]] = {}
        self._flying: dict[str, int] = {}
        self._timer: asyncio.Handle | None = None
        self._due = self._next_call = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        """Decisions that have not gone out."""
        return sum(map(len, self._pending.values()))

    async def decide(
        self, mode: Mode, tag: str, keys: Sequence[str], parameters: Sequence[bytes], record: Record | None = None
    ) -> Outcome:
        """One request over counters of one hash tag (of any, where the store is no cluster). StoreAway, if it is."""
        return await self.submit(mode, tag, keys, parameters, record)

    def demand(
        self, mode: Mode, demands: Sequence[Demand], now_us: int, record: Record | None = None
    ) -> "asyncio.Future[Outcome]":
        """`submit` of demands, all of one hash tag where the store is a cluster."""
        return self.submit(
            mode,
            demands[0].tag,
            [demand.key for demand in demands],
            [demand.variant.packer.pack(demand.flags, demand.cost, now_us) for demand in demands],
            record,
        )

    def submit(
        self, mode: Mode, tag: str, keys: Sequence[str], parameters: Sequence[bytes], record: Record | None = None
    ) -> "asyncio.Future[Outcome]":
        """`decide`, without a coroutine of its own."""
        if record is None:
            header = self._headers.get((mode, len(keys))) or self._header(mode, len(keys))
        else:
            header = _HEADER.pack(
                mode, len(keys), 1, record.hold_ttl_us, record.charge_at_expiry, record.ttl_ms, self._most_holds
            )
        loop = asyncio.get_running_loop()
        pending = _Pending(keys, header + b"".join(parameters), record, loop.create_future())
        lane = tag if self._cluster else ""
        queue = self._pending.get(lane)
        if queue is None:
            queue = self._pending[lane] = deque()
        queue.append(pending)
        if self._flying.get(lane, 0) < self._in_flight:
            self._schedule(loop, full=len(queue) >= self._batch)
        return pending.answer

    def _header(self, mode: Mode, count: int) -> bytes:
        header = self._headers[mode, count] = _HEADER.pack(mode, count, 0, 0, 0, 0, self._most_holds)
        return header

    def _schedule(self, loop: asyncio.AbstractEventLoop, *, full: bool) -> None:
        # A whole call's worth goes in the next turn of the loop, and so does what nothing is gathered with.
        due = 0.0 if full or self._next_call <= loop.time() else self._next_call
        if self._timer is not None:
            if self._due <= due:
                return
            self._timer.cancel()
        self._due = due
        self._timer = loop.call_at(due, self._pump) if due else loop.call_soon(self._pump)

    def _pump(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        for lane, queue in list(self._pending.items()):
            while queue and self._flying.get(lane, 0) < self._in_flight:
                batch = self._take(queue)
                self._next_call = loop.time() + min(_GATHER_MOST, _GATHER_EACH * len(batch))
                self._flying[lane] = self._flying.get(lane, 0) + 1
                task = loop.create_task(self._fly(lane, batch))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                if len(queue) < self._batch:
                    break
            if queue and self._flying.get(lane, 0) < self._in_flight:
                self._schedule(loop, full=False)
            if not queue and not self._flying.get(lane):
                del self._pending[lane]
                self._flying.pop(lane, None)

    def _take(self, queue: deque[_Pending]) -> list[_Pending]:
        taken: list[_Pending] = []
        keys = 0
        while queue and len(taken) < self._batch:
            following = queue[0].size + 1
            if taken and keys + following > _MOST_KEYS:
                break
            pending = queue.popleft()
            # Nobody waits any more for the answer of a call that was cancelled, so nothing is taken for it.
            if not pending.answer.done():
                keys += following
                taken.append(pending)
        return taken

    async def _fly(self, lane: str, batch: list[_Pending]) -> None:
        try:
            if batch:
                await self._call(batch)
        finally:
            self._flying[lane] -= 1
            left = len(self._pending.get(lane, ()))
            self._schedule(asyncio.get_running_loop(), full=left == 0 or left >= self._batch)

    async def _call(self, batch: list[_Pending]) -> None:
        keys: list[str] = []
        arguments: list[bytes | str] = [b"".join([pending.packed for pending in batch])]
        for pending in batch:
            keys.extend(pending.keys)
            record = pending.record
            if record is not None:
                keys.append(record.key)
                arguments += (record.identifier, record.fingerprint, record.notes)
        try:
            answer = await self._scripts.run(self._script, keys, arguments)
        except StoreAway:
            for pending in batch:
                if not pending.answer.done():
                    pending.answer.set_exception(StoreAway())
            return
        except BaseException as error:
            for pending in batch:
                if not pending.answer.done():
                    pending.answer.set_exception(error if isinstance(error, Exception) else StoreAway())
            raise
        self._deliver(batch, answer)

    @staticmethod
    def _deliver(batch: list[_Pending], answer: bytes) -> None:
        now_us = int(_FIRST.unpack_from(answer, 0)[0])
        offset = 8
        for pending in batch:
            status = _STATUSES[int(_FIRST.unpack_from(answer, offset)[0])]
            end = offset + 8 + pending.size * _COUNTER_BYTES
            if not pending.answer.done():
                counters = list(_COUNTER.iter_unpack(answer[offset + 8 : end]))
                pending.answer.set_result(Outcome(now_us, status, counters))
            offset = end


_COUNTER = struct.Struct("<4d")
