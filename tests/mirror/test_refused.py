"""What Discord refuses gateway for good is said in one line that tells what to do."""

from __future__ import annotations

from structlog.testing import capture_logs

from tests.mirror.conftest import World
from tests.support import eventually


async def test_a_refusal_is_said_as_it_is(world: World) -> None:
    with capture_logs() as logs:
        await world.start("gateway")

        def connected() -> bool:
            return any(shard["connected"] for shard in world.status("gateway", "discord")["shards"])

        await eventually(connected)
        await world.sandbox.gateway("close", code=4013)

        def said() -> bool:
            return any(line["log_level"] == "critical" and "check gateway.intents" in line["event"] for line in logs)

        await eventually(said)
