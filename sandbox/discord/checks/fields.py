"""Reading one JSON object: types, lengths and ranges, every mistake noted under its path."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, Final

from sandbox.discord.errors import FormErrors

Path = tuple[str | int, ...]


class Missing:
    """A field that the body does not have (null is something else)."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()


class Fields:
    """One object of a body. Getters return `default` where the field is absent, null or wrong."""

    def __init__(self, body: Any, errors: FormErrors, path: Path = ()) -> None:
        self.errors = errors
        self.path = path
        if isinstance(body, dict):
            self.body: dict[str, Any] = body
        else:
            self.body = {}
            self.fail((), "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")

    def fail(self, path: Path | str, code: str, message: str) -> None:
        """Notes a mistake below this object."""
        self.errors.add(self.path + ((path,) if isinstance(path, str) else path), code, message)

    def has(self, name: str) -> bool:
        """Whether the body names the field at all, null included."""
        return name in self.body

    def raw(self, name: str, *, required: bool = False) -> Any:
        """The value as it came; `MISSING` where it is absent."""
        value = self.body.get(name, MISSING)
        if required and (value is MISSING or value is None):
            self.fail(name, "BASE_TYPE_REQUIRED", "This field is required")
            return MISSING
        return value

    def text(
        self, name: str, *, low: int = 0, high: int | None = None, required: bool = False, default: Any = None
    ) -> Any:
        """A string whose length is within [low, high]."""
        value = self.raw(name, required=required)
        if value is MISSING or value is None:
            return default
        if not isinstance(value, str):
            if isinstance(value, bool | dict | list):
                self.fail(name, "STRING_TYPE_CONVERT", "Could not interpret value as string.")
                return default
            value = str(value)
        if required and low > 0 and not value:
            self.fail(name, "BASE_TYPE_REQUIRED", "This field is required")
            return default
        if (high is not None and len(value) > high) or len(value) < low:
            self.length(name, low, high)
            return default
        return value

    def length(self, name: Path | str, low: int, high: int | None) -> None:
        """Notes a length outside [low, high] in Discord's words."""
        if high is not None and low > 0:
            self.fail(name, "BASE_TYPE_BAD_LENGTH", f"Must be between {low} and {high} in length.")
        elif high is not None:
            self.fail(name, "BASE_TYPE_MAX_LENGTH", f"Must be {high} or fewer in length.")
        else:
            self.fail(name, "BASE_TYPE_MIN_LENGTH", f"Must be {low} or more in length.")

    def integer(
        self, name: str, *, low: int | None = None, high: int | None = None, required: bool = False, default: Any = None
    ) -> Any:
        """An integer within [low, high]; an integer string or a float without a fraction is one too."""
        value = self.raw(name, required=required)
        if value is MISSING or value is None:
            return default
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            if not (isinstance(value, str) and value.lstrip("-").isdecimal()):
                self.fail(name, "NUMBER_TYPE_COERCE", f'Value "{value}" is not int.')
                return default
            value = int(value)
        if low is not None and value < low:
            self.fail(name, "NUMBER_TYPE_MIN", f"int value should be greater than or equal to {low}.")
            return default
        if high is not None and value > high:
            self.fail(name, "NUMBER_TYPE_MAX", f"int value should be less than or equal to {high}.")
            return default
        return value

    def boolean(self, name: str, *, default: Any = None) -> Any:
        """True or false, be it in quotes."""
        value = self.raw(name)
        if value is MISSING or value is None:
            return default
        if value in ("true", "false"):
            value = value == "true"
        if not isinstance(value, bool):
            self.fail(name, "BOOLEAN_TYPE_CONVERT", "Must be either true or false.")
            return default
        return value

    def choice(self, name: str, choices: Collection[Any], *, required: bool = False, default: Any = None) -> Any:
        """One of a few values."""
        value = self.raw(name, required=required)
        if value is MISSING or value is None:
            return default
        if isinstance(value, bool | dict | list) or value not in choices:
            listed = ", ".join(str(choice) for choice in sorted(choices))
            self.fail(name, "BASE_TYPE_CHOICES", f"Value must be one of {{{listed}}}.")
            return default
        return value

    def snowflake(self, name: str, *, required: bool = False, default: Any = None) -> Any:
        """An id; integers and integer strings are the same."""
        value = self.raw(name, required=required)
        if value is MISSING or value is None:
            return default
        parsed = as_snowflake(value)
        if parsed is None:
            self.fail(name, "NUMBER_TYPE_COERCE", f'Value "{value}" is not snowflake.')
            return default
        return parsed

    def snowflakes(self, name: str, *, low: int = 0, high: int | None = None, required: bool = False) -> Any:
        """A list of ids; None where absent."""
        value = self.items(name, low=low, high=high, required=required)
        if value is None:
            return None
        answer = []
        for index, item in enumerate(value):
            parsed = as_snowflake(item)
            if parsed is None:
                self.fail((name, index), "NUMBER_TYPE_COERCE", f'Value "{item}" is not snowflake.')
            else:
                answer.append(parsed)
        return answer

    def items(self, name: str, *, low: int = 0, high: int | None = None, required: bool = False) -> Any:
        """A list whose length is within [low, high]; None where absent or wrong."""
        value = self.raw(name, required=required)
        if value is MISSING or value is None:
            return None
        if not isinstance(value, list):
            self.fail(name, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
            return None
        if (high is not None and len(value) > high) or len(value) < low:
            self.length(name, low, high)
            return None
        return value

    def time(self, name: str) -> Any:
        """An ISO 8601 time as Unix seconds; None where absent."""
        value = self.text(name)
        if value is None:
            return None
        try:
            moment = datetime.fromisoformat(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            self.fail(name, "DATE_TIME_TYPE_PARSE", f"Could not parse {value}. Should be ISO8601.")
            return None

    def child(self, name: str) -> "Fields | None":
        """A nested object; None where absent."""
        value = self.raw(name)
        if value is MISSING or value is None:
            return None
        return Fields(value, self.errors, (*self.path, name))

    def children(self, name: str, *, low: int = 0, high: int | None = None, required: bool = False) -> "list[Fields]":
        """A list of nested objects."""
        return [
            Fields(item, self.errors, (*self.path, name, index))
            for index, item in enumerate(self.items(name, low=low, high=high, required=required) or ())
        ]

    def done(self) -> None:
        """Refuses the body where anything was wrong."""
        self.errors.raise_if_any()


def as_snowflake(value: Any) -> int | None:
    """An id from a string or an integer."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if value >= 0 else None
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 20:
        return int(value)
    return None


def read(body: Any) -> Fields:
    """The outermost object of a body."""
    return Fields({} if body is None else body, FormErrors())
