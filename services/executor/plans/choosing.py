"""Which things of a guild are meant: by name, by pattern, by what they are; pure.

A name that means several things becomes a question, one that means nothing a problem with what is similar.
"""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.executor.plans.saying import ENGLISH, Text
from services.executor.plans.schema import Select, Targets
from services.executor.plans.snapshot import CATEGORY, KIND_OF, Channel, Member, Named, Role, Snapshot

MAX_CANDIDATES = 25


@dataclass(frozen=True)
class Problem:
    """Something that cannot be done as asked."""

    code: str
    text: str
    """For people; names in it are quoted as data."""
    intent: int = -1
    """Which intent; -1 for the plan as a whole."""


@dataclass(frozen=True)
class Candidate:
    """One of several things that a name may mean."""

    id: str
    label: str


@dataclass(frozen=True)
class Ambiguity:
    """A name that means several things: the person chooses."""

    key: str
    """Under which the choice is remembered."""
    name: str
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True)
class Thing:
    """Something that an operation acts on: it exists, or an earlier operation makes it."""

    id: str
    """A snowflake or a reference."""
    name: str
    type: int = 0
    parent: str = ""
    existing: Channel | Role | Member | Named | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


class Unresolved(Exception):
    """An intent that cannot be compiled; its problem or question has been noted."""


@dataclass
class Choosing:
    """What there is and what the plan makes, to choose from."""

    snapshot: Snapshot
    answers: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    """The choices made for ambiguous names."""
    text: Text = field(default=ENGLISH, kw_only=True)
    """In the language of whoever asked."""
    intent: int = field(default=0, init=False)
    """Which intent of the plan is at hand."""
    problems: list[Problem] = field(default_factory=list, init=False)
    questions: list[Ambiguity] = field(default_factory=list, init=False)
    made: dict[str, list[Thing]] = field(default_factory=dict, init=False)
    """What intents make, by their symbols."""
    fresh: dict[str, list[Thing]] = field(default_factory=dict, init=False)
    """What the plan makes anew, by what it is."""

    def fail(self, code: str, key: str, **values: object) -> Unresolved:
        """Notes a problem of the intent at hand, by its text's key; raise what it gives."""
        said = self.text(f"plan.problem.{key}", **values)
        self.problems.append(Problem(code, said, self.intent))
        return Unresolved(said)

    def makes(self, symbol: str | None, things: Sequence[Thing]) -> None:
        """Remembers what an intent makes."""
        if symbol is not None:
            self.made.setdefault(symbol, []).extend(things)

    def channels(self, targets: Targets, *, what: str = "channel", threads: bool = False) -> list[Thing]:
        """The channels that are meant; never empty. Raises `Unresolved`."""
        if targets.from_ is not None:
            return self._made(targets.from_)
        select = targets.select or Select()
        pool = self.snapshot.threads if threads else self.snapshot.channels
        inside = self._category_of(select)
        existing = [
            channel
            for channel in pool.values()
            if (not select.types or channel.kind in select.types) and (inside is None or channel.parent_id == inside)
        ]
        if select.empty is not None:
            occupied = {channel.parent_id for channel in self.snapshot.channels.values()}
            existing = [c for c in existing if c.type == CATEGORY and (c.id in occupied) != select.empty]
        ordered = sorted(existing, key=lambda channel: (channel.position, channel.id))
        fresh, select = self._new("channel", select, ordered)
        if fresh and not select.names:
            return fresh
        return fresh + [_channel_thing(channel) for channel in self._choose(ordered, select, what)]

    def category(self, targets: Targets) -> list[Thing]:
        """The categories that are meant."""
        if targets.from_ is None and targets.select is not None and not targets.select.types:
            targets = Targets(select=targets.select.model_copy(update={"types": ("category",)}))
        things = self.channels(targets, what="category")
        if any(thing.type != CATEGORY for thing in things):
            raise self.fail("NOT_A_CATEGORY", "not_a_category", name=quoted(things[0].name))
        return things

    def roles(self, targets: Targets, *, everyone: bool = False) -> list[Thing]:
        """The roles that are meant; @everyone only where that makes sense."""
        if targets.from_ is not None:
            return self._made(targets.from_)
        select = targets.select or Select()
        if everyone and [name.lower().lstrip("@") for name in select.names] == ["everyone"]:
            role = self.snapshot.everyone
            return [Thing(str(role.id), "@everyone", existing=role, raw=role.raw)]
        pool = [role for role in self.snapshot.roles.values() if role.id != self.snapshot.guild_id]
        if select.empty is not None:
            held = {role for member in self.snapshot.members.values() for role in member.role_ids}
            pool = [role for role in pool if (role.id not in held) == select.empty]
        pool.sort(key=lambda role: (-role.position, role.id))
        fresh, select = self._new("role", select, pool)
        if fresh and not select.names:
            return fresh
        return fresh + [
            Thing(str(role.id), role.name, existing=role, raw=role.raw) for role in self._choose(pool, select, "role")
        ]

    def members(self, targets: Targets) -> list[Thing]:
        """The members that are meant."""
        if targets.from_ is not None:
            raise self.fail("NOT_MEMBERS", "makes_no_members")
        select = targets.select or Select()
        pool = sorted(self.snapshot.members.values(), key=lambda member: member.user_id)
        if select.bots is not None:
            pool = [member for member in pool if member.bot == select.bots]
        wanted = select.with_role
        if wanted is not None and wanted.lower().lstrip("@") != "everyone":
            role_id = self._role_id(wanted)
            pool = [member for member in pool if role_id in member.role_ids]
        if select.without_role is not None:
            role_id = self._role_id(select.without_role)
            pool = [member for member in pool if role_id not in member.role_ids]
        chosen = self._choose(pool, select, "member")
        return [Thing(str(member.user_id), member.name, existing=member, raw=member.raw) for member in chosen]

    def named(self, targets: Targets, pool: Mapping[Any, Named], what: str) -> list[Thing]:
        """Emoji, events, rules: anything that has a name."""
        if targets.from_ is not None:
            return self._made(targets.from_)
        chosen = self._choose(sorted(pool.values(), key=lambda one: one.id), targets.select or Select(), what)
        return [Thing(str(one.id), one.name, existing=one, raw=one.raw) for one in chosen]

    def _new(self, what: str, select: Select, pool: Sequence[Any]) -> tuple[list[Thing], Select]:
        """What a name means that only this plan makes, and the rest of the choice."""
        existing = {name for one in pool for name in _names_of(one)}
        found, others = [], []
        for name in select.names:
            new = [
                thing
                for thing in self.fresh.get(what, ())
                if plain(thing.name) == plain(name)
                and (not select.types or KIND_OF.get(thing.type) in select.types)
                and plain(name) not in existing
            ]
            found += new[:1]
            others += [] if new else [name]
        return found, select.model_copy(update={"names": tuple(others)})

    def _made(self, symbol: str) -> list[Thing]:
        things = self.made.get(symbol)
        if not things:
            raise self.fail("NOTHING_MADE", "nothing_made", name=quoted(symbol))
        return list(things)

    def _role_id(self, name: str) -> int:
        return int(self.roles(Targets(select=Select(names=(name,))))[0].id)

    def _category_of(self, select: Select) -> int | None:
        if select.category is None:
            return None
        wanted = Targets(select=Select(names=(select.category,), types=("category",)))
        return int(self.channels(wanted, what="category")[0].id)

    def _choose(self, pool: Sequence[Any], select: Select, what: str) -> list[Any]:
        chosen = list(pool)
        narrowed = bool(select.types or select.category or select.with_role or select.without_role)
        narrowed = narrowed or select.bots is not None or select.empty is not None
        if select.names:
            chosen = []
            for name in select.names:
                chosen += [one for one in self._by_name(pool, name, what) if one not in chosen]
        elif not (select.name_glob or select.contains or select.all or narrowed):
            raise self.fail("NOTHING_CHOSEN", "nothing_chosen", what=self._thing(what))
        if select.name_glob:
            pattern = plain(select.name_glob)
            chosen = [one for one in chosen if fnmatch.fnmatchcase(plain(one.name), pattern)]
        if select.contains:
            chosen = [one for one in chosen if plain(select.contains) in plain(one.name)]
        left_out = {plain(name) for name in select.exclude}
        chosen = [one for one in chosen if plain(one.name) not in left_out and str(one.id) not in left_out]
        if not chosen:
            raise self.fail("NOT_FOUND", "none_matches", what=self._thing(what))
        return chosen

    def _by_name(self, pool: Sequence[Any], name: str, what: str) -> list[Any]:
        found = [one for one in pool if plain(name) in _names_of(one)]
        if not found:
            # A person may write `My Channel` for what Discord calls `my-channel`.
            found = [one for one in pool if plain(name).replace(" ", "-") in _names_of(one)]
        if len(found) <= 1:
            if not found:
                similar = self._similar(pool, name)
                raise self.fail("NOT_FOUND", "not_found", what=self._thing(what), name=quoted(name), similar=similar)
            return found
        key = f"{what}:{plain(name)}"
        answer = self.answers.get(key)
        if answer is not None:
            found = [one for one in found if str(one.id) == answer]
            if not found:
                raise self.fail("NOT_FOUND", "choice_gone", name=quoted(name))
            return found
        candidates = tuple(Candidate(str(one.id), self._described(one)) for one in found[:MAX_CANDIDATES])
        if all(question.key != key for question in self.questions):
            self.questions.append(Ambiguity(key, name, candidates))
        raise Unresolved(f"{name} is ambiguous")

    def _similar(self, pool: Sequence[Any], name: str) -> str:
        close = difflib.get_close_matches(plain(name), [plain(one.name) for one in pool], n=3)
        return self.text("plan.problem.similar", names=", ".join(map(quoted, close))) if close else ""

    def _thing(self, what: str) -> str:
        return self.text(f"plan.thing.{what}")

    def _described(self, one: Any) -> str:
        if isinstance(one, Channel):
            parent = self.snapshot.channels.get(one.parent_id)
            return f"{one.name} ({one.kind}{f' in {parent.name}' if parent else ''})"[:100]
        if isinstance(one, Member):
            return f"{one.name} ({one.username})"[:100]
        if isinstance(one, Role):
            return f"{one.name} (position {one.position})"[:100]
        return f"{one.name} ({one.id})"[:100]


def _channel_thing(channel: Channel) -> Thing:
    parent = str(channel.parent_id) if channel.parent_id else ""
    return Thing(str(channel.id), channel.name, channel.type, parent, existing=channel, raw=channel.raw)


def _names_of(one: Any) -> set[str]:
    if isinstance(one, Member):
        given = {one.username, one.global_name, one.nickname, str(one.user_id)}
        return {plain(name) for name in given if name}
    return {plain(one.name), str(one.id)}


def plain(name: str) -> str:
    """A name for comparing: without # or @, mention marks and case."""
    return name.strip().lstrip("#@").strip("<>!&@#").casefold()


def quoted(name: str) -> str:
    """A name inside a sentence, marked as somebody's text."""
    return f"“{name[:100]}”"
