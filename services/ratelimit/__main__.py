"""Starts the service: `python -m services.ratelimit`."""

import asyncio
import sys

from chassis.service import run
from services.ratelimit.app import build
from services.ratelimit.settings import RatelimitSettings

if __name__ == "__main__":
    sys.exit(asyncio.run(run("ratelimit", RatelimitSettings, build)))
