"""Message components, both kinds: rows of buttons and selects, and Components V2 layouts.

Source: https://discord.com/developers/docs/components/reference. What comes back is what Discord stores and returns:
ids filled in, defaults made explicit. One module: components contain one another and are counted together.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from sandbox.discord.checks.fields import Fields
from sandbox.discord.entities import JSON
from sandbox.discord.limits import SIZES

ACTION_ROW, BUTTON, STRING_SELECT, TEXT_INPUT = 1, 2, 3, 4
USER_SELECT, ROLE_SELECT, MENTIONABLE_SELECT, CHANNEL_SELECT = 5, 6, 7, 8
SECTION, TEXT_DISPLAY, THUMBNAIL, MEDIA_GALLERY, FILE, SEPARATOR, CONTAINER = 9, 10, 11, 12, 13, 14, 17
LABEL, FILE_UPLOAD, RADIO_GROUP, CHECKBOX_GROUP, CHECKBOX = 18, 19, 21, 22, 23
SELECTS: Final = frozenset({STRING_SELECT, USER_SELECT, ROLE_SELECT, MENTIONABLE_SELECT, CHANNEL_SELECT})
LINK_STYLE, PREMIUM_STYLE = 5, 6
_TOP_V1: Final = frozenset({ACTION_ROW})
_IN_CONTAINER: Final = frozenset({ACTION_ROW, TEXT_DISPLAY, SECTION, MEDIA_GALLERY, SEPARATOR, FILE})
_TOP_V2: Final = _IN_CONTAINER | {CONTAINER}


@dataclass
class Reading:
    """What counts over a whole message: ids in use, custom_ids, number of components, characters, files named."""

    ids: set[int] = field(default_factory=set)
    custom_ids: set[str] = field(default_factory=set)
    count: int = 0
    characters: int = 0
    files: set[str] = field(default_factory=set)
    new_media_id: Callable[[], int] = lambda: 0


def read_components(fields: Fields, *, v2: bool, new_media_id: Callable[[], int]) -> tuple[tuple[JSON, ...], Reading]:
    """The body's `components` as stored, and what was counted. `new_media_id` names media of Components V2."""
    reading = Reading(new_media_id=new_media_id)
    high = SIZES.components_v2 if v2 else SIZES.action_rows
    children = fields.children("components", high=high)
    _reserve_ids(children, reading)
    allowed = _TOP_V2 if v2 else _TOP_V1
    stored = tuple(_component(child, allowed, reading) for child in children)
    if v2 and reading.count > SIZES.components_v2:
        fields.fail(
            "components",
            "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED",
            f"The maximum number of components in a message is {SIZES.components_v2}.",
        )
    if v2 and reading.characters > SIZES.components_v2_text:
        fields.fail(
            "components",
            "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED",
            f"The total displayable text size exceeds {SIZES.components_v2_text}.",
        )
    return stored, reading


def _reserve_ids(children: list[Fields], reading: Reading) -> None:
    def walk(body: object) -> None:
        if isinstance(body, dict):
            given = body.get("id")
            if isinstance(given, int) and given > 0:
                reading.ids.add(given)
            for key in ("components", "accessory", "component"):
                walk(body.get(key))
        elif isinstance(body, list):
            for item in body:
                walk(item)

    for child in children:
        walk(child.body)


def identify(fields: Fields, reading: Reading) -> int:
    """The component's own number within its message: the one given, else the next free one."""
    given: int = fields.integer("id", low=0, default=0)
    if given:
        return given
    number = 1
    while number in reading.ids:
        number += 1
    reading.ids.add(number)
    return number


def _component(fields: Fields, allowed: frozenset[int], reading: Reading) -> JSON:
    kind = fields.choice("type", allowed, required=True)
    if kind is None:
        return {"type": 0}
    reading.count += 1
    stored: JSON = {"type": kind, "id": identify(fields, reading)}
    stored.update(_READERS[kind](fields, reading))
    return stored


def _row(fields: Fields, reading: Reading) -> JSON:
    children = fields.children("components", low=1, high=SIZES.row_buttons, required=True)
    stored = [_component(child, SELECTS | {BUTTON}, reading) for child in children]
    if len(stored) > 1 and any(item["type"] in SELECTS for item in stored):
        fields.fail(
            "components", "COMPONENT_LAYOUT_WIDTH_EXCEEDED", "The specified component exceeds the maximum width"
        )
    return {"components": stored}


def custom_id(fields: Fields, reading: Reading, *, required: bool = True) -> str | None:
    """A custom_id: 1 to 100 characters, once in a message."""
    value: str | None = fields.text("custom_id", low=1, high=SIZES.custom_id, required=required)
    if value is not None:
        if value in reading.custom_ids:
            fields.fail("custom_id", "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated")
        reading.custom_ids.add(value)
    return value


def emoji(fields: Fields) -> JSON | None:
    """A component's emoji."""
    child = fields.child("emoji")
    if child is None:
        return None
    number = child.snowflake("id")
    name = child.text("name", high=SIZES.emoji, default="")
    if number is None and not name:
        child.fail("name", "BASE_TYPE_REQUIRED", "This field is required")
    return (
        {"name": name} if number is None else {"id": str(number), "name": name, "animated": bool(child.raw("animated"))}
    )


def _button(fields: Fields, reading: Reading) -> JSON:
    style = fields.choice("style", range(1, 7), required=True, default=1)
    label = fields.text("label", high=SIZES.button_label)
    picture = emoji(fields)
    stored: JSON = {"style": style}
    if fields.boolean("disabled"):
        stored["disabled"] = True
    if style == LINK_STYLE:
        address = fields.text("url", low=1, high=SIZES.url, required=True)
        if address is not None and not address.startswith(("http://", "https://", "discord://")):
            fields.fail("url", "URL_TYPE_INVALID_SCHEME", "Scheme must be one of ('http', 'https', 'discord').")
        if fields.raw("custom_id"):
            fields.fail(
                "custom_id",
                "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE",
                "A custom id and url cannot both be specified",
            )
        stored["url"] = address
    elif style == PREMIUM_STYLE:
        stored["sku_id"] = str(fields.snowflake("sku_id", required=True, default=0))
    else:
        stored["custom_id"] = custom_id(fields, reading)
        if fields.raw("url"):
            fields.fail(
                "url",
                "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE",
                "A custom id and url cannot both be specified",
            )
    if style != PREMIUM_STYLE and not label and picture is None:
        fields.fail("label", "BUTTON_COMPONENT_LABEL_OR_EMOJI_REQUIRED", "A label or emoji is required")
    if label:
        stored["label"] = label
    if picture is not None:
        stored["emoji"] = picture
    return stored


def select_body(fields: Fields, reading: Reading) -> JSON:
    """What every kind of select has."""
    stored: JSON = {"custom_id": custom_id(fields, reading)}
    placeholder = fields.text("placeholder", high=SIZES.select_placeholder)
    if placeholder:
        stored["placeholder"] = placeholder
    stored["min_values"] = fields.integer("min_values", low=0, high=SIZES.select_options, default=1)
    stored["max_values"] = fields.integer("max_values", low=1, high=SIZES.select_options, default=1)
    if stored["min_values"] > stored["max_values"]:
        fields.fail("min_values", "COMPONENT_SELECT_MIN_GREATER_THAN_MAX", "min_values must not exceed max_values")
    if fields.boolean("disabled"):
        stored["disabled"] = True
    return stored


def read_options(fields: Fields, *, low: int, high: int) -> list[JSON]:
    """The options of a select or a group: label, value once, description, default."""
    answer: list[JSON] = []
    values: set[str] = set()
    for option in fields.children("options", low=low, high=high, required=True):
        label = option.text("label", low=1, high=SIZES.select_option_label, required=True, default="")
        value = option.text("value", low=1, high=SIZES.select_option_label, required=True, default="")
        if value and value in values:
            option.fail(
                "value", "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", "The specified option value is already used"
            )
        values.add(value)
        stored: JSON = {"label": label, "value": value}
        description = option.text("description", high=SIZES.select_option_label)
        if description:
            stored["description"] = description
        picture = emoji(option)
        if picture is not None:
            stored["emoji"] = picture
        if option.boolean("default"):
            stored["default"] = True
        answer.append(stored)
    return answer


def string_select(fields: Fields, reading: Reading) -> JSON:
    """A select with its own options."""
    stored = select_body(fields, reading)
    stored["options"] = read_options(fields, low=1, high=SIZES.select_options)
    if stored["options"] and stored["max_values"] > len(stored["options"]):
        fields.fail(
            "max_values", "NUMBER_TYPE_MAX", f"int value should be less than or equal to {len(stored['options'])}."
        )
    return stored


def entity_select(fields: Fields, reading: Reading) -> JSON:
    """A select of users, roles, both, or channels."""
    stored = select_body(fields, reading)
    kinds = fields.items("channel_types")
    if kinds:
        stored["channel_types"] = kinds
    defaults = [
        {"id": str(item.snowflake("id", required=True, default=0)), "type": item.text("type", required=True)}
        for item in fields.children("default_values", high=SIZES.select_options)
    ]
    if defaults:
        stored["default_values"] = defaults
    return stored


def _text_display(fields: Fields, reading: Reading) -> JSON:
    content = fields.text("content", low=1, high=SIZES.components_v2_text, required=True, default="")
    reading.characters += len(content)
    return {"content": content}


def _media(fields: Fields | None, name: str, owner: Fields, reading: Reading, *, attachment_only: bool = False) -> JSON:
    if fields is None:
        owner.fail(name, "BASE_TYPE_REQUIRED", "This field is required")
        return {"id": "0", "url": "", "proxy_url": ""}
    address: str = fields.text("url", low=1, high=SIZES.address, required=True, default="")
    schemes = ("attachment://",) if attachment_only else ("attachment://", "http://", "https://")
    if address and not address.startswith(schemes):
        fields.fail("url", "URL_TYPE_INVALID_SCHEME", f"Scheme must be one of {schemes}.")
    if address.startswith("attachment://"):
        reading.files.add(address.removeprefix("attachment://"))
    return {
        "id": str(reading.new_media_id()),
        "url": address,
        "proxy_url": address,
        "width": None,
        "height": None,
        "content_type": None,
    }


def _section(fields: Fields, reading: Reading) -> JSON:
    texts = fields.children("components", low=1, high=SIZES.section_texts, required=True)
    stored: JSON = {"components": [_component(text, frozenset({TEXT_DISPLAY}), reading) for text in texts]}
    accessory = fields.child("accessory")
    if accessory is None:
        fields.fail("accessory", "BASE_TYPE_REQUIRED", "This field is required")
    else:
        stored["accessory"] = _component(accessory, frozenset({BUTTON, THUMBNAIL}), reading)
    return stored


def _thumbnail(fields: Fields, reading: Reading) -> JSON:
    return {
        "media": _media(fields.child("media"), "media", fields, reading),
        "description": fields.text("description", high=SIZES.attachment_description),
        "spoiler": fields.boolean("spoiler", default=False),
    }


def _gallery(fields: Fields, reading: Reading) -> JSON:
    return {
        "items": [
            {
                "media": _media(item.child("media"), "media", item, reading),
                "description": item.text("description", high=SIZES.attachment_description),
                "spoiler": item.boolean("spoiler", default=False),
            }
            for item in fields.children("items", low=1, high=SIZES.media_gallery, required=True)
        ]
    }


def _file(fields: Fields, reading: Reading) -> JSON:
    media = _media(fields.child("file"), "file", fields, reading, attachment_only=True)
    name = media["url"].removeprefix("attachment://")
    return {"file": media, "name": name, "size": None, "spoiler": fields.boolean("spoiler", default=False)}


def _separator(fields: Fields, reading: Reading) -> JSON:
    return {
        "spacing": fields.choice("spacing", (1, 2), default=1),
        "divider": fields.boolean("divider", default=True),
    }


def _container(fields: Fields, reading: Reading) -> JSON:
    children = fields.children("components", low=1, high=SIZES.components_v2, required=True)
    return {
        "accent_color": fields.integer("accent_color", low=0, high=SIZES.colour),
        "spoiler": fields.boolean("spoiler", default=False),
        "components": [_component(child, _IN_CONTAINER, reading) for child in children],
    }


_READERS: Final[dict[int, Callable[[Fields, Reading], JSON]]] = {
    ACTION_ROW: _row,
    BUTTON: _button,
    STRING_SELECT: string_select,
    USER_SELECT: entity_select,
    ROLE_SELECT: entity_select,
    MENTIONABLE_SELECT: entity_select,
    CHANNEL_SELECT: entity_select,
    SECTION: _section,
    TEXT_DISPLAY: _text_display,
    THUMBNAIL: _thumbnail,
    MEDIA_GALLERY: _gallery,
    FILE: _file,
    SEPARATOR: _separator,
    CONTAINER: _container,
}


def find_component(components: tuple[JSON, ...] | list[JSON], wanted: str) -> JSON | None:
    """The component with that custom_id, however deep."""
    for item in components:
        if item.get("custom_id") == wanted:
            return item
        nested = list(item.get("components", ()))
        nested += [item[key] for key in ("accessory", "component") if key in item]
        found = find_component(nested, wanted)
        if found is not None:
            return found
    return None
