"""The board's own copy of who is a member of which guild, with which roles; pure.

It answers at once what background work and direct messages ask: Discord says nothing of roles there. What is not known
for certain is `None`, and never a reason to refuse anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

Roles = tuple[int, ...]


@dataclass
class _Copy:
    """One guild's members."""

    generation: int
    whole: bool
    roles: dict[int, Roles]


@dataclass
class Loading:
    """A copy that is being read page by page, with what was told meanwhile: that is newer than any page."""

    roles: dict[int, Roles] = field(default_factory=dict)
    told: dict[int, Roles | None] = field(default_factory=dict)

    def add(self, page: Mapping[int, Roles]) -> None:
        """A page was read."""
        self.roles.update(page)

    def result(self) -> dict[int, Roles]:
        """Everybody, as of now."""
        merged: dict[int, Roles | None] = {**self.roles, **self.told}
        return {user_id: roles for user_id, roles in merged.items() if roles is not None}


class Members:
    """Copies of guilds, bounded: the guild that was filled longest ago goes first."""

    def __init__(self, most_guilds: Callable[[], int]) -> None:
        self._most = most_guilds
        self._copies: dict[int, _Copy] = {}
        self._loading: dict[int, Loading] = {}
        self._shared: dict[Roles, Roles] = {}
        self._certain = False

    @property
    def guilds(self) -> list[int]:
        """The guilds of which there is a copy."""
        return list(self._copies)

    @property
    def room(self) -> int:
        """How many guilds more may be kept before one has to go."""
        return max(0, self._most() - len(self._copies))

    @property
    def count(self) -> int:
        """How many members are kept."""
        return sum(len(copy.roles) for copy in self._copies.values())

    def roles(self, guild_id: int, user_id: int) -> Roles | None:
        """A member's roles; None for who is none or is not known."""
        copy = self._copies.get(guild_id)
        return None if copy is None else copy.roles.get(user_id)

    def is_member(self, guild_id: int, user_id: int) -> bool | None:
        """Whether somebody is a member; None where that is not certain."""
        copy = self._copies.get(guild_id)
        if copy is None or not self._certain:
            return None
        if user_id in copy.roles:
            return True
        return False if copy.whole else None

    def knows(self, guild_id: int) -> bool:
        """Whether all members of a guild are known."""
        copy = self._copies.get(guild_id)
        return copy is not None and copy.whole and self._certain

    def up_to_date(self, certain: bool) -> None:
        """Whether every change is being told."""
        self._certain = certain

    @property
    def doubtful(self) -> list[int]:
        """The guilds of which it is not certain that all members are known."""
        return [guild_id for guild_id, copy in self._copies.items() if not copy.whole]

    def confirm(self, guild_id: int, generation: int) -> None:
        """What was read of a guild under a generation was everybody."""
        copy = self._copies.get(guild_id)
        if copy is not None and copy.generation == generation:
            copy.whole = True

    def changed(self, guild_id: int, members: Mapping[int, Roles], removed: Iterable[int]) -> None:
        """Members joined, changed or left."""
        copy, loading = self._copies.get(guild_id), self._loading.get(guild_id)
        gone = list(removed)
        if loading is not None:
            loading.told.update(self._kept(members))
            loading.told.update(dict.fromkeys(gone))
        if copy is not None:
            copy.roles.update(self._kept(members))
            for user_id in gone:
                copy.roles.pop(user_id, None)

    def begin(self, guild_id: int) -> Loading:
        """A guild is going to be read."""
        self._loading[guild_id] = Loading()
        return self._loading[guild_id]

    def finish(self, guild_id: int, loading: Loading, *, generation: int, whole: bool) -> None:
        """A guild was read. Does nothing where it is being read anew already."""
        if self._loading.get(guild_id) is not loading:
            return
        del self._loading[guild_id]
        self._copies.pop(guild_id, None)
        while len(self._copies) >= self._most():
            del self._copies[next(iter(self._copies))]
        self._copies[guild_id] = _Copy(generation, whole, self._kept(loading.result()))
        # Combinations of roles that nobody has any more go with the copies that had them.
        used = {roles for copy in self._copies.values() for roles in copy.roles.values()}
        self._shared = {roles: roles for roles in used}

    def give_up(self, guild_id: int, loading: Loading) -> None:
        """A guild could not be read."""
        if self._loading.get(guild_id) is loading:
            del self._loading[guild_id]

    def forget(self, guild_id: int) -> None:
        """The bot is no longer in a guild."""
        self._copies.pop(guild_id, None)
        self._loading.pop(guild_id, None)

    def _kept(self, members: Mapping[int, Roles]) -> dict[int, Roles]:
        # Few combinations of roles are held by many people: one tuple for each.
        return {user_id: self._shared.setdefault(roles, roles) for user_id, roles in members.items()}
