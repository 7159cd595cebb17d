"""The picture that came with a request, as Discord takes it for an emoji.

https://docs.discord.com/developers/reference#image-data
Only the file that Discord itself names as the request's attachment is fetched, and only from where Discord keeps files;
what it is decide its first bytes, not what it is called.
"""

from __future__ import annotations

import base64

import structlog

from services.executor.discord.files import FileFetcher, NotFetched
from services.executor.plans import schema
from services.executor.plans.draft import EMOJI_BYTES
from services.executor.replies.question import Attached

_log = structlog.get_logger(__name__)

_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


class Pictures:
    """Fetches them."""

    def __init__(self, files: FileFetcher) -> None:
        self._files = files

    async def take(self, attached: Attached) -> str:
        """The picture as a data URI; empty where the file cannot be had or is no picture that fits."""
        try:
            content = await self._files.fetch(attached.url, EMOJI_BYTES)
        except NotFetched as error:
            _log.info("plan.picture_not_taken", reason=error.reason, size=attached.size)
            return ""
        return data_uri(content)


def data_uri(content: bytes) -> str:
    """A picture's bytes as a data URI; empty for what is none."""
    kind = next((name for beginning, name in _BEGINNINGS if content.startswith(beginning)), "")
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        kind = "image/webp"
    return f"data:{kind};base64,{base64.b64encode(content).decode()}" if kind else ""


def wants_picture(document: schema.PlanDocument) -> bool:
    """Whether a plan makes use of it."""
    return any(isinstance(intent, schema.CreateEmoji) for intent in document.intents)
