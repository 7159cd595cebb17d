"""From what a person typed or chose to what an interaction carries: typed values and `resolved` objects.

One module: each kind of value fills the same `resolved` object as it is read.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.discord import render
from sandbox.discord.checks import commands as k
from sandbox.discord.checks import components as c
from sandbox.discord.checks.fields import as_snowflake
from sandbox.discord.core import files
from sandbox.discord.core.message_form import Upload
from sandbox.discord.entities import JSON, Channel
from sandbox.discord.errors import DiscordError, field_error
from sandbox.discord.world import World


class Resolver:
    """Collects `resolved` while values are read. Users, roles and channels may be named by id or by name."""

    def __init__(self, world: World, channel: Channel) -> None:
        self._world = world
        self._channel = channel
        self.resolved: JSON = {}

    # -- command options

    def options(
        self,
        defined: Sequence[JSON],
        path: Sequence[str],
        given: Mapping[str, Any],
        uploads: Mapping[str, Upload],
        *,
        focused: str | None = None,
    ) -> list[JSON]:
        """The options as sent; refuses unknown ones, missing required ones and values outside what is declared."""
        nested = [item for item in defined if item["type"] in (k.SUBCOMMAND, k.GROUP)]
        if nested:
            if not path:
                raise field_error("name", "BASE_TYPE_REQUIRED", "A subcommand must be chosen")
            found = next((item for item in nested if item["name"] == path[0]), None)
            if found is None:
                raise DiscordError(10063)
            inner = self.options(found.get("options", []), path[1:], given, uploads, focused=focused)
            return [{"type": found["type"], "name": found["name"], "options": inner}]
        if path:
            raise DiscordError(10063)
        names = {item["name"] for item in defined}
        for name in (set(given) | set(uploads)) - names:
            raise field_error(("options", name), "APPLICATION_COMMAND_OPTION_UNKNOWN", "There is no such option")
        sent = []
        for item in defined:
            name = item["name"]
            if name == focused:
                sent.append({"type": item["type"], "name": name, "value": str(given.get(name, "")), "focused": True})
            elif item["type"] == k.ATTACHMENT and name in uploads:
                sent.append({"type": item["type"], "name": name, "value": self.attachment(uploads[name])})
            elif name in given and given[name] is not None:
                sent.append({"type": item["type"], "name": name, "value": self._value(item, given[name])})
            elif item.get("required") and focused is None:
                raise field_error(("options", name), "BASE_TYPE_REQUIRED", "This option is required")
        return sent

    def _value(self, item: JSON, value: Any) -> Any:
        kind, name = item["type"], item["name"]
        if kind == k.STRING:
            return self._text(item, str(value))
        if kind in (k.INTEGER, k.NUMBER):
            return self._number(item, value)
        if kind == k.BOOLEAN:
            if not isinstance(value, bool):
                raise field_error(("options", name), "BOOLEAN_TYPE_CONVERT", "Must be either true or false.")
            return value
        if kind == k.USER_OPTION:
            return self.user(value)
        if kind == k.CHANNEL:
            return self.channel(value, item.get("channel_types"))
        if kind == k.ROLE:
            return self.role(value)
        if kind == k.MENTIONABLE:
            return self.mentionable(value)
        raise field_error(("options", name), "BASE_TYPE_REQUIRED", "An attachment must be uploaded")

    def _text(self, item: JSON, text: str) -> str:
        where = ("options", item["name"])
        high = item.get("max_length", 6000)
        if not item.get("min_length", 0) <= len(text) <= high:
            raise field_error(
                where, "BASE_TYPE_BAD_LENGTH", f"Must be between {item.get('min_length', 0)} and {high} in length."
            )
        self._one_of(item, text)
        return text

    def _number(self, item: JSON, value: Any) -> int | float:
        where = ("options", item["name"])
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or (item["type"] == k.INTEGER and value != int(value))
        ):
            raise field_error(where, "NUMBER_TYPE_COERCE", f'Value "{value}" is not a number of that kind.')
        if "min_value" in item and value < item["min_value"]:
            raise field_error(
                where, "NUMBER_TYPE_MIN", f"value should be greater than or equal to {item['min_value']}."
            )
        if "max_value" in item and value > item["max_value"]:
            raise field_error(where, "NUMBER_TYPE_MAX", f"value should be less than or equal to {item['max_value']}.")
        self._one_of(item, value)
        return int(value) if item["type"] == k.INTEGER else value

    @staticmethod
    def _one_of(item: JSON, value: Any) -> None:
        if "choices" in item and value not in [choice["value"] for choice in item["choices"]]:
            raise field_error(("options", item["name"]), "BASE_TYPE_CHOICES", "Value must be one of the choices.")

    # -- resolved objects

    def _put(self, kind: str, id_: int, value: JSON) -> str:
        self.resolved.setdefault(kind, {})[str(id_)] = value
        return str(id_)

    def attachment(self, upload: Upload) -> str:
        """Stores a file; its id."""
        record = files.store(self._world, upload.filename, upload.data, upload.content_type)
        return self._put(
            "attachments", record.id, render.attachment(self._world, record, 0, self._channel.id, ephemeral=True)
        )

    def user(self, wanted: Any) -> str:
        """A user, with their membership where the channel is a guild's; their id."""
        record = find_user(self._world, wanted)
        if self._channel.guild_id is not None:
            member = self._world.guilds[self._channel.guild_id].members.get(record)
            if member is not None:
                shown = render.bare_member(member)
                shown["permissions"] = str(self._world.permissions_in(self._channel, record))
                self._put("members", record, shown)
        return self._put("users", record, render.user(self._world.users[record]))

    def role(self, wanted: Any) -> str:
        """A role; its id."""
        if self._channel.guild_id is None:
            raise DiscordError(10011)
        guild = self._world.guilds[self._channel.guild_id]
        number = as_snowflake(wanted)
        for record in guild.roles.values():
            if record.id == number or record.name == wanted:
                return self._put("roles", record.id, render.role(record))
        raise DiscordError(10011)

    def mentionable(self, wanted: Any) -> str:
        """A user or a role; its id."""
        try:
            return self.user(wanted)
        except DiscordError:
            return self.role(wanted)

    def channel(self, wanted: Any, kinds: Sequence[int] | None = None) -> str:
        """A channel of the guild, of one of those kinds; its id."""
        number = as_snowflake(wanted)
        for record in self._world.channels.values():
            if record.guild_id == self._channel.guild_id and (record.id == number or record.name == wanted):
                if kinds and record.type not in kinds:
                    continue
                held = (
                    self._world.permissions_in(record, self._world.guilds[record.guild_id].owner_id)
                    if record.guild_id
                    else 0
                )
                shown = {**render.channel(self._world, record), "permissions": str(held)}
                return self._put("channels", record.id, shown)
        raise DiscordError(10003)

    def message(self, message_id: int) -> str:
        """A message of the channel; its id."""
        record = self._world.message(self._channel.id, message_id)
        return self._put("messages", record.id, render.message(self._world, record))

    # -- components

    def selected(self, component: JSON, values: list[str]) -> list[str]:
        """What was chosen in a select; refuses too few, too many and what it does not offer."""
        low, high = component.get("min_values", 1), component.get("max_values", 1)
        if not low <= len(values) <= high:
            raise field_error(
                "values", "COMPONENT_VALIDATION_FAILED", f"Between {low} and {high} values must be chosen"
            )
        kind = component["type"]
        if kind == c.STRING_SELECT:
            offered = {option["value"] for option in component["options"]}
            if not set(values) <= offered:
                raise field_error("values", "COMPONENT_VALIDATION_FAILED", "Not one of the options")
            return [str(value) for value in values]
        if kind == c.CHANNEL_SELECT:
            return [self.channel(value, component.get("channel_types")) for value in values]
        read = {c.USER_SELECT: self.user, c.ROLE_SELECT: self.role, c.MENTIONABLE_SELECT: self.mentionable}[kind]
        return [read(value) for value in values]

    def modal_value(self, field: JSON, values: Mapping[str, Any], uploads: Mapping[str, Sequence[Upload]]) -> JSON:
        """One component of a submitted modal, with its value."""
        name, kind = field["custom_id"], field["type"]
        where = ("values", name)
        value = values.get(name)
        answer: JSON = {"type": kind, "id": field["id"], "custom_id": name}
        if kind == c.CHECKBOX:
            answer["value"] = bool(field["default"] if value is None else value)
            return answer
        if kind == c.TEXT_INPUT:
            text = field.get("value", "") if value is None else str(value)
            low, high = field.get("min_length") or 0, field.get("max_length") or 4000
            if (field["required"] and not text) or (text and not low <= len(text) <= high):
                raise field_error(where, "BASE_TYPE_BAD_LENGTH", f"Must be between {max(low, 1)} and {high} in length.")
            answer["value"] = text
            return answer
        if kind == c.FILE_UPLOAD:
            sent = list(uploads.get(name, ()))
            _within(field, len(sent), where)
            answer["values"] = [self.attachment(upload) for upload in sent]
            return answer
        chosen = [] if value is None else (list(value) if isinstance(value, list) else [value])
        if not chosen and not field["required"]:
            answer["value" if kind == c.RADIO_GROUP else "values"] = None if kind == c.RADIO_GROUP else []
            return answer
        if kind in (c.RADIO_GROUP, c.CHECKBOX_GROUP):
            if not set(chosen) <= {option["value"] for option in field["options"]}:
                raise field_error(where, "COMPONENT_VALIDATION_FAILED", "Not one of the options")
            if kind == c.RADIO_GROUP:
                if len(chosen) != 1:
                    raise field_error(where, "COMPONENT_VALIDATION_FAILED", "Exactly one must be chosen")
                answer["value"] = chosen[0]
                return answer
            _within(field, len(chosen), where)
            answer["values"] = chosen
            return answer
        answer["values"] = self.selected(field, chosen)
        return answer


def _within(field: JSON, count: int, where: tuple[str, ...]) -> None:
    low = field.get("min_values", 1) if field["required"] else 0
    if not low <= count <= field.get("max_values", 1):
        raise field_error(
            where, "COMPONENT_VALIDATION_FAILED", f"Between {low} and {field.get('max_values', 1)} are needed"
        )


def find_user(world: World, wanted: Any) -> int:
    """An account by id or username; 10013."""
    number = as_snowflake(wanted)
    if number is not None and number in world.users:
        return number
    for record in world.users.values():
        if record.username == wanted:
            return record.id
    raise DiscordError(10013)
