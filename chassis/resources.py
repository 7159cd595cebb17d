"""What this process uses of its machine."""

import os
import resource
import shutil
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

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
