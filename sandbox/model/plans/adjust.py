"""Clauses that adjust what is there with a word: for whom alone, on or off, back as it was, what it shall be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sandbox.model.plans.clauses import Clause
from sandbox.model.plans.colours import COLOURS
from sandbox.model.plans.drafting import Declined, Draft, by_name, plain, split_at
from sandbox.model.plans.people import members
from sandbox.model.plans.phrases import Phrase, phrase
from sandbox.model.plans.words import Token, singular

_ACT = ("see", "view", "read", "access", "join", "use", "enter", "to", "in")
_AFK_SECONDS = (60, 300, 900, 1800, 3600)
_UNITS = {"s": 1, "m": 60, "h": 3600}


def restrict(clause: Clause, draft: Draft) -> None:
    """ "only let @Raider see #lobby", "restrict #lobby to Raider": a channel for some roles alone."""
    if clause.word == "restrict":
        parts = split_at(clause.rest, "to", "for")
        where, whom = parts or (list(clause.rest), [])
    else:
        at = next((n for n, token in enumerate(clause.rest) if token.low in _ACT), len(clause.rest))
        whom, where = list(clause.rest[:at]), list(clause.rest[at + 1 :])
    seen, place = phrase(whom), phrase([token for token in where if token.low != "in"])
    roles = seen.names or [singular(name) for name in seen.modifiers]
    if not roles:
        raise Declined("it does not say for whom")
    targets = draft.targets(place, "channel")
    view = ["view_channel"]
    draft.add("set_permission", targets=targets, who=by_name("everyone"), kind="role", deny=view)
    draft.add("set_permission", targets=targets, who=by_name(*roles), kind="role", allow=view)


def switch(clause: Clause, draft: Draft) -> None:
    """ "disable the AutoMod rule Spam"."""
    found = phrase(clause.rest)
    if found.noun != "automod":
        raise Declined("only AutoMod rules are switched on and off")
    draft.add("edit_automod", targets=draft.targets(found, "automod"), enabled=clause.verb == "enable")


def reset(clause: Clause, draft: Draft) -> None:
    """ "reset the nickname of @bob"."""
    parts = split_at(clause.rest, "of", "for")
    if phrase(parts[0] if parts else clause.rest).noun != "nickname":
        raise Declined("only nicknames are reset")
    whose = parts[1] if parts else [token for token in clause.rest if token.kind in ("named", "mention")]
    draft.add("set_nickname", members=members(whose, draft))


def clear_permission(clause: Clause, draft: Draft) -> None:
    """ "remove the permissions of Raider in #lobby"."""
    inside = split_at(clause.rest, "in", "on")
    of = split_at(inside[0], "of", "for") if inside else None
    if inside is None or of is None:
        raise Declined("it does not say whose permissions and where")
    whom = phrase(of[1])
    roles = whom.names or whom.modifiers or (["everyone"] if whom.every else [])
    if not roles:
        raise Declined("it does not say whose permissions")
    draft.add("clear_permission", targets=draft.targets(phrase(inside[1]), "channel"), who=by_name(*roles), kind="role")


def sync(clause: Clause, draft: Draft) -> None:
    """ "sync #lobby", "sync the permissions of #lobby with its category"."""
    rest = (split_at(clause.rest, "with", "to") or (list(clause.rest), []))[0]
    of = split_at(rest, "of", "in") if re.match(r"(the )?permissions?\b", plain(rest)) else None
    draft.add("sync_channel", targets=draft.targets(phrase(of[1] if of else rest), "channel"))


def made(clause: Clause, found: Phrase, draft: Draft) -> bool:
    """ "make #lobby nsfw", "make the role Raider blue": says whether it was about something that is there."""
    said, first = plain(clause.rest), clause.rest[0] if clause.rest else None
    if first is None or clause.word != "make":
        return False
    if re.search(r"\b(nsfw|age-restricted)\b", said) and first.text.startswith(("#", "<#")):
        draft.add("edit_channel", targets=draft.targets(phrase(clause.rest[:1]), "channel"), nsfw=True)
        return True
    if said.endswith("system channel") and first.text.startswith(("#", "<#")):
        draft.add("edit_guild", system_channel=first.name)
        return True
    return found.noun == "role" and first.low == "the" and _role_look(clause.rest, draft)


def _role_look(rest: Sequence[Token], draft: Draft) -> bool:
    said = plain(rest)
    colour = next(
        (token for token in rest if token.low in COLOURS or re.fullmatch(r"#[0-9a-fA-F]{6}", token.text)), None
    )
    fields: dict[str, Any] = {
        "colour": COLOURS.get(colour.low, colour.text) if colour else None,
        "hoist": True if re.search(r"\b(hoist\w*|apart|separately)\b", said) else None,
        "mentionable": True if "mentionable" in said else None,
    }
    if not any(fields.values()):
        return False
    look = ("hoist", "hoisted", "mentionable", "shown", "apart", "separately", "and", "be")
    end = next((n for n, token in enumerate(rest) if token is colour or token.low in look), len(rest))
    draft.add("edit_role", targets=draft.targets(phrase(rest[:end]), "role"), **fields)
    return True


def server(said: str, value: str, draft: Draft) -> bool:
    """The server's AFK time and system channel; says whether it was about them."""
    if re.search(r"\bafk\b", said):
        length = re.search(r"(\d{1,4})\s*([smh])", value)
        if length is None:
            raise Declined("it does not say how long")
        wanted = int(length[1]) * _UNITS[length[2]]
        draft.add("edit_guild", afk_timeout_seconds=min(_AFK_SECONDS, key=lambda seconds: abs(seconds - wanted)))
        return True
    if re.search(r"\bsystem channel\b", said) and value:
        draft.add("edit_guild", system_channel=value.lstrip("#"))
        return True
    return False
