"""A small service that tests start as a process: `python -m chassis.tests.service_under_test`."""

import asyncio
import sys
from typing import Any

from google.protobuf.wrappers_pb2 import StringValue

from chassis.service import Runtime, run
from chassis.settings import Section
from chassis.tests.echo import Echo, add_to_server


class Settings(Section):
    """Its configuration."""

    greeting: str = "hello"
    redis: bool = False
    slow: float = 0.0
    dies: bool = False
    stubborn: bool = False


async def build(runtime: Runtime[Settings]) -> None:
    """Says its greeting; slowly, if it is told to."""
    if runtime.settings.current.redis:
        runtime.redis("durable")

    async def greet(request: Any, context: Any) -> StringValue:
        await asyncio.sleep(runtime.settings.current.slow)
        return StringValue(value=runtime.settings.current.greeting)

    async def dying() -> None:
        if runtime.settings.current.dies:
            raise RuntimeError("the work broke")
        await asyncio.Event().wait()

    async def last_words() -> None:
        sys.stdout.write("last words\n")

    async def never_done() -> None:
        if runtime.settings.current.stubborn:
            await asyncio.Event().wait()

    runtime.background("work", dying)
    runtime.on_stop(last_words)
    runtime.on_stop(never_done)
    runtime.status("greeting", lambda: {"text": runtime.settings.current.greeting, "numbers": [1, 2.5]})
    runtime.serve(add_to_server, Echo(Unary=greet), callers={"Unary": ("gateway",)})


if __name__ == "__main__":
    sys.exit(asyncio.run(run("board", Settings, build)))
