"""Noun phrases: "all empty voice channels in the Gaming category except lounge", "everyone with @Raider", "them".

One module: a phrase is read by rules that call one another.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.model.plans.words import ALL, ARTICLES, FILLERS, KINDS, NOUNS, PRONOUNS, Token, number, table

_NAMED_AFTER = frozenset(("channel", "role", "thread", "event", "emoji", "webhook"))
_NAMED = frozenset(("called", "named", "titled", "name"))
_INSIDE = frozenset(("in", "inside", "under", "within", "into", "from", "of"))
_EXCEPT = frozenset(("except", "excluding", "besides", "but", "without"))
_STARTING = frozenset(("start", "starts", "starting", "begin", "begins", "beginning", "prefixed"))
_ENDING = frozenset(("end", "ends", "ending"))
_CONTAINING = frozenset(("contain", "contains", "containing", "including"))
# Words after which another part of the clause begins, so that a name ends there.
STOPS = frozenset(
    table(
        """
        stop: and or with without in inside into under within to from except excluding for called named that which who
            whose starting beginning ending containing by so on as of at but besides having where via until using
        """
    )
)


@dataclass
class Phrase:
    """What a noun phrase says. `noun` is one of the grammar's, `kind` a kind of channel, `names` what it names."""

    noun: str = ""
    kind: str = ""
    count: int | None = None
    every: bool = False
    plural: bool = False
    pronoun: bool = False
    empty: bool = False
    bots: bool | None = None
    names: list[str] = field(default_factory=list)
    modifiers: list[str] = field(default_factory=list)
    glob: str = ""
    contains: str = ""
    category: str = ""
    with_role: str = ""
    without_role: str = ""
    exclude: list[str] = field(default_factory=list)
    read_only: bool = False
    private: bool = False
    used: int = 0

    @property
    def said(self) -> bool:
        """Whether it names anything at all."""
        return bool(
            self.names or self.modifiers or self.glob or self.contains or self.category or self.every
            or self.with_role or self.without_role or self.empty or self.bots is not None
        )  # fmt: skip


def names(tokens: Sequence[Token], at: int) -> tuple[list[str], int]:
    """A list of names from a place on: marked or quoted ones one by one, bare words up to where another part begins."""
    found: list[str] = []
    bare: list[str] = []

    def flush() -> None:
        if bare:
            found.append(" ".join(bare))
            bare.clear()

    start = at
    while at < len(tokens):
        token = tokens[at]
        if token.kind in ("quoted", "named", "mention", "colour"):
            flush()
            found.append(token.name)
        elif token.low in (",", "and", "&", "or"):
            if not _may_be_name(tokens, at + 1) or (not found and not bare):
                break
            flush()
        elif token.kind == "mark" or token.low in STOPS or (token.low in NOUNS and bare):
            break
        elif token.low in ARTICLES and not bare:
            pass
        else:
            bare.append(token.text)
        at += 1
    flush()
    return found, at if found else start


def _may_be_name(tokens: Sequence[Token], at: int) -> bool:
    """Whether a list of names goes on: not where a phrase of its own begins ("and two voice channels")."""
    if at >= len(tokens):
        return False
    token = tokens[at]
    if token.kind in ("quoted", "named", "mention"):
        return True
    if token.kind != "word" or token.low in STOPS or token.low in PRONOUNS | ARTICLES | ALL:
        return False
    following = tokens[at + 1].low if at + 1 < len(tokens) else ""
    begins = token.low in KINDS or number(token) is not None
    return not (begins and (following in NOUNS or following in KINDS))


def phrase(tokens: Sequence[Token], at: int = 0, *, until: Collection[str] = ()) -> Phrase:  # noqa: PLR0912, PLR0915 - one rule a branch
    """The noun phrase that begins at a place; `until` are words that end it. `used` is where it ended."""
    result = Phrase()
    loose: list[str] = []
    start, listed = at, False
    while at < len(tokens):
        token = tokens[at]
        low = token.low
        if low in until:
            break
        if low == "," and at + 1 < len(tokens) and tokens[at + 1].low in _EXCEPT:
            at += 1
            continue
        if low in (",", "and", "&", "or"):
            more, end = names(tokens, at + 1)
            bare = not result.noun and not (end < len(tokens) and tokens[end].low in NOUNS)
            if (listed or bare) and loose and more and _may_be_name(tokens, at + 1):
                # "the channels alpha, beta and gamma", "test-a and test-b": these are names.
                result.names += [" ".join(loose), *more]
                loose, at = [], end
                continue
            named = at + 1 < len(tokens) and (tokens[at + 1].kind in ("named", "quoted", "mention"))
            if not named or not (result.names or loose) or not more:
                break
            result.names += more
            at = end
            continue
        if token.kind == "mark":
            break
        if low in ALL:
            result.every = True
        elif low in PRONOUNS and not result.noun and not loose and _ends(tokens, at + 1, until):
            result.pronoun = True
        elif low in ARTICLES or (low in FILLERS and not loose):
            pass
        elif token.kind in ("quoted", "named", "mention"):
            result.names.append(token.name)
        elif (value := number(token)) is not None and not result.noun and not loose:
            result.count = value
        elif low in ("read-only", "readonly"):
            result.read_only = True
        elif low in ("private", "hidden", "secret"):
            result.private = True
        elif low in ("empty", "unused"):
            result.empty = True
        elif low in NOUNS and (not result.noun or result.noun == NOUNS[low]) and not _closes_name(tokens, at):
            result.noun, result.plural = (
                NOUNS[low],
                result.plural or low.endswith("s") or low in ("everyone", "everybody", "people"),
            )
            result.kind = KINDS.get(low, result.kind) if result.kind in ("", "text") else result.kind
            result.every = result.every or low in ("everyone", "everybody")
            result.bots = True if low == "bots" else result.bots
        elif low == "name" and at + 1 < len(tokens) and tokens[at + 1].low in _STARTING | _ENDING | _CONTAINING:
            pass
        elif low in KINDS and at + 1 < len(tokens) and (tokens[at + 1].low in NOUNS or tokens[at + 1].low in KINDS):
            result.kind = KINDS[low]
        elif low in _NAMED:
            found, end = names(tokens, at + 1)
            result.names += found
            at = max(end, at + 1)
            continue
        elif low in _EXCEPT and not (low == "without" and _role_ahead(tokens, at)):
            found, end = names(tokens, at + 1)
            if not found:
                break
            result.exclude += found
            at = end
            continue
        elif low in ("that", "which", "who", "whose", "having", "name", "are", "is", "have", "has") and (
            result.noun or loose
        ):
            pass
        elif low in _STARTING | _ENDING | _CONTAINING:
            skip = at + 1 + (at + 1 < len(tokens) and tokens[at + 1].low in ("with", "in"))
            found, end = names(tokens, skip)
            if found:
                text = found[0].rstrip("*")
                if low in _CONTAINING:
                    result.contains = text
                else:
                    result.glob = f"{text}*" if low in _STARTING else f"*{text}"
            at = max(end, at + 1)
            continue
        elif low in ("with", "without", "lacking") and _role_ahead(tokens, at):
            at += 1
            while at < len(tokens) and (tokens[at].low in ARTICLES or NOUNS.get(tokens[at].low) == "role"):
                at += 1
            found, end = names(tokens, at)
            role = found[0] if found else "everyone"
            if low == "with":
                result.with_role = role
            else:
                result.without_role = role
            at = end
            while at < len(tokens) and NOUNS.get(tokens[at].low) == "role":
                at += 1
            continue
        elif low in _INSIDE and (result.noun or result.names or loose):
            inside = phrase(tokens, at + 1, until={*until, *_NAMED})
            wanted = (inside.names or inside.modifiers)[:1]
            if not wanted or (inside.noun not in ("", "channel") and low != "of"):
                break
            result.category = wanted[0]
            at = inside.used
            continue
        elif low in STOPS:
            break
        else:
            listed = listed or (bool(result.noun) and not loose)
            loose.append(token.text)
        at += 1
    if listed and loose and result.noun in _NAMED_AFTER and not result.names:
        # "the category Hall": a word after the noun is a name, one before it ("test channels") tells which are meant.
        result.names, loose = [" ".join(loose)], []
    if any(sign in word for word in loose for sign in "*?") and not result.glob:
        result.glob = next(word for word in loose if "*" in word or "?" in word)
        loose = [word for word in loose if word != result.glob]
    if result.count is not None and not result.noun and not loose and not result.names and at == start + 1:
        loose = [tokens[start].text]  # a thing may be called "one"
    result.modifiers = [" ".join(loose)] if loose else []
    result.used = max(at, start)
    return result


def _ends(tokens: Sequence[Token], at: int, until: Collection[str]) -> bool:
    return (
        at >= len(tokens)
        or tokens[at].kind == "mark"
        or tokens[at].low in STOPS
        or tokens[at].low in until
        or tokens[at].low in ("all", "again", "too")
    )


def _closes_name(tokens: Sequence[Token], at: int) -> bool:
    """Whether the word is a part of a name: "announcements channel" has a kind, "rules channel" a name."""
    return (
        at + 1 < len(tokens)
        and NOUNS.get(tokens[at + 1].low) in ("channel", "role")
        and tokens[at].low not in ("category", "categories", "forum", "forums")
        and NOUNS[tokens[at].low] != NOUNS.get(tokens[at + 1].low)
    )


def _role_ahead(tokens: Sequence[Token], at: int) -> bool:
    """Whether "with" is followed by a role: @Raider, "the role X", "the X role"."""
    after = tokens[at + 1 : at + 6]
    if not after:
        return False
    first = next((t for t in after if t.low not in ARTICLES), after[0])
    if first.kind in ("named", "mention"):
        return not first.text.startswith("#") and not first.text.startswith("<#")
    for token in after:
        if token.low in STOPS - {"the"} or token.kind == "mark":
            return False
        if NOUNS.get(token.low) == "role":
            return True
    return False


def selector(found: Phrase) -> dict[str, Any]:
    """The choice among existing things that a phrase makes.

    Bare words before a noun are a name ("the rules channel"), for several things the beginning of their names ("all
    test channels").
    """
    named, glob = list(found.names), found.glob
    if found.modifiers and not named:
        if found.plural and found.noun in ("channel", "role", "thread", "event"):
            glob = glob or f"{found.modifiers[0].rstrip('*')}*"
        else:
            named = found.modifiers
    choice: dict[str, Any] = {
        "names": named,
        "name_glob": glob,
        "contains": found.contains,
        "types": [found.kind] if found.kind and found.noun == "channel" else [],
        "category": found.category,
        "with_role": found.with_role,
        "without_role": found.without_role,
        "empty": found.empty,
        "exclude": found.exclude,
    }
    select = {key: value for key, value in choice.items() if value}
    if found.bots is not None:
        select["bots"] = found.bots
    if found.every and not {"names", "name_glob", "contains", "with_role", "without_role", "category"} & set(select):
        select["all"] = True
    return select
