"""How the bot shows from outside: whether it counts as serving, and what stands under its name in Discord."""

import asyncio
import math

from chassis.clock import Clock
from chassis.rpc.health import HealthPart
from chassis.settings import Live
from services.gateway.fleet import Fleet
from services.gateway.settings import GatewaySettings
from services.gateway.shards import Shard

_LOOK = 0.25


async def show(fleet: Fleet, health: HealthPart, settings: Live[GatewaySettings], clock: Clock) -> None:
    """Says how it is, and under the bot's name what the configuration says, again and again: Discord forgets it."""
    told: dict[Shard, float] = {}
    while True:
        if fleet.connected:
            health.serving()
        else:
            health.not_serving("a shard is not connected")
        presence, now = settings.current.presence, clock.monotonic()
        told = {shard: at for shard, at in told.items() if shard in fleet.feeds}
        for shard in fleet.shards:
            if shard.connected and now - told.get(shard, -math.inf) >= presence.interval:
                await shard.change_presence(presence.text)
                told[shard] = now
        await asyncio.sleep(_LOOK)
