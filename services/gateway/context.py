"""What a handler has in hand: the interaction, the texts in the person's language, the other services, the answer."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

import grpc

from chassis.caller import Person
from chassis.clock import Clock
from chassis.errors import PermissionDenied
from chassis.scoped import Place
from chassis.settings import Live
from chassis.tiers import may
from services.gateway.analytics.store import ActivityStore
from services.gateway.answering import Answering
from services.gateway.command import MANAGE_GUILD, OptionKind
from services.gateway.events import Attached, attachment, attachments
from services.gateway.guild_settings import LANGUAGE, GuildSettings
from services.gateway.numbers.store import SampleStore
from services.gateway.patience import PatientChannel
from services.gateway.settings import GatewaySettings
from services.gateway.threads import ThreadIndex
from views.catalogue import Catalogue
from views.custom_id import CustomId, decode

StubT = TypeVar("StubT")
AnswerT = TypeVar("AnswerT")

ADMINISTRATOR = 1 << 3


AskEvery = Callable[[str, Callable[[grpc.aio.Channel], Awaitable[Any]]], Awaitable[Mapping[str, Any]]]
"""Asks every replica of a service; gives the answers, or how it failed, by address."""


class Services:
    """The other services' stubs, each made once. Where somebody is patient, calls wait for a service that is away."""

    def __init__(self, channel: Callable[[str], grpc.aio.Channel], every_replica: AskEvery) -> None:
        self._channel = channel
        self.every_replica = every_replica
        self._stubs: dict[object, object] = {}

    def stub(self, stub_type: Callable[[grpc.aio.Channel], StubT], service: str) -> StubT:
        """The stub of one contract, for example `stub(RequestServiceStub, "board")`."""
        if (stub_type, service) not in self._stubs:
            channel = PatientChannel(self._channel(service), service)
            self._stubs[stub_type, service] = stub_type(cast(grpc.aio.Channel, channel))
        return cast(StubT, self._stubs[stub_type, service])


@dataclass(frozen=True, slots=True)
class Target:
    """The message that a message command is used on."""

    message_id: str
    author: str
    text: str = field(repr=False)
    attachments: tuple[Attached, ...] = field(repr=False)


@dataclass
class Context(Answering):
    """One use of a command, component, modal or autocomplete. Handlers get it and nothing else."""

    services: Services
    texts: Catalogue
    settings: Live[GatewaySettings]
    threads: ThreadIndex
    clock: Clock
    guild_settings: GuildSettings
    activity: ActivityStore
    samples: SampleStore
    denied: bool = field(default=False, init=False)
    """Whether the person was told that a limit does not allow it now."""

    @property
    def locale(self) -> str:
        """The language to speak (see `languages`); one that was set just now holds already."""
        return self.guild_settings.text(self.place, LANGUAGE) or self.interaction.locale

    def text(self, key: str, /, **values: object) -> str:
        """A text in the person's language."""
        return self.texts.text(self.locale, key, **values)

    @property
    def person(self) -> Person:
        """Who acts, with the language to speak to them."""
        return replace(self.interaction.person, locale=self.locale)

    @property
    def place(self) -> Place:
        """Where it happens, as far as settings go."""
        return self.interaction.place

    def may(self, feature: str) -> bool:
        """Whether the roles of the configuration, or those of the guild, give the person a feature. What names none is
        for everybody."""
        granted = self.guild_settings.role_tiers(self.interaction.guild_id)
        return not feature or may(self.person, "features", feature, self.settings.current.roles, granted)

    def require(self, feature: str) -> None:
        """Raises PermissionDenied (FEATURE_FORBIDDEN) where the person may not use a feature."""
        if not self.may(feature):
            raise PermissionDenied(f"{feature} is not for this person", reason="FEATURE_FORBIDDEN")

    @property
    def manages(self) -> bool:
        """Whether the person manages the guild."""
        return bool(self.person.permissions & (MANAGE_GUILD | ADMINISTRATOR))

    async def every_replica(
        self, service: str, ask: Callable[[grpc.aio.Channel], Awaitable[AnswerT]]
    ) -> Mapping[str, AnswerT | grpc.aio.AioRpcError]:
        """What each replica of a service answers, or how it failed, by address."""
        return await self.services.every_replica(service, ask)

    @property
    def timeout(self) -> float:
        """Seconds for the one call behind an answer that is given at once."""
        return self.settings.current.deadlines.answer

    @property
    def path(self) -> str:
        """The command's path, for example `request new`."""
        return path_of(self.interaction.data)

    @property
    def options(self) -> dict[str, Any]:
        """The options that were given, by name."""
        return {option["name"]: option.get("value") for option in _leaf_options(self.interaction.data)}

    @property
    def focused(self) -> tuple[str, str]:
        """For an autocomplete: the option being typed and what is there so far."""
        for option in _leaf_options(self.interaction.data):
            if option.get("focused"):
                return option["name"], str(option.get("value", ""))
        return "", ""

    @property
    def custom_id(self) -> CustomId:
        """What a component or modal stands for."""
        return decode(self.interaction.data.get("custom_id", ""))

    @property
    def selected(self) -> tuple[str, ...]:
        """What was chosen in a select."""
        return tuple(self.interaction.data.get("values", ()))

    @property
    def fields(self) -> dict[str, Any]:
        """What was entered in a modal, by custom_id: a text, or a list where several may be chosen."""
        found: dict[str, Any] = {}
        for row in self.interaction.data.get("components", ()):
            for component in row.get("components", ()) or ([row["component"]] if "component" in row else ()):
                found[component["custom_id"]] = component.get("value", component.get("values", ""))
        return found

    @property
    def target(self) -> Target:
        """For a message command: the message that it is used on."""
        messages = (self.interaction.data.get("resolved") or {}).get("messages") or {}
        target_id = str(self.interaction.data.get("target_id"))
        found = messages.get(target_id, {})
        author = found.get("author") or {}
        return Target(
            target_id,
            author.get("global_name") or author.get("username", ""),
            found.get("content") or "",
            attachments(found),
        )

    def attached(self, option: str) -> Attached | None:
        """The file given as an option."""
        value = self.options.get(option)
        raw = (self.interaction.data.get("resolved") or {}).get("attachments", {}).get(str(value))
        return attachment(raw) if value is not None and raw is not None else None


def path_of(data: Mapping[str, Any]) -> str:
    """The path of the command that an interaction's data names."""
    names = [data.get("name", "")]
    options = data.get("options") or ()
    while options and options[0].get("type") in (OptionKind.SUBCOMMAND, OptionKind.GROUP):
        names.append(options[0]["name"])
        options = options[0].get("options") or ()
    return " ".join(names)


def _leaf_options(data: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    options = data.get("options") or ()
    while options and options[0].get("type") in (OptionKind.SUBCOMMAND, OptionKind.GROUP):
        options = options[0].get("options") or ()
    return cast(Sequence[Mapping[str, Any]], options)
