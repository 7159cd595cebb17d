"""Scopes and places: where a value is set, and where it is asked for."""

from dataclasses import dataclass
from enum import IntEnum


class ScopeKind(IntEnum):
    """What a scope is; the farther first. The numbers are the contract's."""

    GUILD = 1
    CATEGORY = 2
    CHANNEL = 3
    THREAD = 4
    PERSON = 5


@dataclass(frozen=True)
class Scope:
    """One guild, category, channel, thread or person. `guild_id` is 0 for a person, whose settings hold everywhere."""

    kind: ScopeKind
    guild_id: int
    id: int

    def __post_init__(self) -> None:
        if self.id <= 0:
            raise ValueError("a scope needs the snowflake of what it is")
        if (self.kind is ScopeKind.PERSON) != (self.guild_id == 0):
            raise ValueError("a scope lies in a guild, unless it is a person")
        if self.kind is ScopeKind.GUILD and self.id != self.guild_id:
            raise ValueError("a guild's scope has the guild's own snowflake")

    @property
    def field(self) -> str:
        """The name of the scope in the store: all of one guild begin alike."""
        return f"{self.guild_id}/{self.kind.value}/{self.id}"

    @classmethod
    def from_field(cls, field: str) -> "Scope":
        """The scope that `field` names. ValueError for anything else."""
        guild_id, kind, identifier = field.split("/")
        return cls(ScopeKind(int(kind)), int(guild_id), int(identifier))


@dataclass(frozen=True)
class Place:
    """Where something happens; what is 0 takes no part."""

    guild_id: int = 0
    category_id: int = 0
    channel_id: int = 0
    thread_id: int = 0
    user_id: int = 0

    def scopes(self) -> tuple[Scope, ...]:
        """The scopes that bear on this place, the nearest first."""
        within = (
            (ScopeKind.THREAD, self.thread_id),
            (ScopeKind.CHANNEL, self.channel_id),
            (ScopeKind.CATEGORY, self.category_id),
            (ScopeKind.GUILD, self.guild_id),
        )
        person = (Scope(ScopeKind.PERSON, 0, self.user_id),) if self.user_id else ()
        return person + tuple(Scope(kind, self.guild_id, found) for kind, found in within if found and self.guild_id)
