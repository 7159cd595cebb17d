"""What is told to the operator in one line instead of a traceback."""

from __future__ import annotations


class Problem(Exception):
    """Something the operator can mend. The message is one line that says what to do."""
