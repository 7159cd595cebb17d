"""What tests everywhere share. `from tests.support import ManualClock, eventually, free_port`."""

from tests.support.clock import ManualClock
from tests.support.waiting import eventually, free_port

__all__ = ["ManualClock", "eventually", "free_port"]
