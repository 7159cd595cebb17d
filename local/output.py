"""What the operator reads."""

from __future__ import annotations

import os
import sys


def say(line: str) -> None:
    """Tell the operator; at once, even through a pipe.

    Nobody may be there to read: a terminal is closed, `make run | head` has enough. What runs is watched, and stopped
    in order, all the same, so that is no error.
    """
    try:
        print(line, flush=True)
    except UnicodeEncodeError:
        print(line.encode(sys.stdout.encoding, "backslashreplace").decode(sys.stdout.encoding), flush=True)
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
