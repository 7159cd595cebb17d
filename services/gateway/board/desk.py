"""What the board's commands have in common: asking the board, drawing its answers, reading dates."""

import asyncio
import json
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from guildhall.board.v1 import (
    character_pb2,
    character_pb2_grpc,
    history_pb2_grpc,
    member_pb2_grpc,
    profession_pb2_grpc,
    request_pb2,
    request_pb2_grpc,
    statistics_pb2_grpc,
)
from guildhall.settings.v1 import settings_pb2, settings_pb2_grpc

from chassis.errors import GuildhallError, InvalidArgument
from services.gateway.board.profession_names import Names, ProfessionNames
from services.gateway.cleaning import cleaned
from services.gateway.context import Context
from services.gateway.handover import AnswerT, called
from views.board import cards, lines
from views.board.dates import LATEST, read_date
from views.markdown import escaped, shortened

ACTIVE = (
    request_pb2.REQUEST_STATE_OPEN,
    request_pb2.REQUEST_STATE_CLAIMED,
    request_pb2.REQUEST_STATE_WAITING_MATERIALS,
    request_pb2.REQUEST_STATE_READY,
)
FEATURE = "board"
_CHOICES = 25


@dataclass(frozen=True, slots=True)
class Manners:
    """How the board treats this person in this guild."""

    fast: bool
    vanish_after: float
    time_zone: str


class Desk:
    """The board as one interaction needs it."""

    def __init__(self, context: Context) -> None:
        self.context = context
        services = context.services
        self.requests = services.stub(request_pb2_grpc.RequestServiceStub, "board")
        self.characters = services.stub(character_pb2_grpc.CharacterServiceStub, "board")
        self.members = services.stub(member_pb2_grpc.MemberServiceStub, "board")
        self.profession_list = services.stub(profession_pb2_grpc.ProfessionServiceStub, "board")
        self.profession_names = services.stub(ProfessionNames, "board")
        self.statistics = services.stub(statistics_pb2_grpc.StatisticsServiceStub, "board")
        self.history = services.stub(history_pb2_grpc.HistoryServiceStub, "board")
        self.settings = services.stub(settings_pb2_grpc.SettingsServiceStub, "board")

    @property
    def guild_id(self) -> int:
        """The guild it is about: the interaction's own; in a direct message, the one that its button carries."""
        return self.context.interaction.guild_id or self.carried

    @property
    def carried(self) -> int:
        """In a direct message: the guild that the pressed button carries; else 0."""
        if self.context.interaction.guild_id or "custom_id" not in self.context.interaction.data:
            return 0
        for argument in self.context.custom_id.arguments:
            if argument.startswith(cards.GUILD_MARK) and argument[1:].isascii() and argument[1:].isdecimal():
                return int(argument[1:])
        return 0

    @property
    def key(self) -> str:
        """The idempotency key: this interaction is done once, however often it is tried."""
        return str(self.context.interaction.interaction_id)

    @property
    def timeout(self) -> float:
        """Seconds for one call."""
        return self.context.settings.current.deadlines.answer

    async def ask(self, call: Awaitable[AnswerT]) -> AnswerT:
        """One call; GuildhallError where it fails."""
        return await called(call)

    async def professions(self) -> dict[str, str]:
        """The guild's professions, names by key; those that can't be asked for any more included."""
        return (await self._names()).every

    async def offered_professions(self) -> dict[str, str]:
        """The professions that can be asked for, names by key."""
        return (await self._names()).offered

    async def _names(self) -> Names:
        return await self.profession_names.of(self.guild_id, now=self.context.clock.monotonic(), timeout=self.timeout)

    async def with_professions(self, call: Awaitable[AnswerT]) -> tuple[AnswerT, dict[str, str]]:
        """A call and the guild's professions, asked for side by side."""
        answer, professions = await asyncio.gather(self.ask(call), self.professions())
        return answer, professions

    async def manners(self) -> Manners:
        """What the guild and the person set."""
        answer = await self.ask(
            self.settings.GetSettings(
                settings_pb2.GetSettingsRequest(
                    place=settings_pb2.Place(guild_id=self.guild_id, user_id=self.context.interaction.person.user_id)
                ),
                timeout=self.timeout,
            )
        )
        values = {setting.key: setting.value for setting in answer.settings}
        fast = values["board_fast_mode"].bool_value
        seconds = values["board_fast_confirmation_seconds" if fast else "board_confirmation_seconds"].number_value
        return Manners(fast, seconds, values["board_time_zone"].string_value)

    async def get(self, request_id: str) -> request_pb2.GetRequestResponse:
        """One request with what this person may do to it. NotFound (REQUEST_UNKNOWN)."""
        return await self.ask(
            self.requests.GetRequest(
                request_pb2.GetRequestRequest(guild_id=self.guild_id, request_id=request_id), timeout=self.timeout
            )
        )

    async def named(self, typed: str) -> request_pb2.GetRequestResponse:
        """The request that an option names: its id from the autocomplete, or a number such as #12.1 typed by hand."""
        name = request_pb2.GetRequestRequest(guild_id=self.guild_id)
        number, dot, part = typed.strip().lstrip("#").partition(".")
        if len(number) < 19 and number.isascii() and number.isdecimal():
            name.number = int(number)
            name.part = int(part) if dot and part.isascii() and part.isdecimal() and len(part) < 7 else 0
        else:
            name.request_id = typed.strip()
        return await self.ask(self.requests.GetRequest(name, timeout=self.timeout))

    async def transition(
        self, request_id: str, action: int, *, version: int = 0, **more: Any
    ) -> request_pb2.TransitionRequestResponse:
        """Does one thing to a request."""
        return await self.ask(
            self.requests.TransitionRequest(
                request_pb2.TransitionRequestRequest(
                    guild_id=self.guild_id,
                    request_id=request_id,
                    action=action,  # type: ignore[arg-type]
                    expected_version=version,
                    idempotency_key=self.key,
                    **more,
                ),
                timeout=self.timeout,
            )
        )

    async def show(self, request_id: str, *, notice: str = "") -> dict[str, Any]:
        """The card of a request as it is now."""
        answer, professions = await asyncio.gather(self.get(request_id), self.professions())
        return await self.card(answer.request, answer.allowed, professions, notice=notice)

    async def card(
        self,
        request: request_pb2.Request,
        allowed: Sequence["request_pb2.RequestAction.ValueType"],
        professions: Mapping[str, str],
        *,
        notice: str = "",
    ) -> dict[str, Any]:
        """A request's card; with the person's own characters to choose from where they make it and have several."""
        characters: list[tuple[str, str]] = []
        if request_pb2.REQUEST_ACTION_NAME_CHARACTER in allowed:
            characters = await self._characters(request.profession)
        return cards.card(
            request,
            allowed,
            self.context.text,
            professions,
            notice=notice,
            guild_id=self.carried,
            characters=characters if len(characters) > 1 else (),
        )

    async def _characters(self, profession: str) -> list[tuple[str, str]]:
        """The person's characters, those with the profession first."""
        answer = await self.ask(
            self.characters.ListCharacters(
                character_pb2.ListCharactersRequest(
                    guild_id=self.guild_id, owner_id=self.context.person.user_id, page_size=_CHOICES
                ),
                timeout=self.timeout,
            )
        )
        found = sorted(answer.characters, key=lambda one: all(skill.profession != profession for skill in one.skills))
        return [(one.character_id, f"{one.name}-{one.realm}" if one.realm else one.name) for one in found]

    def said(self, request: request_pb2.Request) -> str:
        """A request as confirmations name it."""
        return f"**{lines.label(request)}** {lines.thing(request)}"

    async def moment(self, typed: str) -> Timestamp | None:
        """A date that was typed, in the person's own time zone; None for nothing. InvalidArgument for no date."""
        typed = cleaned(typed)
        if not typed:
            return None
        zone = (await self.manners()).time_zone
        return self.timestamp(typed, read_date(typed, self.context.clock.now(), zone))

    def timestamp(self, typed: str, seconds: float | None) -> Timestamp:
        """A moment for the contract. InvalidArgument (DATE_INVALID) where there is none."""
        if seconds is None or not 0 < seconds < LATEST:
            raise InvalidArgument("no date", reason="DATE_INVALID", metadata={"typed": typed})
        moment = Timestamp()
        moment.FromMilliseconds(round(seconds * 1000))
        return moment

    def wrong(self, error: GuildhallError) -> str:
        """What is wrong with what was entered, field by field, in words."""
        if error.reason == "DATE_INVALID":
            typed = escaped(shortened(error.metadata.get("typed", ""), 50))
            return self.context.text("board.date_invalid", typed=typed)
        said = [self.context.text("board.fields_wrong")]
        for field, problem in error.fields.items():
            key = f"board.name_of.{field.rpartition('.')[2]}"
            name = self.context.text(key if self.context.texts.has(key) else "board.name_of.other")
            said.append(f"- {name}: {self._problem(error, field) or escaped(problem)}")
        return lines.within(said, 1900)

    def _problem(self, error: GuildhallError, field: str) -> str:
        """What is wrong with one field, in the person's language; empty where the error names no code."""
        packed = error.metadata.get(f"problem.{field}")
        if packed is None:
            return ""
        values = json.loads(packed)
        return lines.problem(values.pop("code"), values, self.context.text)
