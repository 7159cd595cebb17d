"""Who is next, where there is less than is asked for. Pure: no clock, no loop.

Theory. Start-time fair queueing (Goyal, Vin and Cheng, 1996), one queue for each resource that is short. A waiter
belongs to a flow (a person, a guild) and gets a start tag: the later of the queue's virtual time and the flow's last
finish. The smallest tag within the most important priority goes first, so flows take turns however much one of them
asks for, and within a flow the order is that of arrival. Only the head of a queue is ever tried, so nobody overtakes it
because they ask for less, and a resource that comes free is not stormed.
"""

import heapq
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(eq=False)
class Waiter(Generic[T]):
    """Someone who waits."""

    item: T
    flow: str
    priority: int
    cost: float
    sequence: int
    resource: str = ""
    tag: float = 0.0
    gone: bool = False


@dataclass
class _Queue(Generic[T]):
    heap: list[tuple[int, float, int, Waiter[T]]] = field(default_factory=list)
    size: int = 0
    not_before: float = 0.0
    virtual: float = 0.0
    finishes: dict[str, float] = field(default_factory=dict)
    trying: Waiter[T] | None = None
    poked: bool = False
    """Whether the resource may have come free while a head was being tried, who saw it as it was before."""


class FairQueue(Generic[T]):
    """Waiters by the resource that they wait for. Times are seconds of whatever clock the caller uses."""

    def __init__(self) -> None:
        self._queues: dict[str, _Queue[T]] = {}
        self._sequence = 0

    def __len__(self) -> int:
        return sum(queue.size for queue in self._queues.values())

    def waits(self, resource: str, priority: int = 0) -> bool:
        """Whether someone at least as important waits for the resource."""
        queue = self._queues.get(resource)
        if queue is None:
            return False
        self._drop_gone(queue)
        if queue.trying is not None and not queue.trying.gone and queue.trying.priority <= priority:
            return True
        return bool(queue.heap) and queue.heap[0][0] <= priority

    def add(
        self, item: T, resource: str, *, flow: str, until: float, priority: int = 0, cost: float = 1.0
    ) -> Waiter[T]:
        """Lets an item wait for a resource that is expected to be free at `until`. A smaller priority goes first."""
        self._sequence += 1
        waiter = Waiter(item, flow, priority, cost, self._sequence)
        self._enter(waiter, resource, until)
        return waiter

    def due(self, now: float) -> list[Waiter[T]]:
        """The heads of the queues whose time has come. Each is then `served`, `blocked` or `left`."""
        heads = []
        for queue in list(self._queues.values()):
            if queue.not_before <= now and queue.trying is None:
                self._drop_gone(queue)
                if queue.heap:
                    queue.trying = heapq.heappop(queue.heap)[3]
                    queue.poked = False
                    heads.append(queue.trying)
        self._forget_empty()
        return heads

    def next_time(self) -> float | None:
        """When `due` is worth asking; None while nobody waits, or all heads are being tried."""
        times = [queue.not_before for queue in self._queues.values() if queue.trying is None and queue.size]
        return min(times, default=None)

    def served(self, waiter: Waiter[T]) -> None:
        """A head got what it waited for."""
        queue = self._queues[waiter.resource]
        queue.virtual = max(queue.virtual, waiter.tag)
        self._leave(queue, waiter)

    def blocked(self, waiter: Waiter[T], resource: str, until: float) -> None:
        """A head was tried and `resource` is short until then. Keeps its place, or joins the other resource's queue."""
        queue = self._queues[waiter.resource]
        if resource == waiter.resource:
            queue.trying = None
            queue.not_before = 0.0 if queue.poked else until
            heapq.heappush(queue.heap, (waiter.priority, waiter.tag, waiter.sequence, waiter))
            return
        self._leave(queue, waiter)
        waiter.gone = False
        self._enter(waiter, resource, until)

    def left(self, waiter: Waiter[T]) -> None:
        """A waiter gave up."""
        queue = self._queues.get(waiter.resource)
        if queue is not None and not waiter.gone:
            self._leave(queue, waiter)
            self._forget_empty()

    def poke(self, resource: str) -> None:
        """Something happened that may have freed the resource: its head is tried at once."""
        queue = self._queues.get(resource)
        if queue is not None:
            queue.not_before = 0.0
            queue.poked = True

    def _enter(self, waiter: Waiter[T], resource: str, until: float) -> None:
        queue = self._queues.setdefault(resource, _Queue())
        if not queue.size:
            queue.not_before = until
        waiter.resource = resource
        waiter.tag = max(queue.virtual, queue.finishes.get(waiter.flow, 0.0))
        queue.finishes[waiter.flow] = waiter.tag + waiter.cost
        queue.size += 1
        head_changes = not queue.heap or (waiter.priority, waiter.tag) < queue.heap[0][:2]
        if head_changes:
            queue.not_before = min(queue.not_before, until)
        heapq.heappush(queue.heap, (waiter.priority, waiter.tag, waiter.sequence, waiter))

    def _leave(self, queue: _Queue[T], waiter: Waiter[T]) -> None:
        waiter.gone = True
        queue.size -= 1
        if queue.trying is waiter:
            queue.trying = None

    @staticmethod
    def _drop_gone(queue: _Queue[T]) -> None:
        while queue.heap and queue.heap[0][3].gone:
            heapq.heappop(queue.heap)

    def _forget_empty(self) -> None:
        for resource in [name for name, queue in self._queues.items() if not queue.size]:
            del self._queues[resource]
