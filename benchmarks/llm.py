"""What the llm service adds to a model, and what its cache saves: `make bench-llm`.

One run, one canned upstream (a process of its own that speaks OpenAI's streaming format). Measured against it: the
official SDK straight, and the service as it runs, a process of its own with ratelimit, Redis and telemetry on and the
cache off. The load comes from this process, which runs on the services' event loop, for both alike. It prints figures
and asserts nothing; the last line is one JSON object:

- direct_p50_ms, llm_p50_ms: a short answer, one at a time
- direct_stream_ms, llm_stream_ms: an answer of 200 chunks 5 ms apart, median of all
- ttft_added_ms: what the service adds until the first text of such a stream, difference of medians
- cpu_us_per_token: processor time of the service's process for each chunk of such streams, 8 at a time
- direct_rps_32, rps_32: short answers a second, 32 at a time; the best of three rounds, for both alike
- cache_hit_p50_ms: a cached answer
- recommend_hit_rate, upstream_share, recommend_mean_ms: 2,000 recommendations drawn by Zipf(1.1) from 500 queries, 8 at
  a time, with an upstream that takes 1.5 s: the share served from the cache, the calls upstream for each request, and
  the mean time

`--parts` picks some of them.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import psutil
import yaml
from aiohttp import ClientSession, web
from guildhall.llm.v1 import generation_pb2, generation_pb2_grpc, recommendation_pb2, recommendation_pb2_grpc

from chassis.caller import Person, acting_for
from chassis.caller_keys import FolderKeyRing
from chassis.caller_signing import Signer
from chassis.clock import SystemClock
from chassis.event_loop import run_fast
from chassis.rpc.channel import Channel, open_channel
from tests.support.redis_process import RedisProcess
from tests.support.waiting import free_port

CHUNKS = 200
PAUSE = 0.005
SHORT, STREAM = "short", "stream"
RECOMMEND_SECONDS = 1.5
LARGE = 10**15
PARTS = ("answers", "cache", "music")
Figures = dict[str, float]
LIMITS: dict[str, Any] = {
    "policies": {
        "llm_requests": {"algorithm": "sliding_window", "by": ["person"], "limit": 10**9, "window": "1m"},
        "person_tokens": {"algorithm": "calendar", "by": ["person"], "limit": LARGE, "period": "day"},
        "guild_tokens": {"algorithm": "calendar", "by": ["guild"], "limit": LARGE, "period": "day"},
        "person_money": {"algorithm": "calendar", "by": ["person"], "limit": LARGE, "period": "day"},
        "guild_money": {"algorithm": "calendar", "by": ["guild"], "limit": LARGE, "period": "day"},
    },
    "groups": {"llm_tokens": ["person_tokens", "guild_tokens"], "llm_money": ["person_money", "guild_money"]},
}
PERSON = Person(user_id=1000000000000000001, guild_id=900000000000000001, display_name="Bench")


def event(delta: dict[str, Any] | None, finish: str | None = None, **more: Any) -> bytes:
    """One chunk of an answer."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    body = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "canned", "choices": choices}
    return b"data: " + json.dumps(body | more).encode() + b"\n\n"


USAGE = {"prompt_tokens": 20, "completion_tokens": CHUNKS, "total_tokens": 20 + CHUNKS}
WORD = event({"content": "token "})
TAIL = event({}, "stop") + event(None, usage=USAGE) + b"data: [DONE]\n\n"


async def serve_upstream(port: int) -> None:
    """The canned upstream. What the last message says decides what it answers."""
    calls = 0

    async def chat(request: web.Request) -> web.StreamResponse:
        nonlocal calls
        calls += 1
        body = await request.json()
        last = body["messages"][-1]["content"]
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        if last.startswith("Songs"):
            await asyncio.sleep(RECOMMEND_SECONDS)
            songs = [{"title": f"Song {number} of {last[-60:]}", "artist": f"Artist {number}"} for number in range(12)]
            await response.prepare(request)
            await response.write(event({"content": json.dumps({"songs": songs})}) + TAIL)
            return response
        await response.prepare(request)
        if last.endswith(STREAM):
            begun = time.perf_counter()
            for number in range(CHUNKS):
                await response.write(WORD)
                await asyncio.sleep(max(0.0, begun + PAUSE * (number + 1) - time.perf_counter()))
            await response.write(TAIL)
        else:
            await response.write(WORD + TAIL)
        return response

    async def models(_: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "canned", "object": "model"}]})

    async def counted(_: web.Request) -> web.Response:
        return web.json_response({"calls": calls})

    async def swallow(request: web.Request) -> web.Response:
        await request.read()
        return web.Response()

    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_post("/v1/chat/completions", chat)
    app.router.add_get("/v1/models", models)
    app.router.add_get("/calls", counted)
    app.router.add_post("/v1/traces", swallow)
    app.router.add_post("/v1/metrics", swallow)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
    await asyncio.Event().wait()


class Direct:
    """The official SDK straight to the upstream."""

    def __init__(self, url: str) -> None:
        self._client = openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0)

    async def ask(self, text: str) -> float:
        """One answer; gives the seconds until its first text."""
        begun, first = time.perf_counter(), 0.0
        stream = await self._client.chat.completions.create(
            model="canned",
            messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}],
            stream=True,
            stream_options={"include_usage": True},
        )
        async for chunk in stream:
            if not first and chunk.choices and chunk.choices[0].delta.content:
                first = time.perf_counter() - begun
        return first


class Service:
    """The service over gRPC."""

    def __init__(self, channel: Channel) -> None:
        self._generation = generation_pb2_grpc.GenerationServiceStub(channel)
        self._music = recommendation_pb2_grpc.RecommendationServiceStub(channel)
        self._number = 0

    async def ask(self, text: str, *, cacheable: bool = False) -> float:
        """One answer in a conversation of its own; gives the seconds until its first text."""
        self._number += 1
        begun, first = time.perf_counter(), 0.0
        request = generation_pb2.GenerateRequest(
            conversation_id=f"bench{self._number}",
            turn_id=f"turn{self._number}",
            inputs=[generation_pb2.Input(text=text, author_id=PERSON.user_id, author_name="Bench")],
            guild_id=PERSON.guild_id,
            cacheable=cacheable,
        )
        ended = False
        async for answer in self._generation.Generate(request, timeout=30):
            kind = answer.WhichOneof("event")
            if kind == "text_delta" and not first:
                first = time.perf_counter() - begun
            ended = kind == "end"
        if not ended or not first:
            raise RuntimeError("an answer did not come whole")
        return first

    async def recommend(self, query: str) -> tuple[float, bool]:
        """One recommendation: its seconds, and whether it came from the cache."""
        begun = time.perf_counter()
        request = recommendation_pb2.RecommendRequest(query=query, guild_id=PERSON.guild_id)
        answer = await self._music.Recommend(request, timeout=30)
        if not answer.recommendations:
            raise RuntimeError("nothing was recommended")
        return time.perf_counter() - begun, answer.source == recommendation_pb2.RECOMMEND_SOURCE_CACHE


async def one_at_a_time(work: Callable[[], Awaitable[Any]], count: int, warm: int = 30) -> list[float]:
    """Seconds of each call."""
    for _ in range(warm):
        await work()
    times = []
    for _ in range(count):
        begun = time.perf_counter()
        await work()
        times.append(time.perf_counter() - begun)
    return times


async def rate(work: Callable[[], Awaitable[Any]], in_flight: int, seconds: float) -> float:
    """Calls a second with so many under way."""
    done = 0
    ends = time.perf_counter() + seconds
    begun = time.perf_counter()

    async def loop() -> None:
        nonlocal done
        while time.perf_counter() < ends:
            await work()
            done += 1

    await asyncio.gather(*(loop() for _ in range(in_flight)))
    return done / (time.perf_counter() - begun)


async def streams(ask: Callable[[str], Awaitable[float]], count: int, at_once: int) -> tuple[list[float], list[float]]:
    """Seconds of whole streams, and until their first text."""
    totals, firsts = [], []

    async def loop() -> None:
        for _ in range(count // at_once):
            begun = time.perf_counter()
            firsts.append(await ask(f"a {STREAM}"))
            totals.append(time.perf_counter() - begun)

    await asyncio.gather(*(loop() for _ in range(at_once)))
    return totals, firsts


async def music(service: Service, count: int, seed: int) -> Figures:
    """Recommendations drawn by Zipf(1.1) from 500 queries."""
    chosen = random.Random(seed)
    weights = [1 / (rank**1.1) for rank in range(1, 501)]
    queries = iter(chosen.choices([f"mood{number} evening" for number in range(500)], weights, k=count))
    results: list[tuple[float, bool]] = []

    async def loop() -> None:
        for query in queries:
            results.append(await service.recommend(query))  # noqa: PERF401 - loops share the queries

    await asyncio.gather(*(loop() for _ in range(8)))
    return {
        "recommend_hit_rate": sum(hit for _, hit in results) / count,
        "recommend_mean_ms": statistics.mean(seconds for seconds, _ in results) * 1_000,
    }


@contextlib.contextmanager
def process(*arguments: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process of this run's own, ended with it."""
    running = subprocess.Popen([sys.executable, "-m", *arguments], env={**os.environ, **environment})
    try:
        yield running
    finally:
        running.terminate()
        running.wait(15)


async def ready(address: str) -> None:
    """Waits until something listens there."""
    host, _, port = address.rpartition(":")
    deadline = time.monotonic() + 30
    while True:
        try:
            _, writer = await asyncio.open_connection(host, int(port))
        except OSError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return


def configuration(folder: Path) -> str:
    """The configuration of the run: one model, limits that never deny."""
    sections = {
        "providers": {"openai": {"wire": "openai"}},
        "models": {"openai/canned": {"encoding": "o200k_base", "price": {"input": 1, "output": 4}}},
        "prompts": {"assistant": {"text": "Be brief."}},
        "limits": LIMITS,
        "logging": {"level": "warning"},
    }
    path = folder / "guildhall.yaml"
    path.write_text(yaml.safe_dump(sections), encoding="utf-8")
    return str(path)


@contextlib.asynccontextmanager
async def world(folder: Path) -> AsyncIterator[tuple[Direct, Service, psutil.Process, str]]:
    """Everything that runs."""
    for name in ("executor", "llm", "ratelimit"):
        (folder / f"{name}.key").write_text(os.urandom(32).hex())
    upstream, limits_port, llm_port = free_port(), free_port(), free_port()
    durable = RedisProcess("--appendonly", "yes", "--appendfsync", "always", "--save", "")
    limits = RedisProcess("--appendonly", "yes", "--appendfsync", "everysec", "--save", "")
    url = f"http://127.0.0.1:{upstream}"
    environment = {
        "GUILDHALL_CONFIG": configuration(folder),
        "GUILDHALL_CALLERS__KEYS_DIR": str(folder),
        "GUILDHALL_RPC__PORTS": json.dumps({"llm": llm_port, "ratelimit": limits_port}),
        "REDIS_URL": durable.url,
        "REDIS_LIMITS_URL": limits.url,
        "OPENAI_BASE_URL": f"{url}/v1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "GUILDHALL_RPC__DRAIN": "0",
    }
    signer = Signer("executor", FolderKeyRing(folder), SystemClock())
    with contextlib.ExitStack() as stack:
        # Entered first and left last is what the others still need while they stop.
        for redis in (durable, limits):
            stack.callback(redis.close)
            redis.start()
        stack.enter_context(process("benchmarks.llm", "--upstream", str(upstream), environment={}))
        stack.enter_context(process("services.ratelimit", environment=environment))
        llm = stack.enter_context(process("services.llm", environment=environment))
        for port in (upstream, limits_port, llm_port):
            await ready(f"127.0.0.1:{port}")
        channel = open_channel(f"127.0.0.1:{llm_port}", "llm", signer)
        try:
            yield Direct(f"{url}/v1"), Service(channel), psutil.Process(llm.pid), url
        finally:
            await channel.close()


async def upstream_calls(url: str) -> int:
    """How many calls the upstream has had."""
    async with ClientSession() as session, session.get(f"{url}/calls") as answer:
        return int((await answer.json())["calls"])


def cpu_seconds(of: psutil.Process) -> float:
    """Processor time that a process has used."""
    times = of.cpu_times()
    return float(times.user + times.system)


async def answers(direct: Direct, service: Service, llm: psutil.Process, arguments: argparse.Namespace) -> Figures:
    """What the service adds to a model, its cache off."""
    figures: Figures = {}
    short = f"a {SHORT} question"
    for name, ask in (("direct", direct.ask), ("llm", service.ask)):
        times = await one_at_a_time(lambda ask=ask: ask(short), arguments.count)  # type: ignore[misc]
        figures[f"{name}_p50_ms"] = statistics.median(times) * 1_000
    firsts = {}
    for name, ask in (("direct", direct.ask), ("llm", service.ask)):
        totals, first = await streams(ask, arguments.streams, 1)
        figures[f"{name}_stream_ms"] = statistics.median(totals) * 1_000
        firsts[name] = statistics.median(first) * 1_000
    figures["ttft_added_ms"] = firsts["llm"] - firsts["direct"]
    before = cpu_seconds(llm)
    totals, _ = await streams(service.ask, arguments.streams * 4, 8)
    figures["cpu_us_per_token"] = (cpu_seconds(llm) - before) * 1e6 / (len(totals) * CHUNKS)
    for name, ask in (("direct_rps_32", direct.ask), ("rps_32", service.ask)):
        rounds = [await rate(lambda ask=ask: ask(short), 32, arguments.seconds) for _ in range(3)]  # type: ignore[misc]
        figures[name] = max(rounds)
    return figures


async def cached(service: Service, arguments: argparse.Namespace) -> Figures:
    """An answer that is in the cache."""
    times = await one_at_a_time(lambda: service.ask("the same question", cacheable=True), arguments.count)
    return {"cache_hit_p50_ms": statistics.median(times) * 1_000}


async def recommended(service: Service, url: str, arguments: argparse.Namespace) -> Figures:
    """Recommendations, most of them from the cache."""
    before = await upstream_calls(url)
    figures = await music(service, arguments.recommendations, arguments.seed)
    figures["upstream_share"] = (await upstream_calls(url) - before) / arguments.recommendations
    return figures


async def measure(folder: Path, arguments: argparse.Namespace) -> Figures:
    """All figures of one run."""
    figures: Figures = {}
    with acting_for(PERSON):
        async with world(folder) as (direct, service, llm, url):
            if "answers" in arguments.parts:
                figures |= await answers(direct, service, llm, arguments)
            if "cache" in arguments.parts:
                figures |= await cached(service, arguments)
            if "music" in arguments.parts:
                figures |= await recommended(service, url, arguments)
    return figures


def main() -> None:
    """Runs it and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upstream", type=int, help="serve the canned upstream on this port and nothing else")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="what to measure; all by default")
    parser.add_argument("--count", type=int, default=400, help="short answers, one at a time")
    parser.add_argument("--streams", type=int, default=16, help="streams one at a time; four times as many 8 at a time")
    parser.add_argument("--seconds", type=float, default=4.0, help="seconds of each round of throughput")
    parser.add_argument("--recommendations", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.upstream:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve_upstream(arguments.upstream))
        return
    with tempfile.TemporaryDirectory() as folder:
        figures = run_fast(measure(Path(folder), arguments))
    for name, value in figures.items():
        print(f"{name:24} {value:10.3f}")
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
