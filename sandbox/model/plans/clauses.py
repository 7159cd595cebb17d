"""Cutting a request into clauses: each begins with a verb, and "and" joins clauses only where a verb follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.model.plans.words import ARTICLES, FILLERS, Token, table

# Verbs by what they ask for. A verb of two words stands as "set up".
VERBS = table(
    """
    create: create make add build open start set_up setup generate schedule plan post
        i_want we_want i_need we_need i_would_like
    delete: delete remove destroy drop erase clear wipe purge get_rid_of clean_up cancel
    revoke: revoke
    end: end
    rename: rename call
    edit: change edit update set turn mark flag limit
    move: move put bring
    sort: sort reorder order arrange
    clone: clone copy duplicate
    lock: lock
    unlock: unlock
    archive: archive
    unarchive: unarchive reopen
    sync: sync synchronise synchronize
    hide: hide
    show: show reveal
    allow: allow let permit
    give: grant give assign hand
    deny: forbid deny stop
    take: take strip unassign
    nickname: nickname
    notify: notify
    timeout: timeout time_out mute silence
    untimeout: unmute
    kick: kick
    ban: ban
    unban: unban pardon
    prune: prune
    pin: pin
    unpin: unpin
    invite: invite
    block: block filter
    enable: enable
    disable: disable
    restrict: restrict only_let only_allow let_only allow_only
    reset: reset
    close: close
    """
)
_LONGEST = 3
_TRAILING = frozenset(("and", "then", "&", "please", "also", "afterwards", "now", "thanks", "again", "too"))


@dataclass(frozen=True)
class Clause:
    """A verb by what it asks for, the word itself, and the tokens after it."""

    verb: str
    word: str
    rest: tuple[Token, ...]

    @property
    def text(self) -> str:
        """The clause as it was said, for declining it."""
        return " ".join([self.word, *(token.text for token in self.rest)]).strip()


def _verb_at(tokens: Sequence[Token], at: int) -> tuple[str, int] | None:
    for length in range(_LONGEST, 0, -1):
        words = [token.low for token in tokens[at : at + length]]
        if len(words) == length and " ".join(words) in VERBS:
            following = tokens[at + length].low if at + length < len(tokens) else ""
            if words[-1] in ("want", "need", "like") and following in ("to", "you", "it", "them"):
                continue
            return " ".join(words), length
    return None


def clauses(tokens: Sequence[Token]) -> tuple[list[Clause], list[str]]:
    """The clauses of a request, and the parts in front of the first verb that are more than politeness."""
    found: list[Clause] = []
    leftover: list[str] = []
    word, rest = "", list[Token]()
    at, fresh = 0, True

    def close() -> None:
        while rest and (rest[-1].kind == "mark" or rest[-1].low in _TRAILING):
            rest.pop()
        if word:
            found.append(Clause(VERBS[word], word, tuple(rest)))
        elif any(token.low not in FILLERS | ARTICLES and token.kind != "mark" for token in rest):
            leftover.append(" ".join(token.text for token in rest))
        rest.clear()

    while at < len(tokens):
        token = tokens[at]
        verb = _verb_at(tokens, at) if fresh else None
        if verb and not _is_noun_here(tokens, at, verb[0], first=not word):
            close()
            word = verb[0]
            at += verb[1]
            fresh = False
            continue
        if token.low in (";", ".", "!", "?"):
            close()
            word, fresh = "", True
        else:
            rest.append(token)
            fresh = token.low in ("and", "then", ",", "&", "also", "afterwards", "finally") or (
                fresh and token.low in FILLERS
            )
        at += 1
    close()
    return found, leftover


def _is_noun_here(tokens: Sequence[Token], at: int, verb: str, *, first: bool) -> bool:
    """ "and pin, ban and invite rules": after a clause has begun, a verb that nothing follows is no verb."""
    return (
        not first
        and at + len(verb.split()) >= len(tokens)
        and verb in ("pin", "ban", "invite", "post", "order", "show", "copy")
    )
