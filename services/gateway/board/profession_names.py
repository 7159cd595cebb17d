"""The names of guilds' professions, kept for some seconds: every menu shows them, and they hardly ever change."""

from dataclasses import dataclass

import grpc
from guildhall.board.v1 import profession_pb2, profession_pb2_grpc

from services.gateway.handover import called

_TTL = 5.0
_GUILDS = 1000


@dataclass(frozen=True, slots=True)
class Names:
    """Names by key: of all professions, and of those that can be asked for."""

    every: dict[str, str]
    offered: dict[str, str]


class ProfessionNames:
    """Asks board where what is kept is too old. Made once for each channel to board."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = profession_pb2_grpc.ProfessionServiceStub(channel)
        self._kept: dict[int, tuple[float, Names]] = {}

    async def of(self, guild_id: int, *, now: float, timeout: float) -> Names:
        """A guild's names; `now` is monotonic, in seconds."""
        kept = self._kept.get(guild_id)
        if kept is not None and now - kept[0] < _TTL:
            return kept[1]
        request = profession_pb2.ListProfessionsRequest(guild_id=guild_id, include_disabled=True)
        found = (await called(self._stub.ListProfessions(request, timeout=timeout))).professions
        names = Names(
            {profession.key: profession.name for profession in found},
            {profession.key: profession.name for profession in found if not profession.disabled},
        )
        if len(self._kept) >= _GUILDS:
            self._kept.clear()
        self._kept[guild_id] = (now, names)
        return names

    def forget(self, guild_id: int) -> None:
        """Somebody has just changed them."""
        self._kept.pop(guild_id, None)
