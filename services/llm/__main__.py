"""Starts the llm service."""

import sys

from chassis.event_loop import run_fast
from chassis.service import run
from services.llm.composition import build
from services.llm.settings import LlmSettings

if __name__ == "__main__":
    sys.exit(run_fast(run("llm", LlmSettings, build)))
