"""All routes: importing this module fills the router."""

from sandbox.discord.rest import (
    routes_absent,
    routes_channels,
    routes_emojis,
    routes_guilds,
    routes_interactions,
    routes_members,
    routes_messages,
    routes_planning,
    routes_threads,
    routes_users,
)
from sandbox.discord.rest.router import ROUTER

__all__ = [
    "ROUTER",
    "routes_absent",
    "routes_channels",
    "routes_emojis",
    "routes_guilds",
    "routes_interactions",
    "routes_members",
    "routes_messages",
    "routes_planning",
    "routes_threads",
    "routes_users",
]
