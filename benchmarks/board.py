"""The request board under load, on SQLite, on PostgreSQL, and on PostgreSQL with a million requests.

The first half asks the board service over gRPC, in a process of its own; the second drives the whole platform through
the sandbox, where times are taken from the dispatch of an interaction to its callback. Rates are open-loop: a slow
answer does not slow the asking down. The last line is one JSON object, keyed by database.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from guildhall.admin.v1 import admin_pb2, admin_pb2_grpc
from guildhall.board.v1 import history_pb2, history_pb2_grpc, request_pb2, request_pb2_grpc

from benchmarks.board_data import GUILD, ITEMS, MEMBERS, PROFESSIONS, fill
from benchmarks.board_members import copied, mirror
from benchmarks.board_stack import through_the_stack
from chassis.caller import Person, acting_for
from chassis.caller_keys import FolderKeyRing, ensure_keys
from chassis.caller_signing import Signer
from chassis.clock import SystemClock
from chassis.rpc.channel import Channel, open_channel
from tests.support.postgres import PostgresProcess, postgres_bin
from tests.support.redis_process import RedisProcess
from tests.support.waiting import free_port

CLAIMS_A_SECOND = 100
OPEN = request_pb2.RequestFilter(states=[request_pb2.REQUEST_STATE_OPEN])


def share(values: list[float], part: float) -> float:
    """The value below which a part of the values lie, in milliseconds."""
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(part * len(ordered)))], 2) if ordered else 0.0


async def main() -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="how long each load lasts")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--many", type=int, default=1_000_000, help="requests of the large run; 0 leaves it out")
    parser.add_argument("--only", choices=("sqlite", "postgresql", "postgresql_1m"), help="one database alone")
    parser.add_argument("--part", choices=("grpc", "stack"), help="the board by itself, or the whole platform, alone")
    arguments = parser.parse_args()
    random.seed(20_270_101)
    figures: dict[str, Any] = {}
    wanted = [name for name in ("sqlite", "postgresql", "postgresql_1m") if arguments.only in (None, name)]
    for name in wanted:
        count = arguments.many if name == "postgresql_1m" else arguments.requests
        if count == 0:
            continue
        print(f"{name}: {count:,} requests, {MEMBERS} members")
        async with database(name) as url:
            figures[name] = await measure(url, count, arguments.seconds, part=arguments.part)
        print(json.dumps(figures[name]))
    print(json.dumps(figures))


@asynccontextmanager
async def database(name: str) -> AsyncIterator[str]:
    """An empty database of the kind; PostgreSQL flushes to disk as in production."""
    with tempfile.TemporaryDirectory(prefix="guildhall-bench-", ignore_cleanup_errors=True) as folder:
        path = Path(folder)
        path.chmod(0o755)
        if name == "sqlite":
            yield f"sqlite:///{path / 'board.db'}"
            return
        binaries = postgres_bin()
        if binaries is None:
            raise SystemExit("PostgreSQL is not installed: apt-get install postgresql, or --only sqlite")
        server = PostgresProcess(path, binaries, durable=True)
        await asyncio.to_thread(server.start)
        try:
            yield await asyncio.to_thread(server.new_database)
        finally:
            await asyncio.to_thread(server.stop)


async def measure(url: str, count: int, seconds: float, *, part: str | None) -> dict[str, Any]:
    """Everything on one database, or one part of it."""
    started = time.perf_counter()
    await fill(url, count)
    figures: dict[str, Any] = {"fill_s": round(time.perf_counter() - started, 1), "fsync_p99_ms": fsync_p99()}
    if part in (None, "grpc"):
        async with service(url) as (channel, process):
            figures |= await over_grpc(channel, process, seconds)
    if part in (None, "stack"):
        figures |= await through_the_stack(url, seconds)
    return figures


def fsync_p99() -> float:
    """What one flushed write of 4 KiB costs on the disk where the databases lie."""
    times = []
    with tempfile.NamedTemporaryFile(prefix="guildhall-fsync-") as file:
        for _ in range(300):
            file.write(b"x" * 4096)
            file.flush()
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - started) * 1000)
    return share(times, 0.99)


@asynccontextmanager
async def service(url: str) -> AsyncIterator[tuple[Channel, psutil.Process]]:
    """The board in a process of its own, and a channel to it."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="guildhall-bench-")))
        redis = RedisProcess()
        redis.start()
        stack.callback(redis.close)
        ensure_keys(folder, ("gateway", "executor", "board"))
        port = free_port()
        executor = await stack.enter_async_context(mirror(folder))
        environment = os.environ | {
            "DATABASE_URL": url,
            "REDIS_URL": redis.url,
            "GUILDHALL_CALLERS__KEYS_DIR": str(folder),
            "GUILDHALL_RPC__PORTS__BOARD": str(port),
            "GUILDHALL_RPC__ADDRESSES__EXECUTOR": executor,
            "GUILDHALL_BOARD__OPEN_PER_PERSON": "1000000",
        }
        log = stack.enter_context(await asyncio.to_thread((folder / "log").open, "w"))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.board", env=environment, stdout=log, stderr=log
        )
        channel = open_channel(f"127.0.0.1:{port}", "board", Signer("gateway", FolderKeyRing(folder), SystemClock()))
        try:
            async with asyncio.timeout(60):
                await channel.channel_ready()
            await copied(channel)
            yield channel, psutil.Process(process.pid)
        finally:
            await channel.close()
            process.terminate()
            await process.wait()


async def timed(call: Callable[[], Awaitable[Any]]) -> tuple[float, Any]:
    """How long a call took, in milliseconds, and what it gave."""
    started = time.perf_counter()
    answer = await call()
    return (time.perf_counter() - started) * 1000, answer


def anybody() -> Person:
    """One of the members."""
    user = random.randrange(1, MEMBERS + 1)
    return Person(user, GUILD, (), 0, f"Member {user}")


async def over_grpc(channel: Channel, process: psutil.Process, seconds: float) -> dict[str, Any]:
    """The board by itself."""
    stub = request_pb2_grpc.RequestServiceStub(channel)
    figures: dict[str, Any] = {}

    async def as_anybody(call: Callable[[], Awaitable[Any]], person: Person | None = None) -> tuple[float, Any]:
        with acting_for(person or anybody()):
            return await timed(call)

    def listing(**more: Any) -> request_pb2.ListRequestsRequest:
        return request_pb2.ListRequestsRequest(guild_id=GUILD, page_size=10, **more)

    def active(profession: str = "") -> request_pb2.RequestFilter:
        return request_pb2.RequestFilter(states=OPEN.states, profession=profession)

    # Each list here is asked for the first time, so none comes from the cache.
    pages = [listing(filter=active(profession), skip=page) for page in range(0, 100, 4) for profession in PROFESSIONS]
    cold = [(await as_anybody(partial(stub.ListRequests, page, timeout=30)))[0] for page in pages]
    warm = [
        (await as_anybody(partial(stub.ListRequests, listing(filter=active(p)), timeout=30)))[0]
        for _ in range(50)
        for p in PROFESSIONS
    ]
    figures |= {"list_p50_ms": share(cold, 0.5), "list_p99_ms": share(cold, 0.99)}
    figures |= {"list_cached_p50_ms": share(warm, 0.5), "list_cached_p99_ms": share(warm, 0.99)}
    words = [item[start : start + 6] for item in ITEMS[:100] for start in (0, 4)]
    found = [request_pb2.RequestFilter(states=OPEN.states, query=word) for word in words]
    searches = [(await as_anybody(partial(stub.ListRequests, listing(filter=one), timeout=30)))[0] for one in found]
    figures |= {"search_p50_ms": share(searches, 0.5), "search_p99_ms": share(searches, 0.99)}
    history = history_pb2_grpc.HistoryServiceStub(channel)

    async def refused() -> None:
        try:
            await history.ListHistory(history_pb2.ListHistoryRequest(guild_id=GUILD), timeout=30)
        except Exception as error:
            if "officers" not in str(error):
                raise

    # By what Discord says of a person in a guild; and in a direct message, where the copy of members says who is one.
    permission = [(await as_anybody(refused))[0] for _ in range(150)]
    permission += [(await as_anybody(refused, replace(anybody(), guild_id=0)))[0] for _ in range(150)]
    figures["permission_p99_ms"] = share(permission, 0.99)
    before = sum(process.cpu_times()[:2])
    figures |= await claims(stub, as_anybody, seconds)
    figures["claim_cpu_ms"] = round((sum(process.cpu_times()[:2]) - before) * 1000 / figures["claims"], 2)
    figures |= await mixed(channel, stub, as_anybody, listing, seconds)
    return figures


async def claims(stub: Any, as_anybody: Any, seconds: float) -> dict[str, Any]:
    """Claims at a fixed rate, each of another request."""
    wanted: list[str] = []
    token = ""
    while len(wanted) < CLAIMS_A_SECOND * seconds:
        request = request_pb2.ListRequestsRequest(guild_id=GUILD, filter=OPEN, page_size=100, page_token=token)
        _, page = await as_anybody(partial(stub.ListRequests, request, timeout=30))
        wanted += [one.request_id for one in page.requests]
        token = page.next_page_token
        if not token:
            break

    async def claim(request_id: str, at: float) -> float:
        await asyncio.sleep(max(0.0, at - time.perf_counter()))
        _, answer = await as_anybody(
            lambda: stub.TransitionRequest(
                request_pb2.TransitionRequestRequest(
                    guild_id=GUILD,
                    request_id=request_id,
                    action=request_pb2.REQUEST_ACTION_CLAIM,
                    idempotency_key=f"claim {request_id}",
                ),
                timeout=30,
            )
        )
        assert answer.HasField("request"), answer
        return (time.perf_counter() - at) * 1000

    begin = time.perf_counter() + 0.5
    times = await asyncio.gather(
        *(
            claim(request_id, begin + place / CLAIMS_A_SECOND)
            for place, request_id in enumerate(wanted[: int(CLAIMS_A_SECOND * seconds)])
        )
    )
    return {"claims": len(times), "claim_p50_ms": share(times, 0.5), "claim_p99_ms": share(times, 0.99)}


async def mixed(channel: Channel, stub: Any, as_anybody: Any, listing: Any, seconds: float) -> dict[str, Any]:
    """Members who look at a board's first pages and now and then claim something: how often a list is at hand."""
    admin = admin_pb2_grpc.AdminServiceStub(channel)

    async def counted() -> tuple[float, float]:
        with acting_for(None):
            answer = await admin.GetStatus(admin_pb2.GetStatusRequest(), timeout=30)
        facts = answer.facts["board"].fields
        return facts["list_cache_hits"].number_value, facts["list_cache_misses"].number_value

    hits, misses = await counted()
    end = time.perf_counter() + seconds / 2
    weights = [1 / (place + 1) for place in range(len(PROFESSIONS))]

    async def member() -> None:
        while time.perf_counter() < end:
            profession = random.choices(PROFESSIONS, weights)[0]
            page = random.choices((0, 10, 20), (8, 3, 1))[0]
            filters = request_pb2.RequestFilter(states=OPEN.states, profession=profession)
            _, answer = await as_anybody(partial(stub.ListRequests, listing(filter=filters, skip=page), timeout=30))
            if answer.requests and random.random() < 0.02:
                claim = request_pb2.TransitionRequestRequest(
                    guild_id=GUILD,
                    request_id=random.choice(answer.requests).request_id,
                    action=request_pb2.REQUEST_ACTION_CLAIM,
                )
                await as_anybody(partial(stub.TransitionRequest, claim, timeout=30))
            await asyncio.sleep(0.1)

    await asyncio.gather(*(member() for _ in range(20)))
    now_hits, now_misses = await counted()
    total = now_hits - hits + now_misses - misses
    return {"cache_hit_rate": round((now_hits - hits) / total, 3) if total else 0.0, "mixed_lists": int(total)}


if __name__ == "__main__":
    asyncio.run(main())
