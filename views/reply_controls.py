"""What stands under an answer: its buttons, and the line that says what it cost. Pure: from facts to Discord's JSON.

Each button carries the answer's job in its custom_id, so it works after any restart and on any replica.
https://discord.com/developers/docs/components/reference#button
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from views.custom_id import encode

_ROW, _BUTTON = 1, 2
_PRIMARY, _SECONDARY = 1, 2

STOP = "reply.stop"
REGENERATE = "reply.regenerate"
CONTINUE = "reply.continue"
COPY = "reply.copy"
CLEAR = "reply.clear"
SETTINGS = "reply.settings"
FORK = "reply.fork"
REPORT = "reply.report"
RETRY = "reply.retry"
PAGE = "reply.page"
AGAIN = "reply.again"
PRIVATELY = "reply.privately"

Text = Callable[..., str]
"""A text by its key and values, in the reader's language."""


@dataclass(frozen=True, slots=True)
class Named:
    """Which answer, and whose: what a button has to carry."""

    job_id: str
    asker_id: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What the footer says of an answer."""

    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    estimated: bool = False
    cost_nanos: int | None = None
    dropped_turns: int = 0


def while_streaming(answer: Named, text: Text) -> list[dict[str, Any]]:
    """The one button that makes sense while the answer grows."""
    return [_row(_button(STOP, answer, text("reply.button.stop"), _SECONDARY))]


def when_done(
    answer: Named,
    text: Text,
    *,
    failed: bool = False,
    versions: int = 1,
    shown: int = 0,
    private: bool = False,
    goes_on_privately: bool = False,
) -> list[dict[str, Any]]:
    """The buttons of an answer that is done. A private one has none that need the thread."""
    if failed:
        return [
            _row(
                _button(RETRY, answer, text("reply.button.retry"), _PRIMARY),
                _button(REPORT, answer, text("reply.button.report"), _SECONDARY),
            )
        ]
    if private:
        rows = [
            _row(
                _button(REGENERATE, answer, text("reply.button.regenerate"), _SECONDARY),
                _button(COPY, answer, text("reply.button.copy"), _SECONDARY),
                _button(REPORT, answer, text("reply.button.report"), _SECONDARY),
            )
        ]
        if goes_on_privately:
            rows.insert(0, _row(_button(PRIVATELY, answer, text("reply.button.privately"), _PRIMARY)))
    else:
        rows = [
            _row(
                _button(REGENERATE, answer, text("reply.button.regenerate"), _SECONDARY),
                _button(CONTINUE, answer, text("reply.button.continue"), _SECONDARY),
                _button(COPY, answer, text("reply.button.copy"), _SECONDARY),
                _button(FORK, answer, text("reply.button.fork"), _SECONDARY),
                _button(SETTINGS, answer, text("reply.button.settings"), _SECONDARY),
            ),
            _row(
                _button(CLEAR, answer, text("reply.button.clear"), _SECONDARY),
                _button(REPORT, answer, text("reply.button.report"), _SECONDARY),
            ),
        ]
    # A private answer can be reached by the newest press alone, so there is no paging in it.
    if versions > 1 and not private:
        rows[-1]["components"] += _pages(answer, versions, shown)
    return rows


def again(answer: Named, text: Text) -> list[dict[str, Any]]:
    """The offer to answer a question that was changed."""
    return [_row(_button(AGAIN, answer, text("reply.button.again"), _PRIMARY))]


def go_on(answer: Named, text: Text) -> list[dict[str, Any]]:
    """The button under an answer that goes on elsewhere."""
    return [_row(_button(CONTINUE, answer, text("reply.button.continue"), _PRIMARY))]


def footer(facts: Facts, text: Text) -> str:
    """One line in small print; empty where there is nothing to say."""
    if not facts.model:
        return ""
    tokens = facts.input_tokens + facts.output_tokens
    pieces = [facts.model.replace("`", "")]
    if tokens:
        pieces.append(text("reply.footer.tokens", tokens=f"{'~' if facts.estimated else ''}{tokens:,}"))
    if facts.cost_nanos is not None:
        pieces.append(f"${facts.cost_nanos / 1e9:.4f}")
    if facts.dropped_turns:
        pieces.append(text("reply.footer.dropped", turns=facts.dropped_turns))
    return "-# " + " · ".join(pieces)


def thinking(thought: str, limit: int, text: Text) -> str:
    """A model's thinking behind a spoiler, cut to a number of characters; empty where there is none."""
    flat = " ".join(thought.replace("||", "| |").replace("`", "'").split())
    if not flat:
        return ""
    cut = flat if len(flat) <= limit else flat[: limit - 1] + "…"
    return f"-# {text('reply.thinking')} ||{cut}||"


def _pages(answer: Named, versions: int, shown: int) -> list[dict[str, Any]]:
    back = _button(PAGE, answer, "◀", _SECONDARY, str(max(0, shown - 1)), "back")
    here = _button(PAGE, answer, f"{shown + 1}/{versions}", _SECONDARY, str(shown), "here")
    forth = _button(PAGE, answer, "▶", _SECONDARY, str(min(versions - 1, shown + 1)), "forth")
    back["disabled"], here["disabled"], forth["disabled"] = shown == 0, True, shown == versions - 1
    return [back, here, forth]


def _row(*buttons: dict[str, Any]) -> dict[str, Any]:
    return {"type": _ROW, "components": list(buttons)}


def _button(action: str, answer: Named, label: str, style: int, *more: str) -> dict[str, Any]:
    return {
        "type": _BUTTON,
        "style": style,
        "label": label,
        "custom_id": encode(action, answer.job_id, answer.asker_id, *more),
    }
