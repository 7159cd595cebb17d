"""Who the bot is: its user id, which names its credential everywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from chassis.errors import Unavailable
from services.executor.discord.errors import DiscordError, Unauthorized

_log = structlog.get_logger(__name__)

_FIRST_PAUSE_SECONDS = 0.2
_MAX_PAUSE_SECONDS = 10.0


class BotIdentity:
    """The bot's user id, once Discord has told it."""

    def __init__(self) -> None:
        self._user_id = 0

    @property
    def known(self) -> bool:
        """Whether Discord has answered."""
        return self._user_id != 0

    @property
    def user_id(self) -> int:
        """The bot's snowflake. Raises `Unavailable` before Discord has told it."""
        if not self._user_id:
            raise Unavailable("Discord has not said yet who the bot is", reason="DISCORD_UNAVAILABLE")
        return self._user_id

    def set(self, user_id: int) -> None:
        """Records what Discord said."""
        self._user_id = user_id


async def learn(identity: BotIdentity, ask: Callable[[], Awaitable[int]]) -> None:
    """Asks until Discord answers. Raises `Unauthorized` where it does not know the token."""
    pause = _FIRST_PAUSE_SECONDS
    while not identity.known:
        try:
            identity.set(await ask())
        except Unauthorized:
            raise
        except DiscordError as error:
            _log.warning("discord.unreachable", error=str(error), retry_in=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _MAX_PAUSE_SECONDS)
