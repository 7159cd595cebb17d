"""Lines that have to fit into one message."""

from collections.abc import Sequence

from views.messages import CONTENT_LIMIT


def within(lines: Sequence[str], limit: int = CONTENT_LIMIT) -> str:
    """As many lines as fit into the limit, whole; what is left out is marked by an ellipsis."""
    kept: list[str] = []
    used = 0
    for index, line in enumerate(lines):
        room = limit - used - (2 if index < len(lines) - 1 else 0)
        if len(line) > room:
            kept.append("…")
            break
        kept.append(line)
        used += len(line) + 1
    return "\n".join(kept)
