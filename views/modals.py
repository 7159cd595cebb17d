"""Modals, as Discord's JSON: https://discord.com/developers/docs/components/reference#label"""

from collections.abc import Sequence
from typing import Any

from views.components import PLACEHOLDER_LIMIT

_LABEL, _TEXT_INPUT, _STRING_SELECT = 18, 4, 3
_SHORT, _PARAGRAPH = 1, 2

TITLE_LIMIT, LABEL_LIMIT, DESCRIPTION_LIMIT, TEXT_LIMIT = 45, 45, 100, 4000


def modal(custom_id: str, title: str, fields: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A modal of at most five fields."""
    return {"custom_id": custom_id, "title": title[:TITLE_LIMIT], "components": list(fields)}


def text_input(
    name: str,
    label: str,
    *,
    description: str = "",
    value: str = "",
    placeholder: str = "",
    minimum: int = 0,
    maximum: int = TEXT_LIMIT,
    required: bool = True,
    long: bool = False,
) -> dict[str, Any]:
    """A field for text, of one line or of several."""
    component: dict[str, Any] = {
        "type": _TEXT_INPUT,
        "custom_id": name,
        "style": _PARAGRAPH if long else _SHORT,
        "max_length": maximum,
        "required": required,
    }
    if minimum:
        component["min_length"] = minimum
    if value:
        component["value"] = value[:maximum]
    if placeholder:
        component["placeholder"] = placeholder[:DESCRIPTION_LIMIT]
    return _labelled(label, description, component)


def select(
    name: str,
    label: str,
    options: Sequence[dict[str, Any]],
    *,
    description: str = "",
    placeholder: str = "",
    required: bool = True,
) -> dict[str, Any]:
    """A field in which one of at most 25 options is chosen, or none where that is allowed."""
    component: dict[str, Any] = {
        "type": _STRING_SELECT,
        "custom_id": name,
        "options": list(options),
        "min_values": 1 if required else 0,
        "required": required,
    }
    if placeholder:
        component["placeholder"] = placeholder[:PLACEHOLDER_LIMIT]
    return _labelled(label, description, component)


def _labelled(label: str, description: str, component: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {"type": _LABEL, "label": label[:LABEL_LIMIT], "component": component}
    if description:
        body["description"] = description[:DESCRIPTION_LIMIT]
    return body
