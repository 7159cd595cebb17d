"""Becomes another program that ends when its supervisor does.

`kill -9` leaves a supervisor no time to stop its children, and a child nobody watches is an orphan that holds a port.
On Linux the kernel can be asked to signal a process whose parent died (PR_SET_PDEATHSIG, prctl(2)); the request
outlives an exec, so this file makes it and then becomes the program. It runs by path and imports little, as it stands
before every start: `python -S -E launch.py <supervisor's pid> <program> <arguments…>`.
"""

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its supervisor, then exec the program."""
    supervisor, program = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != supervisor:  # it died before the request was made
        sys.exit(1)
    os.execv(program[0], program)  # noqa: S606 - the supervisor chose the program; no shell is wanted


main()
