"""Discord's routes: a method, a documented template, and the resource that its bucket counts by.

https://docs.discord.com/developers/topics/rate-limits: channel, guild, and webhook with token are top-level resources.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

_PARAMETER = re.compile(r"\{(\w+)\}")
_MAJOR = (("channel_id", "channels"), ("guild_id", "guilds"))


@dataclass(frozen=True)
class Route:
    """One route with its parameters filled in."""

    method: str
    template: str
    path: str
    major: str
    """The top-level resource, for example `channels/123`; empty where there is none."""
    by_token: bool
    """Whether the route is reached by a token in its path, an interaction's or a webhook's, instead of the bot's."""
    exempt: bool
    """Whether it is an interaction's own, which counts against no limit that a permit is for."""

    @classmethod
    def of(cls, method: str, template: str, **parameters: int | str) -> Route:
        """Fills a template in; a missing or surplus parameter is a mistake of the caller's and raises."""
        names = set(_PARAMETER.findall(template))
        if names != set(parameters):
            raise ValueError(f"{template} takes {sorted(names)}, not {sorted(parameters)}")
        path = _PARAMETER.sub(lambda match: quote(str(parameters[match[1]]), safe="@"), template)
        by_token = "webhook_token" in names or "interaction_token" in names
        if "webhook_token" in names:
            major = f"webhooks/{parameters['webhook_id']}/{parameters['webhook_token']}"
        elif "webhook_id" in names:
            major = f"webhooks/{parameters['webhook_id']}"
        else:
            major = next((f"{kind}/{parameters[name]}" for name, kind in _MAJOR if name in names), "")
        exempt = by_token and ("interaction_token" in names or template.endswith("/@original"))
        return cls(method, template, path, major, by_token, exempt)

    def __str__(self) -> str:
        return f"{self.method} {self.template}"
