"""The board as executor reads it: for nobody in particular, always as it is now."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import grpc
from guildhall.board.v1 import profession_pb2, profession_pb2_grpc, request_pb2, request_pb2_grpc
from guildhall.settings.v1 import settings_pb2, settings_pb2_grpc

from chassis.caller import acting_for
from chassis.errors import NotFound, from_rpc_error
from chassis.scoped import Place as SettingsPlace
from chassis.scoped import ScopeKind, SettingsMirror
from services.executor.board.moments import quiet_until
from views.catalogue import texts

AnswerT = TypeVar("AnswerT")
ACTIVE = (
    request_pb2.REQUEST_STATE_OPEN,
    request_pb2.REQUEST_STATE_CLAIMED,
    request_pb2.REQUEST_STATE_WAITING_MATERIALS,
    request_pb2.REQUEST_STATE_READY,
)
_INDEX, _PAGE = 25, 100
_CHANNELS = ("board_index_channel", "board_forum_channel")


@dataclass(frozen=True)
class Place:
    """Where a guild wants its board shown, as it set it."""

    guild_id: int
    channel_id: int
    is_forum: bool
    version: int
    """Raised by each change of the guild's settings."""

    @property
    def name(self) -> str:
        """What it is called in the record."""
        return f"{self.guild_id}/{'forum' if self.is_forum else 'index'}"


class BoardReader:
    """Reads requests, professions and what guilds and people set of the board."""

    def __init__(
        self, channel: grpc.aio.Channel, board: SettingsMirror, gateway: SettingsMirror, *, timeout: float
    ) -> None:
        self._requests = request_pb2_grpc.RequestServiceStub(channel)
        self._professions = profession_pb2_grpc.ProfessionServiceStub(channel)
        self._settings = settings_pb2_grpc.SettingsServiceStub(channel)
        self._board = board
        self._gateway = gateway
        self._timeout = timeout

    async def ready(self) -> None:
        """Waits until it is known what guilds and people set: without it a message might disturb somebody's night."""
        await self._board.current.wait()

    async def request(self, guild_id: int, request_id: str) -> request_pb2.Request | None:
        """A request as it is now; None where there is none."""
        ask = request_pb2.GetRequestRequest(guild_id=guild_id, request_id=request_id)
        try:
            answer = await _asked(lambda: self._requests.GetRequest(ask, timeout=self._timeout))
        except NotFound:
            return None
        return answer.request

    async def active(self, guild_id: int, profession: str) -> request_pb2.ListRequestsResponse:
        """What is active in a profession, what is due first coming first."""
        ask = request_pb2.ListRequestsRequest(
            guild_id=guild_id,
            filter=request_pb2.RequestFilter(states=ACTIVE, profession=profession),
            order=request_pb2.REQUEST_ORDER_DUE,
            page_size=_INDEX,
        )
        return await _asked(lambda: self._requests.ListRequests(ask, timeout=self._timeout))

    async def all_active(self, guild_id: int) -> AsyncIterator[request_pb2.Request]:
        """Everything that is active in a guild, the oldest first."""
        ask = request_pb2.ListRequestsRequest(
            guild_id=guild_id,
            filter=request_pb2.RequestFilter(states=ACTIVE),
            order=request_pb2.REQUEST_ORDER_OLDEST,
            page_size=_PAGE,
        )
        while True:
            answer = await _asked(lambda: self._requests.ListRequests(ask, timeout=self._timeout))
            for request in answer.requests:
                yield request
            if not answer.next_page_token:
                return
            ask.page_token = answer.next_page_token

    def places(self) -> list[Place]:
        """Every channel and forum that a guild has set."""
        return [
            Place(scope.id, channel, key == _CHANNELS[1], version)
            for key in _CHANNELS
            for scope, (value, version) in self._board.held(ScopeKind.GUILD, key).items()
            if (channel := _snowflake(str(value)))
        ]

    async def professions(self, guild_id: int) -> dict[str, str]:
        """A guild's professions, names by key."""
        ask = profession_pb2.ListProfessionsRequest(guild_id=guild_id, include_disabled=True)
        answer = await _asked(lambda: self._professions.ListProfessions(ask, timeout=self._timeout))
        return {profession.key: profession.name for profession in answer.professions}

    def setting(self, key: str, guild_id: int, user_id: int = 0) -> object:
        """What is in force; None where nothing is known of it."""
        return self._board.value(SettingsPlace(guild_id=guild_id, user_id=user_id), key)

    def wants(self, guild_id: int, user_id: int) -> str:
        """How a person wants to be told about a guild's board: `each`, `digest` or `none`."""
        return str(self.setting("board_messages", guild_id, user_id) or "each")

    def undisturbed_until(self, at: float, guild_id: int, user_id: int) -> float:
        """The end of the person's quiet hours that `at` (Unix seconds) lies in; `at` itself outside of them."""
        quiet = str(self.setting("board_quiet_hours", guild_id, user_id) or "")
        return quiet_until(at, quiet, str(self.setting("board_time_zone", guild_id, user_id) or "UTC"))

    async def channels(self, guild_id: int) -> tuple[int, int]:
        """The channel of the lists and the forum of the posts that a guild set; 0 for none.

        Asked for, not looked up in the copy: that may lag behind a guild that has just set them.
        """
        ask = settings_pb2.GetSettingsRequest(place=settings_pb2.Place(guild_id=guild_id), keys=_CHANNELS)
        answer = await _asked(lambda: self._settings.GetSettings(ask, timeout=self._timeout))
        found = {setting.key: setting.value.string_value for setting in answer.settings}
        index, forum = (found.get(key, "") for key in _CHANNELS)
        return _snowflake(index), _snowflake(forum)

    def text(self, guild_id: int, user_id: int = 0) -> Callable[..., str]:
        """Texts in the language that a guild or a person set; English where none did."""
        language = str(self._gateway.value(SettingsPlace(guild_id=guild_id, user_id=user_id), "language") or "en")

        def text(key: str, /, **values: object) -> str:
            return texts().text(language, key, **values)

        return text


def _snowflake(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() else 0


async def _asked(call: Callable[[], Awaitable[AnswerT]]) -> AnswerT:
    with acting_for(None):
        try:
            return await call()
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from error
