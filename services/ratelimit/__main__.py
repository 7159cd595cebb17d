"""Starts the service: `python -m services.ratelimit`."""

import sys

from chassis.event_loop import run_fast
from chassis.service import run
from services.ratelimit.app import build
from services.ratelimit.settings import RatelimitSettings

if __name__ == "__main__":
    sys.exit(run_fast(run("ratelimit", RatelimitSettings, build)))
