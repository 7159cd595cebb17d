"""Counts tokens, offline.

tiktoken's own way is to fetch its ranks from the network when it first needs them, without a time limit. This service
brings the files along (see `encodings`) and never counts without them. Where no encoding is known the count is an
estimate by o200k with a margin, and says so.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import tiktoken

from services.llm.chat import Message, ToolSpec
from services.llm.encodings import ENCODINGS, directory, missing

ESTIMATING_ENCODING = "o200k_base"
MESSAGE_OVERHEAD = 4
"""Tokens that frame a message in chat templates; OpenAI documents three or four, others are near it."""
REPLY_OVERHEAD = 3
OFF_LOOP_CHARS = 20_000
"""Texts above this length are counted in a thread: a megabyte can take half a second."""


class EncodingsMissingError(RuntimeError):
    """The rank files are not where they belong."""


@dataclass(frozen=True, slots=True)
class Count:
    """A number of tokens, and whether it is an estimate."""

    tokens: int
    estimated: bool


def load_encodings() -> None:
    """Points tiktoken at the files that were brought along and loads them. Raises EncodingsMissingError."""
    folder = directory()
    if absent := missing(folder):
        raise EncodingsMissingError(f"the token encodings {', '.join(absent)} are missing in {folder}")
    os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
    for name in ENCODINGS:
        tiktoken.get_encoding(name)


@dataclass(frozen=True, slots=True)
class Counter:
    """Counts for one model."""

    encoding: str
    """The tiktoken encoding; empty where none is known."""
    margin: float = 1.0
    image_tokens: int = 0

    @property
    def estimated(self) -> bool:
        """Whether counts are estimates."""
        return not self.encoding

    def text(self, text: str) -> int:
        """Tokens of a text. Markers such as `<|endoftext|>` are counted as the plain text they are."""
        return self._scaled(_encoded_length(self.encoding or ESTIMATING_ENCODING, text))

    def message(self, message: Message) -> int:
        """Tokens of a message with its frame, images and tool calls."""
        total = MESSAGE_OVERHEAD + self.text(message.text) + self.image_tokens * len(message.images)
        return total + sum(
            self.text(call.name) + self.text(call.arguments) + MESSAGE_OVERHEAD for call in message.tool_calls
        )

    def messages(self, messages: Iterable[Message], tools: Iterable[ToolSpec] = ()) -> int:
        """Tokens of a whole context."""
        total = REPLY_OVERHEAD + sum(self.message(message) for message in messages)
        return total + sum(self.text(f"{tool.name}{tool.description}{tool.parameters}") for tool in tools)

    async def text_off_loop(self, text: str) -> Count:
        """Tokens of a text of any length, counted in a thread where it is long."""
        if len(text) > OFF_LOOP_CHARS:
            return Count(await asyncio.to_thread(self.text, text), self.estimated)
        return Count(self.text(text), self.estimated)

    def _scaled(self, tokens: int) -> int:
        return tokens if self.encoding else -int(-tokens * self.margin // 1)


@lru_cache(maxsize=4_096)
def _short_length(encoding: str, text: str) -> int:
    return len(tiktoken.get_encoding(encoding).encode_ordinary(text))


def _encoded_length(encoding: str, text: str) -> int:
    """Tokens of a text; those of short texts are remembered, because a conversation is counted again at every turn."""
    if len(text) <= 4_000:
        return _short_length(encoding, text)
    return len(tiktoken.get_encoding(encoding).encode_ordinary(text))
