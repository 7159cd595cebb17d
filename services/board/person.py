"""What the board keeps about a person, over all guilds: given to them, and forgotten when they ask."""

from collections.abc import Mapping
from typing import Any

from chassis.person_data import Forgotten
from services.board.departures import Departures
from services.board.store import person
from services.board.store.connection import Connection
from services.board.store.database import Database


class MemberEverywhere:
    """Gives and forgets it."""

    def __init__(self, database: Database, departures: Departures) -> None:
        self._database = database
        self._departures = departures

    async def of_person(self, user_id: int) -> Mapping[str, Any]:
        """See PersonData."""
        async with self._database.read() as connection:
            return {"board": await person.of_person(connection, user_id)}

    async def forget_person(self, user_id: int) -> Forgotten:
        """See PersonData. What is under way is ended first, as for a member who left; each step may be repeated."""
        async with self._database.read() as connection:
            guilds = await person.guilds_of(connection, user_id)
        ended = history = 0
        for guild_id in guilds:
            released, cancelled = await self._departures.forget(guild_id, user_id)
            ended += released + cancelled

            async def work(connection: Connection, guild_id: int = guild_id) -> int:
                return await person.make_nameless(connection, guild_id, user_id)

            history += await self._database.write(work)
        return Forgotten({"requests_ended": ended, "history_entries": history}, kept=("board_blocks",))
