"""Answers to interactions, by the interaction's own token.

The first answer has to reach Discord within three seconds and can be given once. What may come after it (an edit of the
first answer, a follow-up) goes by the same token for fifteen minutes. None of it counts against the bot's limits.
https://discord.com/developers/docs/interactions/receiving-and-responding#responding-to-an-interaction
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from io import BytesIO
from typing import Any

import aiohttp
import disnake
import structlog
from disnake.http import to_multipart
from disnake.webhook.async_ import AsyncWebhookAdapter

from services.gateway.events import Interaction
from views.messages import NO_MENTIONS

_log = structlog.get_logger(__name__)

ALREADY_ACKNOWLEDGED = 40060
UNKNOWN_INTERACTION = 10062
UNKNOWN_WEBHOOK = 10015


class CallbackType(IntEnum):
    """Discord's interaction callback types."""

    MESSAGE = 4
    DEFERRED_MESSAGE = 5
    DEFERRED_UPDATE = 6
    UPDATE = 7
    CHOICES = 8
    MODAL = 9


class InteractionGone(Exception):
    """Discord no longer takes an answer: the three seconds or the fifteen minutes are over."""


class CallbackRefused(Exception):
    """Discord refused the answer for what it says, or did not take it in time."""


@dataclass(frozen=True, slots=True)
class File:
    """A file that goes with an answer."""

    name: str
    content: bytes


class Callbacks:
    """Sends answers. Each call is bound by a deadline of its own and never waits for a limit without end."""

    def __init__(self, session: aiohttp.ClientSession, deadline: float) -> None:
        self._session = session
        self._deadline = deadline
        self._vanishing: set[asyncio.Task[None]] = set()

    async def first(
        self,
        interaction: Interaction,
        kind: CallbackType,
        data: Mapping[str, Any] | None = None,
        files: Sequence[File] = (),
    ) -> None:
        """Gives the first answer. A repeat counts as given. Raises InteractionGone, CallbackRefused."""
        await self._send(
            # disnake's adapter keeps a lock for each token it ever saw: one adapter for one call keeps nothing.
            AsyncWebhookAdapter().create_interaction_response(
                interaction.interaction_id,
                interaction.token,
                session=self._session,
                type=int(kind),
                data=dict(data) if data is not None else None,
                files=_files(files),
            )
        )

    async def edit(self, interaction: Interaction, body: Mapping[str, Any], files: Sequence[File] = ()) -> None:
        """Replaces the first answer. Raises InteractionGone, CallbackRefused."""
        adapter = AsyncWebhookAdapter()
        payload = {"allowed_mentions": NO_MENTIONS, **body}
        if files:
            multipart = to_multipart(
                {**payload, "attachments": [{"id": index, "filename": file.name} for index, file in enumerate(files)]},
                made := _files(files),
            )
            await self._send(
                adapter.edit_original_interaction_response(
                    interaction.application_id,
                    interaction.token,
                    session=self._session,
                    multipart=multipart,
                    files=made,
                )
            )
            return
        await self._send(
            adapter.edit_original_interaction_response(
                interaction.application_id, interaction.token, session=self._session, payload=payload
            )
        )

    async def follow_up(self, interaction: Interaction, body: Mapping[str, Any], files: Sequence[File] = ()) -> None:
        """Says something more. Raises InteractionGone, CallbackRefused."""
        payload = {"allowed_mentions": NO_MENTIONS, **body}
        made = _files(files)
        await self._send(
            AsyncWebhookAdapter().execute_webhook(
                interaction.application_id,
                interaction.token,
                session=self._session,
                payload=None if made else payload,
                multipart=to_multipart(payload, made) if made else None,
                files=made or None,
                wait=True,
            )
        )

    async def delete(self, interaction: Interaction) -> None:
        """Takes the first answer back. Raises InteractionGone, CallbackRefused."""
        await self._send(
            AsyncWebhookAdapter().delete_original_interaction_response(
                interaction.application_id, interaction.token, session=self._session
            )
        )

    def vanish(self, interaction: Interaction, after: float) -> None:
        """Removes the first answer after some seconds. It is only a courtesy: a stop forgets it."""

        async def remove() -> None:
            await asyncio.sleep(after)
            try:
                await self.delete(interaction)
            except (InteractionGone, CallbackRefused) as error:
                _log.info("a confirmation stays", error=str(error))

        task = asyncio.create_task(remove(), name="vanish")
        self._vanishing.add(task)
        task.add_done_callback(self._vanishing.discard)

    async def _send(self, call: Any) -> None:
        try:
            async with asyncio.timeout(self._deadline):
                await call
        except disnake.HTTPException as error:
            if error.code == ALREADY_ACKNOWLEDGED:
                return
            if error.code in (UNKNOWN_INTERACTION, UNKNOWN_WEBHOOK):
                raise InteractionGone(str(error.code)) from error
            raise CallbackRefused(f"HTTP {error.status}, code {error.code}: {error.text}") from error
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise CallbackRefused(f"{type(error).__name__}: {error}") from error


def _files(files: Sequence[File]) -> list[disnake.File]:
    return [disnake.File(BytesIO(file.content), filename=file.name) for file in files]
