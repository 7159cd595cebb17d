"""What a stop waits for, and what it does not."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from chassis.caller_signing import Verifier
from chassis.clock import SystemClock
from chassis.rpc.health import Health
from chassis.rpc.server import Server
from chassis.rpc.watches import Watches
from chassis.settings.shared import Rpc
from chassis.testing import TestKeys, channel_to
from chassis.tests.echo import Echo, EchoStub, add_to_server, text

ROOT = Path(__file__).parents[2]
LONG = 120.0


async def test_a_stop_ends_watches_and_waits_for_what_gets_something_done() -> None:
    go_on = asyncio.Event()

    async def held(request: Any, context: Any) -> AsyncIterator[StringValue]:
        yield request
        await go_on.wait()
        yield request

    server = Server(Rpc(), Verifier("test", TestKeys(), SystemClock(), 5.0), Health())
    server.registrar.add(add_to_server, Echo(Watch=held, Down=held), None)
    await server.start(0)
    async with channel_to(f"127.0.0.1:{server.port}") as channel:
        watch = EchoStub(channel).Watch(text("seen"), timeout=LONG)
        answer = EchoStub(channel).Down(text("half"), timeout=LONG)
        watched, answered = aiter(watch), aiter(answer)
        assert ((await anext(watched)).value, (await anext(answered)).value) == ("seen", "half")
        stopping = asyncio.create_task(server.stop(LONG))
        async with asyncio.timeout(LONG / 2):
            assert [each.value async for each in watched] == []
        assert not stopping.done()
        go_on.set()
        async with asyncio.timeout(LONG / 2):
            assert [each.value async for each in answered] == ["half"]
            await stopping


async def test_watches_end_like_any_other_end() -> None:
    watches, closed = Watches(), asyncio.Event()

    async def watch() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            closed.set()

    running = asyncio.create_task(watches.run(watch()))
    await asyncio.sleep(0)
    watches.end()
    async with asyncio.timeout(10):
        await running
    assert closed.is_set()


async def test_a_watch_that_runs_out_of_time_by_itself_still_says_so() -> None:
    async def late() -> None:
        raise TimeoutError("a store was too slow")

    with pytest.raises(TimeoutError, match="too slow"):
        await Watches().run(late())


def test_a_process_that_lingers_is_ended_and_says_where_it_stood() -> None:
    script = "import time; from chassis import lingering; lingering.end_after(0.1); time.sleep(60)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 1
    assert "took too long" in done.stderr
    assert 'File "<string>", line 1' in done.stderr
