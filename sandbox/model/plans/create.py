"""Clauses that make something: channels, categories with what is in them, roles, threads, invites, events, rules.

One module: a short function for each verb, and what they say alike is read by the same helpers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sandbox.model.plans import adjust
from sandbox.model.plans.clauses import Clause
from sandbox.model.plans.colours import COLOURS
from sandbox.model.plans.drafting import Declined, Draft, by_name, plain, split_at, text_of
from sandbox.model.plans.phrases import Phrase, names, phrase
from sandbox.model.plans.words import Token

_MOST = 200
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[t ]\d\d:\d\d(?::\d\d)?)?(?:z|[+-]\d\d:?\d\d)?", re.I)
_EVENT_HOURS = 2


def create(clause: Clause, draft: Draft) -> None:
    """Makes what the clause says."""
    found = phrase(clause.rest)
    if adjust.made(clause, found, draft):
        return
    if found.noun == "" and found.kind:
        found.noun = "channel"
    if (
        found.names
        and (found.read_only or found.private)
        and found.noun in ("", "channel")
        and not found.kind
        and not found.count
    ):
        _restrict(found, list(clause.rest[found.used :]), draft)
        return
    maker = _MAKERS.get(found.noun)
    if maker is None:
        raise Declined("it does not say what to make")
    maker(clause, found, list(clause.rest[found.used :]), draft)


def _channels(clause: Clause, found: Phrase, rest: list[Token], draft: Draft) -> None:
    kind = found.kind or "text"
    rest = _ranged(found, rest)
    category = None
    if kind != "category":
        category = by_name(found.category) if found.category else _place(rest, draft)
    fields: dict[str, Any] = {
        "type": kind,
        "category": category,
        **_details(rest, draft),
    }
    if found.read_only:
        fields["overwrites"] = [_read_only()]
    if found.private and "private_to" not in fields:
        parts = split_at(rest, "for", "to")
        seen = phrase(parts[1]) if parts else Phrase()
        if seen.names or seen.modifiers:
            fields["private_to"] = by_name(*(seen.names or seen.modifiers))
        else:
            fields["overwrites"] = [_hidden()]
    if found.contains or found.exclude:
        raise Declined("a new channel cannot be chosen by a condition")
    _make(found, kind, fields, draft)
    if kind == "category":
        parent = draft.name_last("category")
        _children(rest, parent, draft)
    else:
        draft.name_last("channel")


def _ranged(found: Phrase, rest: list[Token]) -> list[Token]:
    """ "named Squad 1 to Squad 5" names five; gives what follows."""
    if len(found.names) != 1 or not rest or rest[0].low != "to":
        return rest
    first = re.fullmatch(r"(.*?)(\d{1,3})", found.names[0])
    for end in range(2, min(len(rest), 6) + 1):
        last = re.fullmatch(r"(.*?)(\d{1,3})", text_of(rest[1:end]))
        if first and last and last[1] in ("", first[1]) and 0 < int(last[2]) - int(first[2]) < _MOST:
            found.names = [f"{first[1]}{number}" for number in range(int(first[2]), int(last[2]) + 1)]
            return rest[end:]
    return rest


def _restrict(found: Phrase, rest: list[Token], draft: Draft) -> None:
    """ "make #general read-only", "make #staff private"."""
    targets = draft.targets(found, "channel")
    if found.read_only:
        draft.add("lock_channel", targets=targets)
    else:
        draft.add("set_permission", targets=targets, who=by_name("everyone"), kind="role", deny=["view_channel"])
        parts = split_at(rest, "for", "to")
        seen = phrase(parts[1]) if parts else Phrase()
        if seen.names or seen.modifiers:
            who = by_name(*(seen.names or seen.modifiers))
            draft.add("set_permission", targets=targets, who=who, kind="role", allow=["view_channel"])


def _make(found: Phrase, kind: str, fields: dict[str, Any], draft: Draft) -> None:
    count = found.count or 1
    if count > _MOST:
        raise Declined(f"at most {_MOST} at once")
    base = found.modifiers[0] if found.modifiers else ""
    if len(found.names) > 1:
        draft.add("create_channel", name=found.names[0], names=found.names, repeat=1, **fields)
    elif found.names or base:
        name = found.names[0] if found.names else _tidy(base, kind)
        if count > 1:
            name = name if "{i}" in name else f"{name}-{{i}}"
        draft.add("create_channel", name=name, repeat=count, **fields)
    else:
        count = found.count or (2 if found.plural else 1)
        default = {"voice": "Voice", "category": "New category", "stage": "Stage", "forum": "forum"}.get(kind, "chat")
        joint = " " if default[0].isupper() else "-"
        draft.add(
            "create_channel",
            name=f"{default}{joint}{{i}}" if count > 1 else default,
            repeat=count,
            **fields,
        )


def _tidy(name: str, kind: str) -> str:
    return name if kind in ("category", "voice", "stage") else name.lower().replace(" ", "-")


def _children(rest: Sequence[Token], parent: str, draft: Draft) -> None:
    """ "with voice channels", "with a text channel called plans and two voice channels"."""
    parts = split_at(rest, "with", "containing", "including", "having")
    while parts is not None:
        after = parts[1]
        found = phrase(after)
        if found.noun not in ("channel", "") or (not found.noun and not found.names) or found.kind == "category":
            return
        following = after[found.used :]
        _make(found, found.kind or "text", {"type": found.kind or "text", "category": {"from": parent}}, draft)
        if not following or following[0].low not in ("and", ",", "&", "plus"):
            return
        parts = ([], list(following[1:]))


def _place(rest: Sequence[Token], draft: Draft) -> dict[str, Any] | None:
    parts = split_at(rest, "in", "inside", "under", "within", "into")
    if parts is None:
        parts = split_at(rest, "to")
        if parts is None:
            return None
    inside = phrase(parts[1])
    if inside.pronoun:
        return draft.meant("channel")[1]
    wanted = inside.names or inside.modifiers
    return by_name(wanted[0]) if wanted and inside.noun in ("", "channel") else None


def _details(rest: Sequence[Token], draft: Draft) -> dict[str, Any]:
    """What follows the name: topic, slow mode, limit, tags, for whom."""
    fields: dict[str, Any] = {}
    said = plain(rest)
    if match := re.search(
        r"\blimit(?:ed)?(?: of| to)? (\d{1,2})\b|\bfor (\d{1,2}) (?:people|members|users|persons)\b", said
    ):
        fields["user_limit"] = int(match[1] or match[2])
    if match := re.search(r"\bslow ?mode (?:of )?(\d{1,5})", said):
        fields["slowmode_seconds"] = int(match[1])
    for at, token in enumerate(rest):
        if token.low == "topic":
            text = text_of(rest[at + 1 :])
            fields["topic"] = re.split(r"\s+(?:in|under|for)\s+the\s", text)[0].removeprefix(": ") or None
        if token.low in ("tags", "tag") and (found := names(rest, at + 1)[0]):
            fields["tags"] = found
    if re.search(r"\b(read-only|readonly)\b|\bnobody can (write|post)", said):
        fields["overwrites"] = [_read_only()]
    audience = re.search(r"\b(?:only|visible|private|reserved)\b", said)
    parts = split_at(rest, "for", "to", "by")
    if audience and parts is not None and (seen := phrase(parts[1]).names or phrase(parts[1]).modifiers):
        fields["private_to"] = by_name(*seen)
    return fields


def _read_only() -> dict[str, Any]:
    return {"who": by_name("everyone"), "kind": "role", "deny": ["send_messages", "create_public_threads"]}


def _hidden() -> dict[str, Any]:
    return {"who": by_name("everyone"), "kind": "role", "deny": ["view_channel"]}


def _roles(clause: Clause, found: Phrase, rest: list[Token], draft: Draft) -> None:
    colour = next((t.text for t in clause.rest if re.fullmatch(r"#[0-9a-fA-F]{6}", t.text)), None)
    named = [name for name in found.names if not (colour and name in colour)]
    words = (found.modifiers[0].split() if found.modifiers else []) if not named else []
    spoken = {word.casefold() for name in named for word in name.split()}
    for word in [*words, *(t.low for t in clause.rest if t.low not in spoken)]:
        if colour is None and word.lower() in COLOURS:
            colour = COLOURS[word.lower()]
            words = [w for w in words if w.lower() != word.lower()]
    name = named[0] if named else " ".join(words).strip() or "New role"
    said = plain(clause.rest)
    count = found.count if found.count and found.count > 1 and len(named) < 2 else None
    draft.add(
        "create_role",
        name=f"{name}-{{i}}" if count and "{i}" not in name else name,
        names=named if len(named) > 1 else None,
        repeat=count or 1,
        colour=colour,
        hoist=True if re.search(r"\b(hoist\w*|apart|separately)\b", said) else None,
        mentionable=True if "mentionable" in said else None,
    )
    draft.name_last("role")


def _thread(clause: Clause, found: Phrase, rest: list[Token], draft: Draft) -> None:
    place = _place(rest, draft) or (by_name(found.category) if found.category else None)
    name = (found.names or found.modifiers or [""])[0]
    if place is None or not name:
        raise Declined("a thread needs a name and a channel")
    message = split_at(clause.rest, "saying", "message", "text", "begins", "starts", "beginning", "starting")
    if message and message[1] and message[1][0].low in ("with", "is", ":"):
        message = (message[0], message[1][1:])
    draft.add(
        "create_thread",
        channel=place,
        name=name,
        message=text_of(message[1]) if message else None,
        private=found.private or None,
    )
    draft.name_last("thread")


def _invite(clause: Clause, found: Phrase, rest: list[Token], draft: Draft) -> None:
    parts = split_at(clause.rest, "to", "for", "in", "into", "of")
    where = phrase(parts[1]) if parts else found
    wanted = where.names or where.modifiers or ([found.category] if found.category else [])
    if not wanted:
        raise Declined("an invite needs a channel")
    said = plain(clause.rest)
    hours = re.search(r"(\d{1,3}) (hour|day)", said)
    uses = re.search(r"(\d{1,3}) (?:use|time|people)", said)
    age = int(hours[1]) * (24 if hours[2] == "day" else 1) if hours else None
    draft.add(
        "create_invite",
        channel=by_name(wanted[0]),
        max_age_hours=min(age, 168) if age else 24,
        max_uses=int(uses[1]) if uses else 0,
    )
    draft.name_last("invite")


def _webhook(clause: Clause, found: Phrase, rest: list[Token], draft: Draft) -> None:
    place = by_name(found.category) if found.category else _place(rest, draft)
    if place is None:
        raise Declined("a webhook needs a channel")
    draft.add("create_webhook", channel=place, name=(found.names or found.modifiers or ["Webhook"])[0])
    draft.name_last("webhook")


def _event(clause: Clause, found: Phrase, rest: list[Token], draft: Draft) -> None:
    when = _TIME.search(plain(clause.rest))
    if when is None:
        draft.question = "When shall the event begin? Give a date and a time, for example 2027-01-15T20:00Z."
        raise Declined("an event needs a date and a time")
    start = when.group().upper().replace(" ", "T")
    start += "" if re.search(r"Z$|[+-]\d\d:?\d\d$", start[10:]) else ("Z" if "T" in start else "T20:00Z")
    name = (found.names or found.modifiers or ["Event"])[0]
    voice = re.search(r"\b(?:voice|stage) channel\b", plain(clause.rest))
    if voice and (where := split_at(clause.rest, "in")) and (channel := phrase(where[1])).names:
        draft.add("create_event", name=name, start=start, channel=by_name(*channel.names[:1]))
    else:
        place = found.category or next(iter(_names_after(rest, "in", "at")), "")
        end = datetime.fromisoformat(start) + timedelta(hours=_EVENT_HOURS)
        draft.add("create_event", name=name, start=start, end=end.isoformat(), location=place or "Online")
    draft.name_last("event")


def _names_after(rest: Sequence[Token], *words: str) -> list[str]:
    parts = split_at(rest, *words)
    return [] if parts is None else phrase(parts[1]).names or phrase(parts[1]).modifiers


def _automod(clause: Clause, found: Phrase, rest: list[Token], draft: Draft) -> None:
    block(Clause("block", "block", clause.rest), draft)


def block(clause: Clause, draft: Draft) -> None:
    """ "block the words foo and bar": an AutoMod rule."""
    said = plain(clause.rest)
    parts = split_at(clause.rest, "words", "word", "blocks", "blocking", "against", "containing")
    found, _ = names(parts[1], 0) if parts else ([], 0)
    limit = re.search(r"(\d{1,2}) mentions", said)
    preset = "slurs" if "slur" in said else "profanity" if re.search(r"profan|swear|curs", said) else None
    spam = bool(re.search(r"\bspam\b", said))
    found = [] if spam and [name.casefold() for name in found] == ["spam"] else found
    if not found and not limit and not preset and not spam:
        raise Declined("it does not say which words to block")
    label = "Block " + (", ".join(found) if found else preset or ("spam" if spam else "mentions"))
    draft.add(
        "create_automod",
        name=label[:100],
        keywords=found or None,
        preset=preset,
        mention_limit=int(limit[1]) if limit else None,
        spam=spam or None,
    )
    draft.name_last("automod")


def _archive(clause: Clause, found: Phrase, rest: list[Token], draft: Draft) -> None:
    wanted = [found.category] if found.category else found.names
    if not wanted:
        raise Declined("it does not say what to archive")
    more = phrase(rest) if rest and rest[0].low in ("and", ",") else None
    draft.add("archive_channel", targets=by_name(*wanted, *(more.names if more else [])), category="Archive")


def _emoji(clause: Clause, found: Phrase, rest: list[Token], draft: Draft) -> None:
    """From the picture that is attached: the plan says only what it is called."""
    name = (found.names or found.modifiers or [""])[0].strip(":").replace(" ", "_")
    if not name:
        raise Declined("an emoji needs a name")
    draft.add("create_emoji", name=name)
    draft.name_last("emoji")


def _copy(clause: Clause, found: Phrase, rest: list[Token], draft: Draft) -> None:
    if not found.category:
        raise Declined("it does not say what to copy")
    draft.add("clone_channel", targets=by_name(found.category), name=found.names[0] if found.names else None)
    draft.name_last("channel")


_MAKERS: dict[str, Callable[[Clause, Phrase, list[Token], Draft], None]] = {
    "channel": _channels, "role": _roles, "thread": _thread, "invite": _invite, "webhook": _webhook, "event": _event,
    "automod": _automod, "emoji": _emoji, "archive": _archive, "copy": _copy,
}  # fmt: skip
