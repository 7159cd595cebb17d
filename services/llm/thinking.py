"""Tells a model's thinking from its answer where both come in one text.

Open models write `<think>…</think>` into their text; DeepSeek R1's template opens the tag in the prompt, so only the
closing one is seen. Tags arrive split over chunks in any way, so a tail that may be the beginning of a tag is held
back.
"""

from __future__ import annotations

from services.llm.chat import TextDelta, ThinkingDelta

OPEN, CLOSE = "<think>", "</think>"


class ThinkParser:
    """Splits a text, given in chunks of any size, into thinking and answer. The result does not depend on the chunks.

    Thinking is only looked for at the very start of an answer (after white space), so that a model that writes about
    the tag later is not misread.
    """

    def __init__(self, *, starts_in_thinking: bool = False) -> None:
        self._held = ""
        self._thinking = starts_in_thinking
        self._at_start = True
        self._trim = False

    def feed(self, chunk: str) -> list[TextDelta | ThinkingDelta]:
        """The events that are certain after this chunk."""
        if not (self._at_start or self._thinking or self._trim):
            return [TextDelta(chunk)] if chunk else []
        self._held += chunk
        return self._drain(last=False)

    def thinking_came_apart(self) -> None:
        """Says that the server gives the thinking in a field of its own, so the text does not start in it."""
        if self._at_start:
            self._thinking = False

    def flush(self) -> list[TextDelta | ThinkingDelta]:
        """What is left at the end of the stream."""
        return self._drain(last=True)

    def _drain(self, *, last: bool) -> list[TextDelta | ThinkingDelta]:
        events: list[TextDelta | ThinkingDelta] = []
        if self._at_start:
            stripped = self._held.lstrip()
            if stripped.startswith(OPEN):
                self._held, self._at_start, self._thinking = stripped[len(OPEN) :], False, True
            elif OPEN.startswith(stripped) and not last:
                return events
            else:
                self._at_start = False
        if self._thinking:
            thought, closed, rest = self._held.partition(CLOSE)
            if closed:
                self._held, self._thinking, self._trim = rest, False, True
            else:
                kept = 0 if last else _overlap(thought)
                thought, self._held = thought[: len(thought) - kept], thought[len(thought) - kept :]
            if thought:
                events.append(ThinkingDelta(thought))
        if not self._thinking:
            if self._trim:
                self._held = self._held.lstrip()
                self._trim = not self._held
            if self._held:
                events.append(TextDelta(self._held))
            self._held = ""
        return events


def _overlap(text: str) -> int:
    """How long a beginning of the closing tag the text ends with."""
    return next((size for size in range(min(len(CLOSE) - 1, len(text)), 0, -1) if text.endswith(CLOSE[:size])), 0)
