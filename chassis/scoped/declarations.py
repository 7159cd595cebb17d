"""The keys that a service declares: what a value may be, and where it may be set."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from chassis.errors import InvalidArgument
from chassis.scoped.places import ScopeKind

Value = bool | int | float | str | tuple[str, ...]
_EVERYWHERE = tuple(ScopeKind)
# Values travel as JSON, whose numbers are exact up to here.
_LARGEST = 2**53
MAX_TEXT = 4000


class ValueKind(IntEnum):
    """What a value is. The numbers are the contract's."""

    BOOL = 1
    INTEGER = 2
    NUMBER = 3
    TEXT = 4
    TEXTS = 5


@dataclass(frozen=True)
class Setting:
    """One key. `default` None means that the service decides, usually by its configuration."""

    key: str
    kind: ValueKind
    description: str
    default: Value | None = None
    scopes: tuple[ScopeKind, ...] = _EVERYWHERE
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    """The smallest number, or the shortest text or list."""
    maximum: float | None = None
    """The largest number, or the longest text or list."""
    permissions: int = 0
    """Permissions in Discord that changing it takes outside of one's own settings, beside those of the scope."""

    def checked(self, value: object) -> Value:
        """The value as it is kept. ValueError says what is wrong with it."""
        typed = self._typed(value)
        measured = typed if isinstance(typed, int | float) else len(typed)
        if not isinstance(typed, bool):
            if self.minimum is not None and measured < self.minimum:
                raise ValueError(f"must not be under {self.minimum:g}")
            longest = self.maximum if self.maximum is not None else MAX_TEXT if isinstance(typed, str) else None
            if longest is not None and measured > longest:
                raise ValueError(f"must not be over {longest:g}")
        texts = (typed,) if isinstance(typed, str) else typed if isinstance(typed, tuple) else ()
        if self.choices and not set(texts) <= set(self.choices):
            raise ValueError(f"must be one of {', '.join(self.choices)}")
        return typed

    def _typed(self, value: object) -> Value:
        number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST
        match self.kind, value:
            case ValueKind.BOOL, bool():
                return value
            case ValueKind.INTEGER, int() | float() if number and value == int(value):
                return int(value)
            case ValueKind.NUMBER, int() | float() if number:
                return float(value)
            case ValueKind.TEXT, str():
                return value
            case ValueKind.TEXTS, list() | tuple() if all(isinstance(item, str) for item in value):
                return tuple(value)
        raise ValueError(f"must be {_NAMES[self.kind]}")


_NAMES = {
    ValueKind.BOOL: "true or false",
    ValueKind.INTEGER: "a whole number",
    ValueKind.NUMBER: "a number",
    ValueKind.TEXT: "a text",
    ValueKind.TEXTS: "a list of texts",
}


class Declarations:
    """All keys of one service."""

    def __init__(self, settings: Iterable[Setting]) -> None:
        self._by_key = {setting.key: setting for setting in settings}

    def __iter__(self) -> Iterator[Setting]:
        return iter(self._by_key.values())

    def get(self, key: str) -> Setting | None:
        """The declaration of a key, if there is one."""
        return self._by_key.get(key)

    def require(self, keys: Sequence[str]) -> list[Setting]:
        """The declarations of some keys, of all where none is named. InvalidArgument (SETTING_UNKNOWN)."""
        unknown = [key for key in keys if key not in self._by_key]
        if unknown:
            raise InvalidArgument(
                "there is no such setting", reason="SETTING_UNKNOWN", fields=dict.fromkeys(unknown, "unknown")
            )
        return [setting for setting in self if not keys or setting.key in keys]

    def checked(self, values: Mapping[str, object], kind: ScopeKind) -> dict[str, Value]:
        """Values as they are kept. InvalidArgument (SETTING_INVALID) says of each what is wrong with it."""
        wrong, right = {}, {}
        for setting in self.require(list(values)) if values else []:
            if kind not in setting.scopes:
                wrong[setting.key] = f"can't be set for a {kind.name.lower()}"
                continue
            try:
                right[setting.key] = setting.checked(values[setting.key])
            except ValueError as error:
                wrong[setting.key] = str(error)
        if wrong:
            raise InvalidArgument("some values can't be taken", reason="SETTING_INVALID", fields=wrong)
        return right
