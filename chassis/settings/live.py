"""A value that may be replaced whole while the process runs."""

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Live(Generic[T]):
    """Settings in force. Read `.current` where it is used and never keep a copy, so that a reload reaches it."""

    def __init__(self, value: T) -> None:
        self._current = value
        self._subscribers: list[Callable[[T, T], None]] = []

    @property
    def current(self) -> T:
        """What is in force now."""
        return self._current

    def subscribe(self, callback: Callable[[T, T], None]) -> Callable[[], None]:
        """Calls back with (old, new) after each replacement; gives a function that ends the subscription."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback)

    def replace(self, value: T) -> None:
        """Puts a new value in force and tells the subscribers. An equal value is no news."""
        old, self._current = self._current, value
        if old != value:
            for callback in tuple(self._subscribers):
                callback(old, value)
