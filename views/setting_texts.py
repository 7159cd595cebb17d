"""What is set, in words: one text for a setting and its value wherever people read it."""

from collections.abc import Callable

from views.catalogue import texts
from views.markdown import escaped

CHANNELS = frozenset({"allowed_channels", "log_channel"})
"""The settings whose values are channels."""

Text = Callable[..., str]
"""A text by its key and values, in the reader's language."""


def name_text(text: Text, key: str) -> str:
    """What a setting is called; one that no menu has is called by its key."""
    name = f"settings.name.{key}"
    return text(name) if texts().has(name) else escaped(key)


def value_text(text: Text, key: str, value: object) -> str:
    """A value of a setting, by the setting's key."""
    if isinstance(value, bool):
        return text("settings.value.on" if value else "settings.value.off")
    several = [str(each) for each in value] if isinstance(value, tuple | list) else [str(value)] if value else []
    if key in CHANNELS:
        return " ".join(f"<#{channel}>" for channel in several) or text("settings.value.none")
    if isinstance(value, tuple | list):
        return ", ".join(map(escaped, several)) or text("settings.value.none")
    if value in (None, ""):
        return text("settings.value.default")
    choice = f"settings.choice.{key}.{value}"
    return text(choice) if texts().has(choice) else escaped(str(value))
