"""Removes the bot's own old messages: in bulk in a guild's channels, one by one in direct messages.

It goes as fast as permits come, in passes that need no memory: what is gone is gone, so an interrupted clean-up simply
looks again. Pinned messages stay: they are the board's lists.
"""

from __future__ import annotations

import asyncio

import structlog
from pydantic import BaseModel, ConfigDict

from chassis.clock import Clock
from services.executor.board.calls import BoardCalls
from services.executor.board.settings import BoardDeliverySettings
from services.executor.discord.api import Scope, snowflake_time
from services.executor.discord.errors import Refused
from services.executor.discord.identity import BotIdentity
from services.executor.jobs.model import Job, Journal

_log = structlog.get_logger(__name__)

KIND = "board.clean"
_BULK = 100
# Discord refuses bulk deletion of anything older than 14 days; an hour is left for the clocks and the queue.
_BULK_AGE = 14 * 86_400 - 3_600
_DONE = "done"


class Clean(BaseModel):
    """The payload."""

    model_config = ConfigDict(frozen=True)

    guild_id: int
    channel_id: int
    before: int
    """The snowflake of the command: what came later is not old."""
    count: int


class CleanJobs:
    """Runs clean-ups. Is a `JobKind`."""

    name = KIND

    def __init__(
        self, calls: BoardCalls, *, identity: BotIdentity, settings: BoardDeliverySettings, clock: Clock
    ) -> None:
        self._calls = calls
        self._identity = identity
        self._settings = settings
        self._clock = clock

    async def run(self, job: Job, journal: Journal) -> None:
        """Removes up to `count` messages, the newest first."""
        order = Clean.model_validate_json(job.payload)
        scope = Scope(journal.fence, order.guild_id)
        done = int((await journal.read()).get(_DONE, b"0"))
        before = order.before
        try:
            for _ in range(self._settings.clean_pages):
                page = await self._calls.page(scope, order.channel_id, before=before)
                mine = [int(entry["id"]) for entry in page if self._is_old_own(entry)][: order.count - done]
                await self._remove(scope, order, mine)
                done += len(mine)
                await journal.write({_DONE: str(done)})
                if len(page) < _BULK or done >= order.count:
                    break
                before = int(page[-1]["id"])
        except Refused as refusal:
            if not (refusal.forbidden or refusal.gone):
                raise
            _log.info("board.not_cleaned", job_id=job.job_id, channel_id=order.channel_id, why=str(refusal))
        _log.info("board.cleaned", job_id=job.job_id, channel_id=order.channel_id, removed=done)

    def _is_old_own(self, entry: dict[str, object]) -> bool:
        author = entry["author"]
        assert isinstance(author, dict)
        return int(author["id"]) == self._identity.user_id and not entry.get("pinned")

    async def _remove(self, scope: Scope, order: Clean, messages: list[int]) -> None:
        single = list(messages)
        if order.guild_id:
            oldest = self._clock.now() - _BULK_AGE
            young = [message for message in messages if snowflake_time(message) > oldest]
            if len(young) >= 2 and await self._bulk(scope, order.channel_id, young):
                single = [message for message in messages if message not in set(young)]
        # Several are under way at once, so that the bucket and not the way to Discord and back sets the pace.
        together = self._settings.clean_together
        for start in range(0, len(single), together):
            results = await asyncio.gather(
                *(self._calls.delete(scope, order.channel_id, message) for message in single[start : start + together]),
                return_exceptions=True,
            )
            for result in results:
                if isinstance(result, BaseException):
                    raise result

    async def _bulk(self, scope: Scope, channel_id: int, messages: list[int]) -> bool:
        """Deletes in bulk; False where the bot may not, for its own messages it may always delete one by one."""
        try:
            await self._calls.bulk_delete(scope, channel_id, messages)
        except Refused as refusal:
            if refusal.forbidden:
                return False
            raise
        return True

    async def give_up(self, job: Job, journal: Journal, reason: str) -> None:
        """What is left can be cleaned by asking again; the log says that it was not."""
        _log.error("board.cleaning_given_up", job_id=job.job_id, reason=reason)
