"""Buttons, selects and rows, as Discord's JSON: https://discord.com/developers/docs/components/reference"""

from collections.abc import Collection, Sequence
from typing import Any

_ROW, _BUTTON, _STRING_SELECT, _USER_SELECT, _CHANNEL_SELECT = 1, 2, 3, 5, 8
PRIMARY, SECONDARY, SUCCESS, DANGER, _LINK = 1, 2, 3, 4, 5

ROWS_LIMIT, BUTTONS_LIMIT, OPTIONS_LIMIT, LABEL_LIMIT = 5, 5, 25, 80
OPTION_LABEL_LIMIT, OPTION_DESCRIPTION_LIMIT, PLACEHOLDER_LIMIT = 100, 100, 150


def row(*components: dict[str, Any]) -> dict[str, Any]:
    """Up to five buttons, or one select."""
    return {"type": _ROW, "components": list(components)}


def rows(buttons: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Buttons in rows of five."""
    return [row(*buttons[start : start + BUTTONS_LIMIT]) for start in range(0, len(buttons), BUTTONS_LIMIT)]


def button(custom_id: str, label: str, *, style: int = SECONDARY, disabled: bool = False) -> dict[str, Any]:
    """A button that is an interaction when pressed."""
    made: dict[str, Any] = {"type": _BUTTON, "style": style, "label": label[:LABEL_LIMIT], "custom_id": custom_id}
    if disabled:
        made["disabled"] = True
    return made


def option(value: str, label: str, description: str = "", *, chosen: bool = False) -> dict[str, Any]:
    """One choice of a select."""
    made: dict[str, Any] = {"value": value, "label": label[:OPTION_LABEL_LIMIT]}
    if description:
        made["description"] = description[:OPTION_DESCRIPTION_LIMIT]
    if chosen:
        made["default"] = True
    return made


def select(
    custom_id: str, options: Sequence[dict[str, Any]], *, placeholder: str, least: int = 1, most: int = 1
) -> dict[str, Any]:
    """A select of at most 25 options; `most` is cut to how many there are."""
    shown = list(options[:OPTIONS_LIMIT])
    return {
        "type": _STRING_SELECT,
        "custom_id": custom_id,
        "options": shown,
        "placeholder": placeholder[:PLACEHOLDER_LIMIT],
        "min_values": least,
        "max_values": max(1, min(most, len(shown))),
    }


def user_select(custom_id: str, *, placeholder: str) -> dict[str, Any]:
    """A select of one member."""
    return {"type": _USER_SELECT, "custom_id": custom_id, "placeholder": placeholder[:PLACEHOLDER_LIMIT]}


def channel_select(
    custom_id: str,
    *,
    placeholder: str,
    chosen: Sequence[str] = (),
    channel_types: Sequence[int] = (0,),
    most: int = 1,
) -> dict[str, Any]:
    """A select of the guild's channels; none may be chosen."""
    return {
        "type": _CHANNEL_SELECT,
        "custom_id": custom_id,
        "placeholder": placeholder[:PLACEHOLDER_LIMIT],
        "channel_types": list(channel_types),
        "min_values": 0,
        "max_values": most,
        "default_values": [{"id": channel, "type": "channel"} for channel in chosen[:most]],
    }


def link(url: str, label: str) -> dict[str, Any]:
    """A button that opens a page."""
    return {"type": _BUTTON, "style": _LINK, "label": label[:LABEL_LIMIT], "url": url}


def chosen_in(components: Collection[dict[str, Any]], custom_id_begins: str) -> tuple[str, ...]:
    """The values that a message's own select shows as chosen: the state of a menu that no process has to remember."""
    return tuple(
        choice["value"]
        for line in components
        for component in line.get("components", ())
        if str(component.get("custom_id", "")).startswith(custom_id_begins)
        for choice in component.get("options", ())
        if choice.get("default")
    )
