"""Who changed what: the history by pages, and who may read which part of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from chassis.settings import Live
from services.board.model import Actor
from services.board.paging import make_token, read_token
from services.board.rules import officers_only
from services.board.settings import BoardSettings
from services.board.store import history
from services.board.store.database import Database


class Audit:
    """The history of all guilds."""

    def __init__(self, database: Database, settings: Live[BoardSettings]) -> None:
        self._database = database
        self._settings = settings

    async def page(
        self, guild_id: int, actor: Actor | None, *, request_id: str, actor_id: int, size: int, token: str
    ) -> tuple[Sequence[Mapping[str, Any]], str]:
        """A page of changes, the latest first, and the token of the next.

        One request's history is for everybody, one's own doings for oneself, all else for officers.
        """
        if actor is not None and not request_id and actor_id != actor.user_id:
            officers_only(actor)
        pages = self._settings.current.pages
        size = min(size or pages.size, pages.maximum)
        list_of = f"history/{guild_id}/{request_id}/{actor_id}"
        before = read_token(list_of, token, lengths=(1,))[0] if token else None
        async with self._database.read() as connection:
            rows = await history.entries(
                connection, guild_id, subject_id=request_id, actor_id=actor_id, before=before, limit=size + 1
            )
        if len(rows) <= size:
            return rows, ""
        return rows[:size], make_token(list_of, (rows[size - 1]["sequence"],))
