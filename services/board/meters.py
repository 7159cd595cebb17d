"""What the board tells metrics: how often a page of a list was at hand.

The rate of hits is the share of one outcome in all lookups over a time, which only whoever collects can tell.
"""

from collections.abc import Callable, Iterable
from typing import Any

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from services.board.cache import GenerationCache

LIST_LOOKUPS = "guildhall.board.list.lookups"


def observe_lists(meter: Meter, cache: GenerationCache[Any]) -> None:
    """Registers the counter of a cache of pages."""
    meter.create_observable_counter(LIST_LOOKUPS, [_lookups(cache)], "{lookup}", "Lookups of pages of lists by outcome")


def _lookups(cache: GenerationCache[Any]) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def lookups(_options: CallbackOptions) -> Iterable[Observation]:
        return (Observation(cache.hits, {"outcome": "hit"}), Observation(cache.misses, {"outcome": "miss"}))

    return lookups
