"""Starts the llm service."""

import asyncio
import sys

from chassis.service import run
from services.llm.composition import build
from services.llm.settings import LlmSettings

if __name__ == "__main__":
    sys.exit(asyncio.run(run("llm", LlmSettings, build)))
