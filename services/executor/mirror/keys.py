"""The names of the mirror's keys in Redis. All of one guild share a hash tag: one transaction may cover them."""

from __future__ import annotations

from services.executor.jobs.keys import PREFIX

_MIRROR = f"{PREFIX}mirror:"

EPOCH = f"{_MIRROR}epoch"
"""How many feeds were ever opened."""

GUILDS = f"{_MIRROR}guilds"
"""A set of all guilds that the bot is in, as far as gateway said."""

CHANGES = f"{_MIRROR}changes"
"""A stream that says whose members changed, for watchers."""

CHANGES_TOKEN = f"{_MIRROR}changes-token"
"""A random word made with the stream: a refilled store has another, so a watcher of the old one begins anew."""

GONE = f"{_MIRROR}gone"
"""What is gone from Discord, scored by when what belongs to it is cleaned up."""

GONE_GUILDS = f"{_MIRROR}gone-guilds"
"""Which of them are guilds, by snowflake: those may come back."""


def feed(shard: str) -> str:
    """What is known of a shard's feed: `<shard>/<count>`."""
    return f"{_MIRROR}feed:{shard}"


def contact(shard: str) -> str:
    """When a shard's feed was last heard of."""
    return f"{_MIRROR}contact:{shard}"


def _guild(guild_id: int) -> str:
    return f"{PREFIX}{{mirror/{guild_id}}}"


def state(guild_id: int) -> str:
    """How far the copy of a guild is, and the roles that its members have: fields `state` and `roles`."""
    return f"{_guild(guild_id)}:state"


def things(guild_id: int) -> str:
    """The guild's own fields, channels, roles, emoji: `guild`, `emojis`, `c<id>`, `r<id>`."""
    return f"{_guild(guild_id)}:things"


def bucket(guild_id: int, generation: int, number: int) -> str:
    """Some of a guild's members."""
    return f"{_guild(guild_id)}:members:{generation}:{number}"


def left(guild_id: int) -> str:
    """Who left while the copy of members is being filled: an older page must not bring them back."""
    return f"{_guild(guild_id)}:left"
