"""Clauses about people and what they may do: roles, nicknames, time-outs, bans, permissions, pins."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sandbox.model.plans.clauses import Clause
from sandbox.model.plans.drafting import Declined, Draft, by_name, plain, split_at, text_of
from sandbox.model.plans.phrases import Phrase, names, phrase
from sandbox.model.plans.words import ALL, ARTICLES, NOUNS, PRONOUNS, Token, singular, table

_ACTS = (
    (r"\b(see|view|read|access|look)\b", "view_channel"),
    (r"\b(write|post|send|talk|chat|type)\b", "send_messages"),
    (r"\b(react|reactions)\b", "add_reactions"),
    (r"\b(attach|upload)\b", "attach_files"),
    (r"\b(join|connect)\b", "connect"),
    (r"\b(speak)\b", "speak"),
    (r"\bthreads?\b", "create_public_threads"),
    (r"\bmanage messages\b", "manage_messages"),
    (r"\blinks?\b", "embed_links"),
    (r"\bmention everyone\b", "mention_everyone"),
)
_ENDING = frozenset(("for", "because", "from", "in", "again"))
_GROUPS = frozenset(("everyone", "everybody", "members", "people", "users", "bots", "persons", "anyone", "who"))
_UNITS = {"s": 1 / 60, "m": 1, "h": 60, "d": 1440, "w": 10_080}
_BARE_ACT = frozenset(
    table("""act: see view read access write post send talk chat type react join connect speak attach upload use from to
        manage add embed mention""")
)


def members(tokens: Sequence[Token], draft: Draft) -> dict[str, Any]:
    """Whom a phrase means: people by name, or by what they have."""
    listed = _people(tokens)
    if listed:
        draft.acted = ("member", by_name(*listed))
        return by_name(*listed)
    found = phrase(tokens, until=("for", "because", "from", "in"))
    if found.every and not found.said:
        return {"select": {"all": True}}
    return draft.targets(found, "member")


def _people(tokens: Sequence[Token]) -> list[str]:
    """Names said one by one, "member and crafter"; empty where the phrase is of another kind.

    A noun in the singular without an article is a name: "time out member".
    """
    found: list[str] = []
    joined = True
    for token in tokens:
        if token.low in _ENDING or token.kind == "mark":
            if token.low == ",":
                joined = True
                continue
            break
        if token.low in ("and", "&"):
            joined = True
        elif not joined or token.low in ARTICLES | ALL | PRONOUNS | _GROUPS:
            return []
        else:
            found.append(token.name)
            joined = False
    return found


def _role(tokens: Sequence[Token], draft: Draft) -> dict[str, Any]:
    found = phrase(tokens)
    if found.pronoun and not found.said:
        return draft.meant("role")[1]
    wanted = found.names or found.modifiers
    if not wanted:
        raise Declined("it does not say which role")
    return by_name(*wanted)


def give(clause: Clause, draft: Draft) -> None:
    """ "give everyone with @Raider the role @Veteran", "assign Veteran to @bob"."""
    rest = list(clause.rest)
    parts = split_at(rest, "to")
    if parts is not None:
        draft.add("give_role", members=members(parts[1], draft), role=_role(parts[0], draft))
        return
    at = _role_begins(rest)
    if at is None:
        raise Declined("it does not say which role")
    draft.add("give_role", members=members(rest[:at], draft), role=_role(rest[at:], draft))


def _role_begins(rest: Sequence[Token]) -> int | None:
    """Where, in "everyone with @Raider the role @Veteran", the role begins that is given."""
    for at in range(len(rest) - 1, 0, -1):
        if (
            rest[at].low in ARTICLES
            and rest[at - 1].low not in ("with", "without", "has", "have")
            and any(NOUNS.get(t.low) == "role" for t in rest[at:])
        ):
            return at
    named = [at for at, token in enumerate(rest) if token.kind in ("named", "mention", "quoted")]
    if len(named) > 1 or (named and named[-1] > 0):
        return named[-1]
    return len(rest) - 1 if len(rest) > 1 else None


def take(clause: Clause, draft: Draft) -> None:
    """ "take @Veteran from everyone"."""
    parts = split_at(clause.rest, "from", "off")
    if parts is None:
        raise Declined("it does not say from whom")
    parts = ([token for token in parts[0] if token.low != "away"], parts[1])
    role = _role(parts[0], draft)
    if re.search(r"\b(has|have|holds?|with) (it|them|this|that)\b", plain(parts[1])) and "select" in role:
        whom: dict[str, Any] = {"select": {"with_role": role["select"]["names"][0]}}
    else:
        whom = members(parts[1], draft)
    draft.add("take_role", role=role, members=whom)


def nickname(clause: Clause, draft: Draft) -> None:
    """ "nickname @bob Bobby"."""
    if len(clause.rest) < 2:
        raise Declined("it does not say which nickname")
    draft.add(
        "set_nickname", members=members(clause.rest[:1], draft), nickname=text_of(clause.rest[1:]).removeprefix("to ")
    )


def timeout(clause: Clause, draft: Draft) -> None:
    """ "time out @bob for 10 minutes"."""
    parts = split_at(clause.rest, "for")
    length = re.search(r"(\d{1,5}|an?)\s*(s|m|h|d|w)", plain(parts[1])) if parts else None
    minutes = 10
    if length:
        minutes = max(1, round((1 if length[1].startswith("a") else int(length[1])) * _UNITS[length[2]]))
    draft.add("timeout", members=members(parts[0] if parts else clause.rest, draft), minutes=min(minutes, 40_320))


def untimeout(clause: Clause, draft: Draft) -> None:
    """Ends time-outs."""
    draft.add("timeout", members=members(clause.rest, draft), minutes=0)


def kick(clause: Clause, draft: Draft) -> None:
    """Removes members."""
    draft.add("kick", members=members(clause.rest, draft))


def ban(clause: Clause, draft: Draft) -> None:
    """Bans members; "and delete their messages of 3 days" where said."""
    days = re.search(r"(\d) days? of|messages? (?:of|from) (?:the last )?(\d)", plain(clause.rest))
    draft.add("ban", members=members(clause.rest, draft), delete_message_days=int(days[1] or days[2]) if days else 0)


def delete_theirs(said: str, draft: Draft) -> bool:
    """ "… and delete their messages of the last 2 days": belongs to the ban before it; says whether it did."""
    days = re.search(r"\b(?:their|his|her) messages?\b(?:.*?\b(\d)\b)?", said)
    if days is None or not draft.intents or draft.intents[-1]["op"] != "ban":
        return False
    draft.intents[-1]["delete_message_days"] = min(7, int(days[1] or 1))
    return True


def unban(clause: Clause, draft: Draft) -> None:
    """Ends bans."""
    found, _ = names(clause.rest, 0)
    if not found:
        raise Declined("it does not say whom")
    draft.add("unban", users=found)


def prune(clause: Clause, draft: Draft) -> None:
    """ "prune members who were inactive for 14 days"."""
    days = re.search(r"(\d{1,2}) days?", plain(clause.rest))
    draft.add("prune", days=min(30, int(days[1])) if days else 30)


def pin(clause: Clause, draft: Draft) -> None:
    """Pins the newest message of a channel, or the newest with a text; or unpins."""
    where = split_at(clause.rest, "in", "of", "from")
    contains = split_at(clause.rest, "containing", "saying", "with")
    place = phrase(where[1], until=("containing", "saying", "with")) if where else phrase(clause.rest)
    draft.add(
        "pin_messages",
        targets=draft.targets(place, "channel"),
        contains=text_of(contains[1][:6]) if contains else None,
        unpin=True if clause.verb == "unpin" else None,
    )


def permission(clause: Clause, draft: Draft) -> None:
    """ "let @Raider see #raids", "stop everyone from writing in #news", "hide #staff from @Member"."""
    rest = list(clause.rest)
    allow = clause.verb in ("allow", "show")
    if clause.verb in ("hide", "show"):
        parts = split_at(rest, "from", "to")
        channel, who = phrase(parts[0] if parts else rest), phrase(parts[1]) if parts else Phrase(every=True)
        granted = ["view_channel"]
    else:
        said = plain(rest)
        granted = [name for pattern, name in _ACTS if re.search(_with_endings(pattern), said)]
        named = [at for at, token in enumerate(rest) if token.text.startswith(("#", "<#"))]
        place = split_at(rest, "in") if not named else (rest[: named[0]], rest[named[0] :])
        if granted and place is None and any(NOUNS.get(token.low) == "role" for token in rest):
            # "allow the role Raider to attach files": everywhere, so it is the role that changes.
            parts = split_at(rest, "to", "from")
            draft.add(
                "edit_role",
                targets=_role(parts[0] if parts else rest, draft),
                **{"grant" if allow else "revoke": granted},
            )
            return
        if not granted or place is None or not rest:
            raise Declined("it does not say who may do what and where")
        inside = [token for token in place[1] if token.low not in _BARE_ACT]
        channel = phrase(inside)
        at = next((n for n, token in enumerate(rest) if _bare(token.low) in _BARE_ACT), len(rest))
        who = phrase(rest[:at])
    # "let Raiders write": who does something is said in the plural, and called in the singular.
    roles = who.names or [singular(name) for name in who.modifiers]
    target = by_name(*roles) if roles else by_name("everyone")
    draft.add(
        "set_permission",
        targets=draft.targets(channel, "channel"),
        who=target,
        kind="role",
        **{"allow" if allow else "deny": granted},
    )


def _bare(word: str) -> str:
    return re.sub(r"(t?ing|e?s)$", "", word) if word.endswith(("ing", "s")) and len(word) > 4 else word


def _with_endings(pattern: str) -> str:
    return pattern.replace(r")\b", r")(?:s|ing|ting)?\b").replace("write", "writ(?:e)?")
