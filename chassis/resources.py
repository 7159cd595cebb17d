"""What this process uses of its machine."""

import asyncio
import os
import resource
import shutil
import sys
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from chassis.clock import Clock

_PROC = Path("/proc/self")
_KIB = 1024


@dataclass(frozen=True)
class Resources:
    """A look at one moment. Bytes and seconds."""

    resident_bytes: int
    cpu_seconds: float
    open_files: int
    threads: int
    disk_free_bytes: int
    disk_total_bytes: int


def look() -> Resources:
    """What this process uses now."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    disk = shutil.disk_usage(Path.cwd())
    return Resources(
        resident_bytes=_resident(usage),
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        open_files=_count(_PROC / "fd"),
        threads=_count(_PROC / "task") or threading.active_count(),
        disk_free_bytes=disk.free,
        disk_total_bytes=disk.total,
    )


class CpuMeter:
    """How busy the process was in the last minute."""

    _EVERY, _LOOKS = 5.0, 13

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._looks: deque[tuple[float, float]] = deque(maxlen=self._LOOKS)
        self.look()

    @property
    def share(self) -> float:
        """Processor time for each second; 1 is one core. 0 until there was time to measure."""
        then, used_then = self._looks[0]
        now, used_now = self._looks[-1]
        return (used_now - used_then) / (now - then) if now > then else 0.0

    def look(self) -> None:
        """Notes what was used so far."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        self._looks.append((self._clock.monotonic(), usage.ru_utime + usage.ru_stime))

    async def measure(self) -> None:
        """Runs for as long as the process does."""
        while True:
            await asyncio.sleep(self._EVERY)
            self.look()


def _resident(usage: resource.struct_rusage) -> int:
    try:
        return int((_PROC / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        # Without /proc there is only the most that it ever was: in bytes on macOS, in KiB elsewhere.
        return usage.ru_maxrss * (1 if sys.platform == "darwin" else _KIB)


def _count(folder: Path) -> int:
    try:
        return sum(1 for _ in folder.iterdir())
    except OSError:
        return 0
