"""The parts that every message of the bot's has in common, as Discord's JSON."""

from collections.abc import Sequence
from typing import Any

EPHEMERAL = 1 << 6
COMPONENTS_V2 = 1 << 15

# Nothing that the bot says pings anybody, whoever wrote it.
NO_MENTIONS: dict[str, Any] = {"parse": []}

CONTENT_LIMIT = 2000


def message(
    content: str = "",
    *,
    embeds: Sequence[dict[str, Any]] = (),
    components: Sequence[dict[str, Any]] = (),
    private: bool = False,
) -> dict[str, Any]:
    """A message that mentions nobody; `private` shows it to one person only, where it answers an interaction."""
    body: dict[str, Any] = {"content": content, "allowed_mentions": NO_MENTIONS}
    if embeds:
        body["embeds"] = list(embeds)
    if components:
        body["components"] = list(components)
    if private:
        body["flags"] = EPHEMERAL
    return body
