"""An answer that only the asker sees: in one response, which is edited whole."""

from __future__ import annotations

from collections.abc import Sequence

from services.executor.discord.api import DiscordApi
from services.executor.discord.bodies import File
from services.executor.discord.errors import Refused
from services.executor.jobs.model import Journal
from services.executor.replies.answer import Components
from services.executor.replies.question import Question
from services.executor.replies.sending import PlaceGone
from services.executor.replies.settings import ReplySettings
from views import splitter
from views.messages import message

_EMBEDDED_LIMIT = 6_000


class PrivateAnswer:
    """An answer that only the asker sees: one original response, edited whole, so that every repeat is harmless."""

    def __init__(self, api: DiscordApi, question: Question, journal: Journal, settings: ReplySettings) -> None:
        self._api = api
        self._question = question
        self._journal = journal
        self._settings = settings
        self._shown = ""
        self._streaming: Components = []

    def while_streaming(self, components: Components) -> None:
        """What stands under the message for as long as the text grows."""
        self._streaming = components

    async def preview(self, text: str) -> bool:
        """Shows an unfinished text."""
        if text != self._shown:
            await self._edit(text, splitter.preview(text, self._settings.message_limit), self._streaming)
        return True

    async def finish(self, text: str, components: Components, pictures: Sequence[File] = ()) -> None:
        """Shows the final text: its beginning as the message, more in embeds, all as a file where it takes more."""
        try:
            await self._edit(text, splitter.split(text, self._settings.message_limit), components, pictures)
        except Refused as refusal:
            if not refusal.token_dead:
                raise
            raise PlaceGone(self._question.channel_id, "TOKEN_DEAD") from refusal

    async def _edit(
        self, text: str, parts: Sequence[str], components: Components, pictures: Sequence[File] = ()
    ) -> None:
        interaction = self._question.interaction
        assert interaction is not None
        embeds, room = [], _EMBEDDED_LIMIT
        for part in parts[1:]:
            room -= len(part)
            if room < 0:
                break
            embeds.append({"description": part})
        files = list(pictures)
        if len(parts) > 1 + len(embeds):
            files.append(File("answer.md", text.encode(), "text/markdown; charset=utf-8"))
        await self._api.edit_original(
            interaction.application_id,
            interaction.token,
            {
                **message(parts[0] if parts else "…"),
                "embeds": embeds,
                "components": components,
                "attachments": [{"id": i, "filename": f.name} for i, f in enumerate(files)],
            },
            files=files,
            fence=self._journal.fence,
        )
        self._shown = text
