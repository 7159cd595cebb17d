"""Where a plan is shown: one message, at first the command's response, then edited by the bot's own right.

An interaction's token dies after 15 minutes; a plan does not depend on it once its message is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog

from chassis.clock import Clock
from services.executor.discord.api import DiscordApi, Scope
from services.executor.discord.bodies import File
from services.executor.discord.errors import NotPermitted, OutcomeUnknown, Refused, Unreachable
from services.executor.discord.permits import Priority
from services.executor.jobs.model import Fence
from services.executor.plans.record import PlanRecord
from services.executor.plans.store import PlanStore
from services.executor.replies.acknowledged import edit_acknowledged
from services.executor.replies.settings import ReplySettings

_log = structlog.get_logger(__name__)

_TOKEN_SECONDS = 840.0
_PROGRESS_SECONDS = 2.0
"""So long progress waits for its turn; then newer progress is nearer."""


class Screen:
    """Shows plans."""

    def __init__(self, api: DiscordApi, store: PlanStore, clock: Clock, settings: ReplySettings) -> None:
        self._api = api
        self._store = store
        self._clock = clock
        self._settings = settings

    async def show(
        self,
        plan: PlanRecord,
        body: dict[str, Any],
        fence: Fence | None,
        *,
        final: bool = True,
        files: Sequence[File] = (),
    ) -> PlanRecord:
        """Shows a card; gives the plan with its message. What cannot be shown is logged: the plan itself goes on.

        What is not final is left out where Discord takes nothing more for a while.
        """
        body = {"content": "", "embeds": [], "components": [], **body}
        try:
            if plan.message_id == 0:
                return await self._first(plan, body, fence, files)
            await self._edit(plan, body, fence, final=final, files=files)
        except NotPermitted as error:
            if final:
                _log.warning("plan.not_shown", plan_id=plan.plan_id, error=str(error))
        except (Refused, Unreachable, OutcomeUnknown) as error:
            _log.warning("plan.not_shown", plan_id=plan.plan_id, error=str(error))
        return plan

    async def _first(
        self, plan: PlanRecord, body: dict[str, Any], fence: Fence | None, files: Sequence[File]
    ) -> PlanRecord:
        message = None
        if plan.interaction is not None and self._fresh(plan):
            message = await self._original(plan, body, fence, files)
        if message is None:
            scope = Scope(fence, plan.guild_id)
            message = await self._api.send(
                scope, plan.channel_id, body, nonce=f"{plan.plan_id}p", priority=Priority.FIRST, files=files
            )
        message_id = int(message["id"])
        return await self._store.change(plan.plan_id, lambda kept: kept.model_copy(update={"message_id": message_id}))

    async def _original(
        self, plan: PlanRecord, body: dict[str, Any], fence: Fence | None, files: Sequence[File]
    ) -> dict[str, Any] | None:
        assert plan.interaction is not None
        try:
            # A small plan is ready before gateway's acknowledgement has arrived.
            return await edit_acknowledged(
                self._api,
                self._clock,
                self._settings,
                plan.interaction,
                body,
                since=plan.created,
                files=files,
                fence=fence,
            )
        except Refused as refusal:
            if refusal.response_missing:
                return None
            raise

    async def _edit(
        self, plan: PlanRecord, body: dict[str, Any], fence: Fence | None, *, final: bool, files: Sequence[File]
    ) -> None:
        scope = Scope(fence, plan.guild_id)
        try:
            await self._api.edit(
                scope,
                plan.channel_id,
                plan.message_id,
                body,
                # Progress queues with the run that it tells of, which may take all that Discord allows.
                priority=Priority.FINAL if final else Priority.BULK,
                files=files,
                max_wait=None if final else _PROGRESS_SECONDS,
            )
        except Refused as refusal:
            # Where the bot is no member of the channel, or the message is private, the token is the only way.
            if plan.interaction is None or not self._fresh(plan):
                raise
            if await self._original(plan, body, fence, files) is None:
                raise refusal from None

    def _fresh(self, plan: PlanRecord) -> bool:
        return self._clock.now() - plan.created < _TOKEN_SECONDS
