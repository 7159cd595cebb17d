"""What a command is: its shape in Discord and who handles it.

Shape and texts are apart: names stand here, every description and choice label in the catalogue under
`command.<path>.…`, so one command is described in all languages at once.
https://discord.com/developers/docs/interactions/application-commands
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from views.catalogue import Catalogue

if TYPE_CHECKING:
    from services.gateway.context import Context

Handler = Callable[["Context"], Awaitable[None]]
Autocomplete = Callable[["Context", str], Awaitable[list["Choice"]]]

MANAGE_GUILD = 1 << 5

GUILD_INSTALL, USER_INSTALL = 0, 1
IN_GUILD, IN_BOT_DM, IN_PRIVATE_CHANNEL = 0, 1, 2


class CommandKind(IntEnum):
    """Discord's application command types."""

    CHAT = 1
    USER = 2
    MESSAGE = 3


class OptionKind(IntEnum):
    """Discord's option types."""

    SUBCOMMAND = 1
    GROUP = 2
    TEXT = 3
    INTEGER = 4
    BOOLEAN = 5
    USER = 6
    CHANNEL = 7
    ROLE = 8
    MENTIONABLE = 9
    NUMBER = 10
    ATTACHMENT = 11


@dataclass(frozen=True, slots=True)
class Choice:
    """What an autocomplete offers: what people see and what comes back."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a command. Bounds are lengths for text and values for numbers."""

    name: str
    kind: OptionKind = OptionKind.TEXT
    required: bool = False
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    channel_types: tuple[int, ...] = ()
    autocomplete: Autocomplete | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """A command, or a group that only has subcommands (then there is no handler).

    `feature` names the feature of the configuration whose roles may use it; subcommands take their parent's unless they
    name one. `permissions` hides it from members without them, until an admin of the guild decides otherwise.
    """

    name: str
    handler: Handler | None = None
    options: tuple[Option, ...] = ()
    subcommands: tuple["Command", ...] = ()
    kind: CommandKind = CommandKind.CHAT
    feature: str = ""
    permissions: int | None = None
    guild_only: bool = False
    user_install: bool = False

    def payload(self, texts: Catalogue) -> dict[str, Any]:
        """The command as Discord wants it. Raises KeyError where a text is missing."""
        body: dict[str, Any] = {
            "name": self.name,
            "type": int(self.kind),
            "integration_types": [GUILD_INSTALL, USER_INSTALL] if self.user_install else [GUILD_INSTALL],
            "contexts": self._contexts(),
        }
        if self.permissions is not None:
            body["default_member_permissions"] = str(self.permissions)
        if self.kind is CommandKind.CHAT:
            body |= _described(texts, f"command.{self.name}")
            body["options"] = self._option_payloads(texts, f"command.{self.name}")
        else:
            key = f"command.{key_of(self.name)}.name"
            body |= {"name": texts.text("en", key), "name_localizations": texts.localizations(key)}
        return body

    def _contexts(self) -> list[int]:
        if self.guild_only:
            return [IN_GUILD]
        return [IN_GUILD, IN_BOT_DM, IN_PRIVATE_CHANNEL] if self.user_install else [IN_GUILD, IN_BOT_DM]

    def _option_payloads(self, texts: Catalogue, key: str) -> list[dict[str, Any]]:
        if self.subcommands:
            return [
                {
                    "type": int(OptionKind.GROUP if sub.subcommands else OptionKind.SUBCOMMAND),
                    "name": sub.name,
                    **_described(texts, f"{key}.{sub.name}"),
                    "options": sub._option_payloads(texts, f"{key}.{sub.name}"),
                }
                for sub in self.subcommands
            ]
        return [_option_payload(option, texts, f"{key}.option.{option.name}") for option in self.options]


def key_of(name: str) -> str:
    """A command's name as a key: message commands have spaces in theirs."""
    return name.lower().replace(" ", "-")


def _described(texts: Catalogue, key: str) -> dict[str, Any]:
    description = f"{key}.description"
    return {
        "description": texts.text("en", description),
        "description_localizations": texts.localizations(description),
    }


def _option_payload(option: Option, texts: Catalogue, key: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": int(option.kind),
        "name": option.name,
        "required": option.required,
        **_described(texts, key),
    }
    if option.choices:
        body["choices"] = [
            {
                "name": texts.text("en", f"{key}.choice.{value}"),
                "name_localizations": texts.localizations(f"{key}.choice.{value}"),
                "value": value,
            }
            for value in option.choices
        ]
    bounds = ("min_length", "max_length") if option.kind is OptionKind.TEXT else ("min_value", "max_value")
    given = zip(bounds, (option.minimum, option.maximum), strict=True)
    body |= {name: bound for name, bound in given if bound is not None}
    if option.channel_types:
        body["channel_types"] = list(option.channel_types)
    if option.autocomplete is not None:
        body["autocomplete"] = True
    return body
