"""Application commands: https://discord.com/developers/docs/interactions/application-commands"""

import re
from typing import Any, Final

from sandbox.discord.checks.fields import MISSING, Fields
from sandbox.discord.entities import JSON
from sandbox.discord.limits import SIZES

CHAT_INPUT, USER, MESSAGE, PRIMARY_ENTRY_POINT = 1, 2, 3, 4
SUBCOMMAND, GROUP, STRING, INTEGER, BOOLEAN, USER_OPTION, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = range(1, 12)
_NAME: Final = re.compile(r"^[-_'\w\u0900-\u097F\u0E00-\u0E7F]{1,32}$")
_CHOOSABLE: Final = frozenset({STRING, INTEGER, NUMBER})
_INT53: Final = 2**53


def read_command(fields: Fields, *, partial: bool = False, kind: int | None = None) -> JSON:
    """A command as stored. `partial` (PATCH) reads only what is there; `kind` is the known type then."""
    stored: JSON = {}
    if kind is None:
        kind = fields.choice("type", (CHAT_INPUT, USER, MESSAGE, PRIMARY_ENTRY_POINT), default=CHAT_INPUT)
    stored["type"] = kind
    if fields.has("name") or not partial:
        stored["name"] = _name(fields, kind)
        stored["name_localizations"] = _localizations(fields, "name_localizations")
    stored.update(_described(fields, kind, partial=partial))
    if fields.has("default_member_permissions") or not partial:
        bits = fields.integer("default_member_permissions", low=0)
        stored["default_member_permissions"] = None if bits is None else str(bits)
    if fields.has("nsfw") or not partial:
        stored["nsfw"] = fields.boolean("nsfw", default=False)
    if fields.has("contexts") or not partial:
        stored["contexts"] = fields.items("contexts")
    if fields.has("integration_types") or not partial:
        stored["integration_types"] = fields.items("integration_types") or [0]
    if fields.has("dm_permission"):
        stored["dm_permission"] = fields.boolean("dm_permission", default=True)
    if not partial and characters(stored) > SIZES.command_characters:
        fields.fail((), "APPLICATION_COMMAND_TOO_LARGE", f"Command exceeds maximum size ({SIZES.command_characters})")
    return stored


def _described(fields: Fields, kind: int, *, partial: bool) -> JSON:
    stored: JSON = {}
    if kind == CHAT_INPUT:
        if fields.has("description") or not partial:
            stored["description"] = fields.text(
                "description", low=1, high=SIZES.command_description, required=True, default=""
            )
            stored["description_localizations"] = _localizations(fields, "description_localizations")
        if fields.has("options") or not partial:
            stored["options"] = _options(fields, depth=0)
    else:
        stored["description"] = ""
        stored["description_localizations"] = None
        if fields.raw("description"):
            fields.fail(
                "description", "APPLICATION_COMMAND_TYPE_DESCRIPTION", "Context menu commands cannot have description"
            )
        if fields.raw("options"):
            fields.fail("options", "APPLICATION_COMMAND_TYPE_OPTIONS", "Context menu commands cannot have options")
    return stored


def characters(definition: JSON) -> int:
    """The characters that count towards a command's 8,000: the longest localization of each text."""
    total = 0
    for key in ("name", "description"):
        texts = [definition.get(key) or "", *(definition.get(f"{key}_localizations") or {}).values()]
        total += max(len(text) for text in texts)
    for choice in definition.get("choices", ()):
        total += max(len(t) for t in [choice["name"], *(choice.get("name_localizations") or {}).values()])
        total += len(str(choice["value"]))
    return total + sum(characters(option) for option in definition.get("options", ()))


def _name(fields: Fields, kind: int) -> str:
    name: str = fields.text("name", low=1, high=SIZES.command_name, required=True, default="")
    if name and kind == CHAT_INPUT and (not _NAME.match(name) or name != name.lower()):
        fields.fail("name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
    return name


def _localizations(fields: Fields, name: str) -> dict[str, str] | None:
    value: Any = fields.raw(name)
    if value is MISSING or value is None:
        return None
    if not isinstance(value, dict):
        fields.fail(name, "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")
        return None
    high = SIZES.command_name if name.startswith("name") else SIZES.command_description
    for locale, text in value.items():
        if not isinstance(text, str) or not 1 <= len(text) <= high:
            fields.length((name, str(locale)), 1, high)
    return value or None


def _options(fields: Fields, depth: int) -> list[JSON]:
    stored = []
    names: set[str] = set()
    optional_seen = False
    kinds: set[bool] = set()
    for option in fields.children("options", high=SIZES.command_options):
        item = _option(option, depth)
        if item["name"] in names:
            option.fail("name", "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS", "Option name already exists")
        names.add(item["name"])
        kinds.add(item["type"] in (SUBCOMMAND, GROUP))
        if item.get("required") and optional_seen:
            option.fail(
                "required",
                "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
                "Required options must be placed before non-required options",
            )
        optional_seen = optional_seen or not item.get("required", False)
        stored.append(item)
    if len(kinds) > 1:
        fields.fail(
            "options",
            "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID",
            "Sub-command and sub-command group option types are mutually exclusive to all other types",
        )
    return stored


def _option(fields: Fields, depth: int) -> JSON:
    allowed = range(1, 12) if depth == 0 else ((1, *range(3, 12)) if depth == 1 else range(3, 12))
    kind = fields.choice("type", allowed, required=True, default=STRING)
    item: JSON = {
        "type": kind,
        "name": _name(fields, CHAT_INPUT),
        "name_localizations": _localizations(fields, "name_localizations"),
        "description": fields.text("description", low=1, high=SIZES.command_description, required=True, default=""),
        "description_localizations": _localizations(fields, "description_localizations"),
    }
    if kind in (SUBCOMMAND, GROUP):
        item["options"] = _options(fields, 2 if kind == SUBCOMMAND else 1)
        return item
    item["required"] = fields.boolean("required", default=False)
    if kind in _CHOOSABLE:
        _choosable(fields, item, kind)
    if kind == CHANNEL and fields.items("channel_types"):
        item["channel_types"] = fields.items("channel_types")
    return item


def _choosable(fields: Fields, item: JSON, kind: int) -> None:
    choices = [_choice(choice, kind) for choice in fields.children("choices", high=SIZES.autocomplete_choices)]
    if choices:
        item["choices"] = choices
    if fields.boolean("autocomplete"):
        item["autocomplete"] = True
        if choices:
            fields.fail(
                "autocomplete",
                "APPLICATION_COMMAND_OPTION_AUTOCOMPLETE_CHOICES",
                "Autocomplete cannot be used with choices",
            )
    names = ("min_length", "max_length") if kind == STRING else ("min_value", "max_value")
    for name in names:
        value = fields.raw(name)
        if value is not MISSING and value is not None:
            if isinstance(value, bool) or not isinstance(value, int | float):
                fields.fail(name, "NUMBER_TYPE_COERCE", f'Value "{value}" is not a number.')
            else:
                item[name] = value


def _choice(fields: Fields, kind: int) -> JSON:
    name = fields.text("name", low=1, high=SIZES.choice_name, required=True, default="")
    value = fields.raw("value", required=True)
    if kind == STRING:
        value = fields.text("value", high=SIZES.choice_value, default="")
    elif kind == INTEGER:
        value = fields.integer("value", low=-_INT53, high=_INT53, default=0)
    elif isinstance(value, bool) or not isinstance(value, int | float):
        fields.fail("value", "NUMBER_TYPE_COERCE", f'Value "{value}" is not float.')
        value = 0
    return {"name": name, "name_localizations": _localizations(fields, "name_localizations"), "value": value}


def read_choices(fields: Fields) -> list[JSON]:
    """The choices of an autocomplete answer."""
    answer = []
    for choice in fields.children("choices", high=SIZES.autocomplete_choices, required=True):
        name = choice.text("name", low=1, high=SIZES.choice_name, required=True, default="")
        value = choice.raw("value", required=True)
        if isinstance(value, str) and len(value) > SIZES.choice_value:
            choice.length("value", 0, SIZES.choice_value)
        answer.append({"name": name, "value": value})
    return answer
