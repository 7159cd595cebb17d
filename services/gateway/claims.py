"""Which events were taken already.

After RESUME Discord may repeat events. Everything that leaves this process carries the event's own id, by which the
services behind deduplicate durably; the claims here keep a repeat from going that way at all.
"""

from collections import OrderedDict


class Claims:
    """The ids taken lately; the oldest are forgotten first."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._taken: OrderedDict[int, None] = OrderedDict()

    def take(self, event_id: int) -> bool:
        """Claims an event; false where it was claimed before."""
        if event_id in self._taken:
            return False
        self._taken[event_id] = None
        if len(self._taken) > self._capacity:
            self._taken.popitem(last=False)
        return True

    def give_back(self, event_id: int) -> None:
        """Gives up a claim, because the event could not be handed over and may be tried again."""
        self._taken.pop(event_id, None)
