"""`python -m services.gateway`: the Discord sessions, and what people can use in Discord."""

import asyncio
import sys

from chassis.service import Runtime, run
from services.gateway.bot import Bot
from services.gateway.settings import GatewaySettings


async def build(runtime: Runtime[GatewaySettings]) -> None:
    """Puts the service together."""
    bot = Bot(runtime)
    runtime.background("discord", bot.run)
    runtime.on_stop(bot.stop)
    runtime.status("discord", bot.status)


if __name__ == "__main__":
    sys.exit(asyncio.run(run("gateway", GatewaySettings, build)))
