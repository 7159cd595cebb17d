"""How far the copy of a guild is, and what is known of a shard's feed; pure.

A copy is certain for as long as every change is told: that is one *incarnation* of a feed. A new session of Discord's
or a gap begins another one, and what was whole under the old one is uncertain until it is told or fetched anew. Nothing
has to be searched or marked for that: the copy says under which incarnation it was whole, the feed which one it is.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Filling(BaseModel):
    """A copy of members that is being made beside the one in use."""

    nonce: str
    generation: int
    buckets: int
    pages: int
    """How many pages there are."""
    got: int = 0
    """How many of them are in."""
    incarnation: int
    """Under which it began."""
    began: float
    """Unix seconds."""

    @property
    def complete(self) -> bool:
        """Whether all pages are in."""
        return self.got >= self.pages


class GuildState(BaseModel):
    """What is known of the copy of one guild."""

    shard: str = ""
    """`<shard>/<count>`, the feed that told of it last."""
    epoch: int = 0
    number: int = 0
    """The last batch that was applied, by its feed's epoch and its number."""
    whole: int = 0
    """The incarnation under which guild, channels and roles are whole; 0 for none."""
    members_whole: int = 0
    """The same of members."""
    generation: int = 0
    """The copy of members in use; 0 for none."""
    buckets: int = 0
    """Over how many keys it is spread."""
    member_count: int = 0
    """How many members Discord said there are."""
    version: int = 0
    """Raised with each change."""
    filling: Filling | None = None


class FeedState(BaseModel):
    """What is known of a shard's feed."""

    model_config = ConfigDict(frozen=True)

    shard: str
    session: str
    epoch: int
    incarnation: int
    """The epoch at which everything was last certain to be told from the beginning."""
    members_told: bool


def shard_name(shard_id: int, shard_count: int) -> str:
    """A shard's name."""
    return f"{shard_id}/{shard_count}"


def on_shard(guild_id: int, shard_id: int, shard_count: int) -> bool:
    """Whether a shard is told of a guild. https://discord.com/developers/docs/events/gateway#sharding-sharding-formula"""
    return (guild_id >> 22) % shard_count == shard_id
