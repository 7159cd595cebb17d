"""How fast limits are decided: `make bench-ratelimit`.

One run measures, on the machine it runs on and one after the other: a bare grpc.aio echo server with messages of the
same size; the service as it runs (a process of its own, the chassis' interceptors on, trace sampling 1 %, one Redis
with appendfsync everysec); and the Python limiters that people use today over the same Redis, called in-process as
they are used. The load comes from a process of its own. Each figure is the best of three rounds, for ours and theirs
alike, as the machine has other work. It prints figures and asserts nothing; the last line is one JSON object:

echo_rps, acquire_rps    unary calls a second, 32 in flight; 4 limits each, distinct subjects
stream_rps               requests a second over long-lived streams, 64 in flight, 4 limits each
batch_rps, batch4_rps    decisions a second in batches of 64, of one limit and of four
acquire_p50_ms, _p99_ms  of unary calls at 500 a second
limits_rps, throttled_rps  decisions of four limits a second, as those libraries make them: one call per limit
bytes_per_key            growth of Redis's used_memory for 100,000 subjects of four limits, for each of the 400,000 keys
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import redis
import yaml
from google.protobuf.duration_pb2 import Duration
from guildhall.ratelimit.v1 import ratelimit_pb2 as pb
from guildhall.ratelimit.v1 import ratelimit_pb2_grpc

from chassis.caller_keys import FolderKeyRing
from chassis.caller_signing import Signer
from chassis.clock import SystemClock
from chassis.rpc.channel import Channel, open_channel
from tests.support.redis_process import RedisProcess
from tests.support.waiting import free_port

LIMITS = ("burst", "minute", "hour", "day")
KEPT = ("kept_burst", "kept_hour", "kept_week", "day")
ROUNDS = 3
SECONDS = 3.0
SUBJECTS = 100_000
CONFIGURATION: dict[str, Any] = {
    "limits": {
        "policies": {
            "burst": {"algorithm": "token_bucket", "by": ["person"], "capacity": 1000, "rate": 1000, "per": "1m"},
            "minute": {"algorithm": "sliding_window", "by": ["person"], "limit": 1000, "window": "1m"},
            "hour": {"algorithm": "token_bucket", "by": ["person"], "capacity": 5000, "rate": 5000, "per": "1h"},
            "day": {"algorithm": "calendar", "by": ["person"], "limit": 100000, "period": "day"},
            # One use of each of these is remembered for longer than the measurement of memory takes.
            "kept_burst": {"algorithm": "token_bucket", "by": ["person"], "capacity": 100, "rate": 100, "per": "1d"},
            "kept_hour": {"algorithm": "sliding_window", "by": ["person"], "limit": 1000, "window": "1h"},
            "kept_week": {"algorithm": "token_bucket", "by": ["person"], "capacity": 700, "rate": 700, "per": "7d"},
        },
        "groups": {"four": list(LIMITS), "kept": list(KEPT)},
    },
    "telemetry": {"sampling_ratio": 0.01},
    "logging": {"level": "warning"},
}


def make_keys(folder: Path) -> FolderKeyRing:
    """The services' keys of one run, in a folder."""
    for service in ("gateway", "ratelimit"):
        (folder / f"{service}.key").write_text(os.urandom(32).hex())
    return FolderKeyRing(folder)


def subject(number: int) -> pb.Subject:
    """A person with a snowflake of today's length."""
    return pb.Subject(guild_id=900000000000000000 + number % 1000, user_id=1000000000000000000 + number)


def request_of(number: int, limit: str = "four") -> pb.AcquireRequest:
    """A request of four limits, or of one."""
    return pb.AcquireRequest(subject=subject(number), charges=[pb.Charge(limit=limit)])


def answer_of() -> pb.AcquireResponse:
    """An answer as large as the service's."""
    states = [
        pb.LimitState(
            limit=name, allowed=True, remaining=999, capacity=1000, reset_after=Duration(seconds=1, nanos=1000)
        )
        for name in LIMITS
    ]
    return pb.AcquireResponse(allowed=True, limits=states)


async def echo_server(port: int) -> None:
    """A bare server that answers with messages of the same size."""
    answer = answer_of()

    async def echo(_: pb.AcquireRequest, __: Any) -> pb.AcquireResponse:
        return answer

    handler = grpc.unary_unary_rpc_method_handler(
        echo,
        request_deserializer=pb.AcquireRequest.FromString,
        response_serializer=pb.AcquireResponse.SerializeToString,
    )
    server = grpc.aio.server()
    service = "guildhall.ratelimit.v1.RateLimitService"
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Acquire": handler}),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


async def rate(work: Callable[[int], Awaitable[int]], in_flight: int, seconds: float = SECONDS) -> float:
    """Units a second with so many loops under way, after a short warm-up."""
    number = 0
    done = 0
    until = 0.0

    async def loop() -> None:
        nonlocal number, done
        while time.perf_counter() < until:
            number += 1
            units = await work(number)
            done += units

    best = 0.0
    for round_ in range(ROUNDS + 1):
        length = 0.5 if round_ == 0 else seconds
        done, begun = 0, time.perf_counter()
        until = begun + length
        await asyncio.gather(*(loop() for _ in range(in_flight)))
        if round_:
            best = max(best, done / (time.perf_counter() - begun))
    return best


async def unary_rate(channel: grpc.aio.Channel, in_flight: int) -> float:
    """Calls a second."""
    stub = ratelimit_pb2_grpc.RateLimitServiceStub(channel)

    async def one(number: int) -> int:
        await stub.Acquire(request_of(number), timeout=10)
        return 1

    return await rate(one, in_flight)


async def stream_rate(channel: Channel, in_flight: int) -> float:
    """Requests a second over four streams, each with a quarter of what is in flight."""
    stub = ratelimit_pb2_grpc.RateLimitServiceStub(channel)
    streams, window = 4, in_flight // 4

    async def one_stream(first: int, seconds: float) -> int:
        room = asyncio.Semaphore(window)
        until = time.perf_counter() + seconds
        done = 0
        call = stub.AcquireStream(timeout=60)

        async def send() -> None:
            number = first
            while time.perf_counter() < until:
                await room.acquire()
                await call.write(pb.AcquireStreamRequest(request=request_of(number)))
                number += streams
            await call.done_writing()

        sender = asyncio.create_task(send())
        async for answer in call:
            if not answer.response.allowed:
                raise RuntimeError("a request of the benchmark was denied")
            room.release()
            done += 1
        await sender
        return done

    best = 0.0
    for round_ in range(ROUNDS + 1):
        begun = time.perf_counter()
        length = 0.5 if round_ == 0 else SECONDS
        done = sum(await asyncio.gather(*(one_stream(number, length) for number in range(streams))))
        if round_:
            best = max(best, done / (time.perf_counter() - begun))
    return best


async def batch_rate(channel: Channel, limit: str) -> float:
    """Decisions a second, in batches of 64, four batches under way."""
    stub = ratelimit_pb2_grpc.RateLimitServiceStub(channel)

    async def one(number: int) -> int:
        requests = [request_of(number * 64 + index, limit) for index in range(64)]
        answer = await stub.AcquireBatch(pb.AcquireBatchRequest(requests=requests), timeout=10)
        return len(answer.decisions)

    return await rate(one, 4)


async def latencies(channel: Channel, per_second: int = 500, seconds: float = 6.0) -> list[float]:
    """Milliseconds of unary calls that start at a steady rate, from the moment each should have started."""
    stub = ratelimit_pb2_grpc.RateLimitServiceStub(channel)
    taken: list[float] = []

    async def one(number: int, due: float) -> None:
        await stub.Acquire(request_of(number), timeout=10)
        taken.append((time.perf_counter() - due) * 1000)

    begun = time.perf_counter() + 0.1
    calls = []
    for number in range(int(per_second * seconds)):
        due = begun + number / per_second
        delay = due - time.perf_counter()
        if delay > 0:
            await asyncio.sleep(delay)
        calls.append(asyncio.create_task(one(number, due)))
    await asyncio.gather(*calls)
    return sorted(taken[per_second // 2 :])


async def bytes_per_key(channel: Channel, url: str) -> float:
    """Growth of Redis for 100,000 subjects of four limits each, for each key."""
    stub = ratelimit_pb2_grpc.RateLimitServiceStub(channel)
    with redis.Redis.from_url(url) as client:
        client.flushall()
        before = client.info("memory")["used_memory"]
        for first in range(0, SUBJECTS, 1000):
            requests = [request_of(10_000_000 + first + index, "kept") for index in range(1000)]
            await stub.AcquireBatch(pb.AcquireBatchRequest(requests=requests), timeout=30)
        keys = client.dbsize()
        if keys < SUBJECTS * len(KEPT):
            raise RuntimeError(f"{keys} keys are too few: some have expired, so the growth says nothing")
        return float((client.info("memory")["used_memory"] - before) / keys)


async def limits_rate(url: str) -> float:
    """PyPI `limits`: four moving windows, one `hit` each."""
    from limits import parse
    from limits.aio.storage import RedisStorage
    from limits.aio.strategies import MovingWindowRateLimiter

    limiter = MovingWindowRateLimiter(RedisStorage(f"async+{url}", implementation="redispy"))
    items = [parse(text) for text in ("1000/minute", "1000/2 minute", "5000/hour", "100000/day")]

    async def one(number: int) -> int:
        for item in items:
            await limiter.hit(item, str(1000000000000000000 + number))
        return 1

    return await rate(one, 32)


async def throttled_rate(url: str) -> float:
    """PyPI `throttled-py`: four GCRA limits, one call each."""
    from throttled.asyncio import RateLimiterType, RedisStore, Throttled, rate_limiter

    store = RedisStore(server=url)
    quotas = [
        rate_limiter.per_min(1000),
        rate_limiter.per_min(1000),
        rate_limiter.per_hour(5000),
        rate_limiter.per_day(100000),
    ]
    limiters = [Throttled(using=RateLimiterType.GCRA.value, quota=quota, store=store) for quota in quotas]

    async def one(number: int) -> int:
        for index, limiter in enumerate(limiters):
            await limiter.limit(f"{index}:{1000000000000000000 + number}")
        return 1

    return await rate(one, 32)


def start_process(*arguments: str, environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    """A Python process with arguments and more environment."""
    return subprocess.Popen([sys.executable, *arguments], env=os.environ | environment)


@contextlib.asynccontextmanager
async def process(*arguments: str, port: int, environment: dict[str, str] | None = None) -> AsyncIterator[None]:
    """A server process, from when it answers to its end."""
    started = start_process(*arguments, environment=environment or {})
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            async with asyncio.timeout(20):
                await channel.channel_ready()
        yield
    finally:
        started.terminate()
        started.wait(20)


async def measure(profile: str) -> dict[str, float]:
    """All figures."""
    figures: dict[str, float] = {}
    port = free_port()
    async with (
        process("-m", "benchmarks.ratelimit", "--echo", str(port), port=port),
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        figures["echo_rps"] = await unary_rate(channel, 32)
    server = RedisProcess("--save", "", "--appendonly", "yes", "--appendfsync", "everysec")
    server.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            await measure_service(Path(folder), server.url, profile, figures)
        figures["limits_rps"] = await limits_rate(server.url)
        figures["throttled_rps"] = await throttled_rate(server.url)
    finally:
        server.close()
    return figures


async def measure_service(folder: Path, url: str, profile: str, figures: dict[str, float]) -> None:
    """The figures of the service itself."""
    port = free_port()
    keys = make_keys(folder)
    (folder / "guildhall.yaml").write_text(yaml.safe_dump(CONFIGURATION))
    environment = {
        "GUILDHALL_CONFIG": str(folder / "guildhall.yaml"),
        "GUILDHALL_CALLERS__KEYS_DIR": str(folder),
        "GUILDHALL_RPC__PORTS__RATELIMIT": str(port),
        "REDIS_URL": url,
    }
    command = ["-m", "services.ratelimit"]
    if profile:
        command = ["-m", "cProfile", "-o", profile, *command]
    async with process(*command, port=port, environment=environment):
        channel = open_channel(f"127.0.0.1:{port}", "ratelimit", Signer("gateway", keys, SystemClock()))
        figures["acquire_rps"] = await unary_rate(channel, 32)
        figures["stream_rps"] = await stream_rate(channel, 64)
        figures["batch_rps"] = await batch_rate(channel, "burst")
        figures["batch4_rps"] = await batch_rate(channel, "four")
        taken = await latencies(channel)
        figures["acquire_p50_ms"] = statistics.median(taken)
        figures["acquire_p99_ms"] = taken[int(len(taken) * 0.99)]
        figures["bytes_per_key"] = await bytes_per_key(channel, url)
        await channel.close()


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--echo", type=int, help="only serve the bare echo on this port")
    parser.add_argument("--profile", default="", help="profile the service into this file, which slows it")
    arguments = parser.parse_args()
    if arguments.echo:
        asyncio.run(echo_server(arguments.echo))
        return
    figures = {name: round(value, 2) for name, value in asyncio.run(measure(arguments.profile)).items()}
    print(f"{'figure':<16}{'value':>12}   share of echo")
    for name, value in figures.items():
        share = f"{value / figures['echo_rps']:.2f}" if name.endswith("_rps") else ""
        print(f"{name:<16}{value:>12,.2f}   {share}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
