"""Starts executor: `python -m services.executor`."""

from __future__ import annotations

import asyncio
import sys

from chassis.service import Runtime, run
from services.executor.jobs.gauges import QueueGauges
from services.executor.parts import Parts
from services.executor.settings import ExecutorSettings


async def build(runtime: Runtime[ExecutorSettings]) -> None:
    """Puts executor together."""
    parts = Parts(runtime)
    parts.serve()
    parts.work()
    interval = runtime.settings.current.jobs.measure_seconds
    gauges = QueueGauges(parts.store, lambda: parts.runner.partitions, runtime.clock, interval=interval)
    runtime.background("queue", gauges.measure)


if __name__ == "__main__":
    sys.exit(asyncio.run(run("executor", ExecutorSettings, build)))
