"""Leases: which executor owns which partitions.

A lease is a key with a TTL that names its owner; taking one raises the partition's epoch in the same transaction. An
owner renews its leases at each heartbeat and reckons them lost by its own monotonic clock, from the moment before the
last renewal was sent: it always stops earlier than Redis lets the next one in.

Partitions are shared out evenly: each executor shows a sign of life, aims at its share of them, takes free ones up to
that, and gives back what is over it once nothing runs there.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any, Protocol

import redis.asyncio as redis
import structlog
from redis.exceptions import RedisError, WatchError

from chassis.clock import Clock
from services.executor.jobs import keys
from services.executor.jobs.settings import JobSettings

_log = structlog.get_logger(__name__)


class Lease:
    """One partition, owned for now. Is a `Fence`."""

    def __init__(self, partition: int, epoch: int, valid_until: float, clock: Clock) -> None:
        self.partition = partition
        self._epoch = epoch
        self._valid_until = valid_until
        self._revoked = False
        self._clock = clock

    @property
    def name(self) -> str:
        """What is leased."""
        return f"executor/partition/{self.partition}"

    @property
    def epoch(self) -> int:
        """Grows with each owner."""
        return self._epoch

    def remaining(self) -> float:
        """Seconds for which the partition is certainly this owner's."""
        return -math.inf if self._revoked else self._valid_until - self._clock.monotonic()

    def extend(self, valid_until: float) -> None:
        """Records a renewal."""
        self._valid_until = valid_until

    def revoke(self) -> None:
        """Ends it at once and for good, whatever renewal is under way: nothing may be done under it any more."""
        self._revoked = True


class Holder(Protocol):
    """What works under the leases."""

    def gained(self, lease: Lease) -> None:
        """A partition is ours: start on it."""
        ...

    async def lost(self, partition: int) -> None:
        """A partition is not ours any more: stop at once; returns when everything there has stopped."""
        ...

    def idle(self, partition: int) -> bool:
        """Whether nothing runs or waits in a partition, so that it can be given back."""
        ...


class LeaseKeeper:
    """Takes, renews and gives back the leases of one executor."""

    def __init__(
        self, client: redis.Redis, settings: JobSettings, clock: Clock, *, instance_id: str, holder: Holder
    ) -> None:
        self._redis: Any = client
        self._settings = settings
        self._clock = clock
        self._instance = instance_id
        self._holder = holder
        self.held: dict[int, Lease] = {}
        self._closing = False
        self._beating = asyncio.Lock()

    async def beat(self) -> None:
        """One heartbeat: renew, drop what was lost, take what is free, give back what is too much."""
        async with self._beating:
            if not self._closing:
                await self._beat()

    async def _beat(self) -> None:
        for lease in [lease for lease in self.held.values() if lease.remaining() <= 0]:
            await self._drop(lease.partition, "its time ran out")
        try:
            await self._renew(list(self.held.values()))
            share = await self._share()
            await self._give_back(share)
            await self._take(share)
        except RedisError as error:
            _log.warning("leases.unreachable", error=str(error), held=len(self.held))

    async def release_all(self) -> None:
        """Gives everything back, so that the next owner need not wait."""
        async with self._beating:
            self._closing = True
            for partition in list(self.held):
                lease = self.held[partition]
                await self._drop(partition, "this process stops")
                await self._attempt(self._delete(lease))
            await self._attempt(self._redis.zrem(keys.MEMBERS, self._instance))

    async def _attempt(self, action: Awaitable[object]) -> None:
        try:
            await action
        except RedisError as error:
            _log.warning("leases.not_released", error=str(error))

    async def _drop(self, partition: int, why: str) -> None:
        lease = self.held.pop(partition)
        lease.revoke()
        _log.info("lease.ended", partition=partition, epoch=lease.epoch, why=why)
        await self._holder.lost(partition)

    async def _share(self) -> int:
        seconds, micros = await self._redis.time()
        now = seconds + micros / 1e6
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.zadd(keys.MEMBERS, {self._instance: now})
            pipe.zremrangebyscore(keys.MEMBERS, "-inf", now - self._settings.lease_seconds)
            pipe.zcard(keys.MEMBERS)
            _, _, alive = await pipe.execute()
        return math.ceil(self._settings.partitions / max(1, int(alive)))

    async def _renew(self, leases: Sequence[Lease]) -> None:
        """Renews all of them at once. Who owns one is asked after its time was put off: if it is ours then, it was ours
        when it was put off, as nobody but us takes it for us. Putting off somebody else's does no harm."""
        if not leases:
            return
        sent = self._clock.monotonic()
        async with self._redis.pipeline(transaction=False) as pipe:
            for lease in leases:
                pipe.pexpire(keys.lease(lease.partition), self._ttl_ms)
                pipe.get(keys.lease(lease.partition))
            owners = (await pipe.execute())[1::2]
        for lease, owner in zip(leases, owners, strict=True):
            if owner == self._value(lease.epoch):
                lease.extend(sent + self._settings.lease_seconds)
            else:
                await self._drop(lease.partition, "another owner has it")

    async def _take(self, share: int) -> None:
        if len(self.held) >= share:
            return
        others = [partition for partition in self._order() if partition not in self.held]
        async with self._redis.pipeline(transaction=False) as pipe:
            for partition in others:
                pipe.get(keys.lease(partition))
            owners = await pipe.execute()
        for partition, owner in zip(others, owners, strict=True):
            if len(self.held) >= share:
                return
            if self._may_take(owner):
                await self._acquire(partition)

    def _may_take(self, owner: bytes | None) -> bool:
        return owner is None or owner.startswith(f"{self._instance} ".encode())

    async def _acquire(self, partition: int) -> None:
        sent = self._clock.monotonic()
        async with self._redis.pipeline(transaction=True) as pipe:
            await pipe.watch(keys.lease(partition), keys.epoch(partition))
            # Not MGET, which the client for a Redis Cluster does not have in a transaction.
            owner, epoch = await pipe.get(keys.lease(partition)), await pipe.get(keys.epoch(partition))
            if not self._may_take(owner):
                return
            mine = int(epoch or 0) + 1
            pipe.multi()
            pipe.set(keys.epoch(partition), mine)
            pipe.set(keys.lease(partition), self._value(mine), px=self._ttl_ms)
            try:
                await pipe.execute()
            except WatchError:
                return
        lease = Lease(partition, mine, sent + self._settings.lease_seconds, self._clock)
        self.held[partition] = lease
        _log.info("lease.taken", partition=partition, epoch=mine)
        self._holder.gained(lease)

    async def _give_back(self, share: int) -> None:
        for partition in self._order():
            if len(self.held) <= share:
                return
            if partition in self.held and self._holder.idle(partition):
                lease = self.held[partition]
                await self._drop(partition, "another executor has room for it")
                await self._delete(lease)

    async def _delete(self, lease: Lease) -> None:
        async with self._redis.pipeline(transaction=True) as pipe:
            await pipe.watch(keys.lease(lease.partition))
            if await pipe.get(keys.lease(lease.partition)) != self._value(lease.epoch):
                return
            pipe.multi()
            pipe.delete(keys.lease(lease.partition))
            try:
                await pipe.execute()
            except WatchError:
                return

    def _order(self) -> Iterable[int]:
        # Each executor begins elsewhere, so that two that start together do not race for the same partitions.
        start = sum(self._instance.encode()) % self._settings.partitions
        return [(start + step) % self._settings.partitions for step in range(self._settings.partitions)]

    def _value(self, epoch: int) -> bytes:
        return f"{self._instance} {epoch}".encode()

    @property
    def _ttl_ms(self) -> int:
        return int(self._settings.lease_seconds * 1000)
