"""The codec of custom_ids: what a button, select or modal means, carried by itself.

A custom_id outlives every process: whatever replica gets the press finds in it what was pressed and on what. It is an
action and its arguments, `action:argument:argument`, at most 100 characters (Discord's limit). Arguments say which,
never what is allowed: who may press is checked where the action is done.
"""

from dataclasses import dataclass
from urllib.parse import quote, unquote

MAX_LENGTH = 100
_SAFE = "-_.~!$'()*+,;=@/?"


class CustomIdTooLong(ValueError):
    """The action and its arguments do not fit into 100 characters."""


@dataclass(frozen=True, slots=True)
class CustomId:
    """An action by its dotted name, for example `reply.stop`, and its arguments."""

    action: str
    arguments: tuple[str, ...] = ()

    def argument(self, index: int, default: str = "") -> str:
        """One argument, or the default where there are fewer: an old button may carry less than a new one."""
        return self.arguments[index] if index < len(self.arguments) else default


def encode(action: str, *arguments: str | int) -> str:
    """Makes the custom_id of an action.

    Raises CustomIdTooLong, ValueError for an action with a colon or none at all.
    """
    if not action or ":" in action:
        raise ValueError(f"not an action's name: {action!r}")
    text = ":".join((action, *(quote(str(argument), safe=_SAFE) for argument in arguments)))
    if len(text) > MAX_LENGTH:
        raise CustomIdTooLong(f"{action} with its arguments takes {len(text)} characters of {MAX_LENGTH}")
    return text


def decode(text: str) -> CustomId:
    """Reads a custom_id. Any text is read; one that was not made here names an action that nobody handles."""
    action, *arguments = text.split(":")
    return CustomId(action, tuple(unquote(argument) for argument in arguments))
