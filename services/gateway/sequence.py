"""How far a shard's events have been handed over.

Discord numbers the events of a session. A process that dies must RESUME from the last event that nobody has to
see again, which is not the last one received: events are handed over side by side, and an early one may take longer
than a later one. The position is therefore the end of the unbroken run of events that are done (a low-water mark).
"""

from collections import deque


class Watermark:
    """The low-water mark of one session. Sequences begin in rising order and end in any order."""

    def __init__(self, position: int = 0) -> None:
        self._position = position
        self._begun: deque[int] = deque()
        self._done: set[int] = set()

    @property
    def position(self) -> int:
        """The highest sequence up to which everything is handed over."""
        return self._position

    @property
    def outstanding(self) -> int:
        """How many events were begun and are not known to be covered by the position."""
        return len(self._begun)

    def begin(self, sequence: int) -> None:
        """Notes that an event came. One at or below the newest is a repeat and is not counted again."""
        newest = self._begun[-1] if self._begun else self._position
        if sequence > newest:
            self._begun.append(sequence)

    def done(self, sequence: int) -> bool:
        """Notes that an event is handed over; says whether the position moved."""
        if sequence <= self._position:
            return False
        self._done.add(sequence)
        before = self._position
        while self._begun and self._begun[0] in self._done:
            self._position = self._begun.popleft()
            self._done.discard(self._position)
        return self._position != before
