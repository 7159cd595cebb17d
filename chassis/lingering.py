"""Ends a process whose stop does not come to its end, and says what it was waiting for.

Each step of a stop is bounded, but not all that may hold a process is a step: a thread that looks up a name, a task
that does not let itself be cancelled, a loop that stands still.
"""

import faulthandler
import os
import sys
import threading

GAVE_UP = 1
"""The exit code of a process that had to be ended."""


def end_after(seconds: float) -> threading.Timer:
    """Lets this process live for so long at most. The timer holds nothing up and may be cancelled."""
    timer = threading.Timer(seconds, _end)
    timer.daemon = True
    timer.start()
    return timer


def _end() -> None:
    sys.stderr.write("the stop took too long; this is where each thread stands\n")
    faulthandler.dump_traceback(all_threads=True)
    sys.stderr.flush()
    os._exit(GAVE_UP)
