"""Reaching the response to an interaction: gateway acknowledges while executor has begun already, so it may come later.

https://discord.com/developers/docs/interactions/receiving-and-responding#followup-messages
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from chassis.clock import Clock
from services.executor.discord.api import DiscordApi
from services.executor.discord.bodies import File
from services.executor.discord.errors import Code, Refused
from services.executor.jobs.model import Fence
from services.executor.replies.question import Interaction
from services.executor.replies.settings import ReplySettings

_MAX_PAUSE_SECONDS = 0.5


async def edit_acknowledged(
    api: DiscordApi,
    clock: Clock,
    settings: ReplySettings,
    interaction: Interaction,
    body: dict[str, Any],
    *,
    since: float,
    files: Sequence[File] = (),
    fence: Fence | None = None,
) -> dict[str, Any]:
    """Edits the first response, as soon as there is one; gives the message.

    Args:
        since: From when on the acknowledgement is waited for, in Unix seconds.

    Raises:
        Refused: It was not acknowledged in time, its token is dead, or Discord takes the message from nobody.
    """
    pause = settings.ack_poll_seconds
    while True:
        try:
            return await api.edit_original(
                interaction.application_id, interaction.token, body, files=files, fence=fence
            )
        except Refused as refusal:
            early = refusal.response_missing and refusal.code != Code.INVALID_WEBHOOK_TOKEN
            if not early or clock.now() > since + settings.ack_wait_seconds:
                raise
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _MAX_PAUSE_SECONDS)
