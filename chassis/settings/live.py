"""A value that may be replaced whole while the process runs."""

from collections.abc import Callable
from typing import Generic, TypeVar

import structlog

T = TypeVar("T")
_log = structlog.stdlib.get_logger(__name__)


class Refused(ValueError):
    """A new value can't be used; the text says why and what to do."""


class Live(Generic[T]):
    """Settings in force. Read `.current` where it is used and never keep a copy, so that a reload reaches it."""

    def __init__(self, value: T) -> None:
        self._current = value
        self._guards: list[Callable[[T], None]] = []
        self._subscribers: list[Callable[[T, T], None]] = []

    @property
    def current(self) -> T:
        """What is in force now."""
        return self._current

    def guard(self, check: Callable[[T], None]) -> None:
        """Has each new value checked before it is in force. The check raises ValueError to refuse it."""
        self._guards.append(check)

    def subscribe(self, callback: Callable[[T, T], None]) -> Callable[[], None]:
        """Calls back with (old, new) after each replacement; gives a function that ends the subscription."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback)

    def check(self, value: T) -> None:
        """Refused where a guard would not have this value."""
        for guard in self._guards:
            try:
                guard(value)
            except ValueError as error:
                raise Refused(str(error)) from error

    def replace(self, value: T) -> None:
        """Puts a new value in force and tells the subscribers. An equal value is no news."""
        old, self._current = self._current, value
        if old == value:
            return
        for callback in tuple(self._subscribers):
            try:
                callback(old, value)
            except Exception:  # noqa: BLE001  (see below)
                # The value is in force already; one deaf subscriber must not keep the others from hearing of it.
                _log.exception("a subscriber of settings failed")
