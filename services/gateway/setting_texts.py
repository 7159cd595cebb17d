"""What is set, in words: one text for a value wherever people read it."""

from services.gateway.menu_items import ITEMS
from views.catalogue import Catalogue
from views.markdown import escaped

_CHANNELS = frozenset(item.key for item in ITEMS if item.channels)


def value_text(texts: Catalogue, locale: str, key: str, value: object) -> str:
    """A value of a setting, by the setting's key, in somebody's language."""
    if isinstance(value, bool):
        return texts.text(locale, "settings.value.on" if value else "settings.value.off")
    if key in _CHANNELS:
        chosen = value if isinstance(value, tuple) else (str(value),) if value else ()
        return " ".join(f"<#{channel}>" for channel in chosen) or texts.text(locale, "settings.value.none")
    if isinstance(value, tuple):
        return ", ".join(escaped(str(each)) for each in value) or texts.text(locale, "settings.value.none")
    if value in (None, ""):
        return texts.text(locale, "settings.value.default")
    choice = f"settings.choice.{key}.{value}"
    return texts.text(locale, choice) if texts.has(choice) else escaped(str(value))
