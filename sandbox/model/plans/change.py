"""Clauses that change or delete channels, roles and what stands in them.

One module: a short function for each verb, and what they say alike is read by the same helpers.
"""

from __future__ import annotations

import re
from typing import Any

from sandbox.model.plans import adjust, people
from sandbox.model.plans.clauses import Clause
from sandbox.model.plans.colours import COLOURS
from sandbox.model.plans.drafting import Declined, Draft, by_name, plain, split_at, text_of
from sandbox.model.plans.phrases import Phrase, phrase, selector
from sandbox.model.plans.words import Token
from sandbox.model.plans.words import number as spelt

_CHILDREN = re.compile(
    r"\b(?:with|and|including)\s+(?:all\s+|every\s*)?(?:of\s+)?(?:(?:its|their|the|those)\s+(?:\w+\s+)?channels|"
    r"everything|what is|all)\b"
)
_DELETE = {noun: f"delete_{noun}" for noun in ("channel", "role", "thread", "event", "automod", "emoji")}


def delete(clause: Clause, draft: Draft) -> None:
    """Deletes what the clause says."""
    said = plain(clause.rest)
    if re.search(r"\bpermissions?\b", said):
        return adjust.clear_permission(clause, draft)
    if re.search(r"\bmessages?\b", said):
        if not people.delete_theirs(said, draft):
            _purge(clause, draft)
        return None
    found = phrase(clause.rest)
    noun = found.noun or ("channel" if found.names or found.kind else "")
    if noun in ("timeout", "ban", "nickname", "member", "pin", "invite", "webhook"):
        return _special(noun, clause, draft)
    if noun == "role" and found.category:
        return people.take(clause, draft)
    if found.pronoun and not found.said:
        noun, targets = draft.meant()
        noun = "channel" if noun == "category" else noun
    else:
        targets = draft.targets(found, noun)
    if noun not in _DELETE:
        raise Declined("it does not say what to delete")
    children = noun == "channel" and bool(_CHILDREN.search(said))
    draft.add(_DELETE[noun], targets=targets, with_children=True if children else None)
    rest = clause.rest[found.used :]
    if not children and len(rest) > 1 and rest[0].low in ("and", ",", "&") and phrase(rest[1:]).noun:
        # "delete #old and the role Guest": another thing of another kind.
        delete(Clause(clause.verb, clause.word, tuple(rest[1:])), draft)
    return None


def _special(noun: str, clause: Clause, draft: Draft) -> None:
    parts = split_at(clause.rest, "from", "of", "for", "in", "on")
    where = phrase(parts[1]) if parts else Phrase()
    if not where.said:  # "remove @bob's nickname"
        where = phrase([token for token in clause.rest if token.kind in ("named", "mention", "quoted")])
    if noun == "timeout":
        people.untimeout(Clause("untimeout", clause.word, tuple(parts[1] if parts else ())), draft)
    elif noun == "ban":
        people.unban(Clause("unban", clause.word, tuple(parts[1] if parts else ())), draft)
    elif noun == "nickname":
        draft.add("set_nickname", members=draft.targets(where, "member"))
    elif noun == "pin":
        draft.add("pin_messages", targets=draft.targets(where, "channel"), unpin=True)
    elif noun == "invite":
        draft.add("delete_invites", channels={"select": selector(where)} if where.said else None)
    elif noun == "webhook":
        found = phrase(clause.rest)
        draft.add(
            "delete_webhooks",
            channels=draft.targets(where, "channel") if where.said else {"select": {"all": True}},
            names=found.names or None,
        )
    else:
        raise Declined("people are kicked or banned, not deleted")


def _purge(clause: Clause, draft: Draft) -> None:
    """ "delete the last 50 messages from @bob in #general containing spam"."""
    said = plain(clause.rest)
    count = re.search(r"\b(\d{1,4})\b", said)
    where = split_at(clause.rest, "in", "inside")
    author = split_at(clause.rest, "from", "by", "of")
    contains = split_at(clause.rest, "containing", "contain", "contains", "including")
    writer = phrase(author[1], until=("in", "containing")) if author else Phrase()
    place = phrase(where[1], until=("from", "by", "containing", "that", "which", "with")) if where else Phrase()
    if not place.said and author and any(name.text.startswith("#") for name in author[1][:2]):
        place, writer = writer, Phrase()
    if not place.said:
        draft.question = "In which channel shall the messages be deleted?"
        raise Declined("it does not say in which channel")
    draft.add(
        "purge_messages",
        targets=draft.targets(place, "channel"),
        count=min(1000, int(count[1])) if count else 100,
        author=_author(writer),
        contains=text_of(contains[1][:1]) if contains else None,
        bots=True if re.search(r"\bbots?\b", said) else None,
    )


def _author(writer: Phrase) -> str | None:
    if writer.names and writer.noun != "member":
        return writer.names[0]
    return writer.modifiers[0] if writer.modifiers and writer.bots is None else None


def rename(clause: Clause, draft: Draft) -> None:
    """ "rename #general to lobby", "call it lobby"."""
    parts = split_at(clause.rest, "to", "into", "as")
    if parts is None and clause.word == "call" and len(clause.rest) > 1:
        parts = ([clause.rest[0]], list(clause.rest[1:]))
    if parts is None:
        raise Declined("it does not say what the new name is")
    found, name = phrase(parts[0]), text_of(parts[1]).lstrip("#@")
    if found.noun == "guild":
        draft.add("edit_guild", name=name)
        return
    if clause.word == "call" and found.pronoun and draft.intents and draft.made:
        target = next(i for i in reversed(draft.intents) if i.get("id") == draft.made[-1][0])
        target["name"] = name
        target.pop("names", None)
        return
    noun = found.noun or ("role" if any(t.text.startswith("@") for t in parts[0]) else "channel")
    if noun == "emoji":
        draft.add("edit_emoji", emoji=(found.names or found.modifiers or [""])[0].strip(":"), name=name.strip(":"))
        return
    targets = draft.targets(found, noun)
    if noun == "member":
        draft.add("set_nickname", members=targets, nickname=name)
        return
    op = {"role": "edit_role", "thread": "edit_thread", "event": "edit_event", "automod": "edit_automod"}.get(
        noun, "edit_channel"
    )
    draft.add(op, targets=targets, name=name)


def edit(clause: Clause, draft: Draft) -> None:
    """ "set the topic of #general to …", "set slow mode in #general to 30 seconds"."""
    said = plain(clause.rest)
    parts = split_at(clause.rest, "to", "as")
    value = text_of(parts[1]) if parts else ""
    about = _about(parts[0] if parts else list(clause.rest))
    found = phrase(about[1]) if about else phrase(parts[0] if parts else clause.rest)
    spoken = " ".join(str(spelt(token) or token.low) for token in (parts[1] if parts else clause.rest))
    number = re.search(r"\b(\d{1,6})\s*(seconds?|s|minutes?|m|hours?|h)?\b", spoken)
    if re.search(r"\b(nick|nickname)\b", said):
        whose = about[1] if about else parts[0] if parts else list(clause.rest)
        draft.add("set_nickname", members=people.members(whose, draft), nickname=value)
    elif re.search(r"\btopic\b", said):
        draft.add("edit_channel", targets=draft.targets(found, "channel"), topic=value)
    elif re.search(r"\bslow ?mode\b", said):
        if number is None and not re.search(r"\boff\b", said):
            raise Declined("it does not say how many seconds")
        unit = {"m": 60, "h": 3600}.get(((number[2] or "s")[0] if number else "s"), 1)
        seconds = int(number[1]) * unit if number else 0
        draft.add("edit_channel", targets=draft.targets(found, "channel"), slowmode_seconds=min(seconds, 21_600))
    elif re.search(r"\bcolou?r\b", said):
        colour = COLOURS.get(value.lower()) or (value if re.fullmatch(r"#[0-9a-fA-F]{6}", value) else None)
        if colour is None:
            raise Declined("that is no colour I know; give one like #3498db")
        draft.add("edit_role", targets=draft.targets(found, "role"), colour=colour)
    elif (clause.word == "limit" or re.search(r"\b(user )?limit\b", said)) and number:
        draft.add("edit_channel", targets=draft.targets(found, "channel"), user_limit=min(99, int(number[1])))
    elif re.search(r"\bnsfw|age-restricted\b", said):
        draft.add(
            "edit_channel",
            targets=draft.targets(phrase(clause.rest, until=("to", "nsfw")), "channel"),
            nsfw=not re.search(r"\b(not|off|no)\b", said),
        )
    elif re.search(r"\bverification\b", said):
        level = next(
            (
                level
                for level in ("very_high", "none", "low", "medium", "high")
                if level.replace("_", " ") in value.lower().replace("highest", "very high")
            ),
            None,
        )
        draft.add("edit_guild", verification_level=_known(level))
    elif re.search(r"\b(server|guild)\b", said) and value:
        draft.add("edit_guild", **({"description": value} if "description" in said else {"name": value}))
    elif re.search(r"\bname\b", said) and value:
        thing = about[1] if about else parts[0] if parts else []
        name = clause.rest[-len(parts[1]) - 1 :] if parts else ()
        rename(Clause("rename", clause.word, (*thing, *name)), draft)
    elif not adjust.server(said, value, draft):
        raise Declined("I do not know this setting")


def _about(tokens: list[Token]) -> tuple[list[Token], list[Token]] | None:
    """What a setting is of: behind the last preposition, so that "a slow mode of 30 seconds in #lobby" is of #lobby."""
    for at in range(len(tokens) - 2, -1, -1):
        if tokens[at].low in ("of", "in", "for", "on") and not tokens[at + 1].low.isdecimal():
            return tokens[:at], tokens[at + 1 :]
    return None


def notify(clause: Clause, draft: Draft) -> None:
    """ "notify members of mentions only", "notify everybody of all messages": the server's default."""
    said = plain(clause.rest)
    if "mention" in said:
        draft.add("edit_guild", notifications="only_mentions")
    elif re.search(r"\b(all|every|each)\b.*\bmessages?\b", said):
        draft.add("edit_guild", notifications="all_messages")
    else:
        raise Declined("members are notified of all messages or of mentions only")


def take(clause: Clause, draft: Draft) -> None:
    """ "take #lobby out of its category"; all else that is taken are roles."""
    if out := split_at(clause.rest, "out"):
        draft.add("move_channel", targets=draft.targets(phrase(out[0]), "channel"))
        return
    people.take(clause, draft)


def _known(value: str | None) -> str:
    if value is None:
        raise Declined("that is no value I know for this setting")
    return value


def move(clause: Clause, draft: Draft) -> None:
    """ "move #a and #b into the Archive category", "move @Raider above @Member"."""
    for place in ("above", "below"):
        if order := split_at(clause.rest, place):
            anchor = phrase(order[1])
            draft.add(
                "reorder_roles",
                targets=draft.targets(phrase(order[0]), "role"),
                place=place,
                anchor=(anchor.names or anchor.modifiers or [""])[0],
            )
            return
    if out := split_at(clause.rest, "out"):
        draft.add("move_channel", targets=draft.targets(phrase(out[0]), "channel"))
        return
    parts = split_at(clause.rest, "to", "into", "under", "in", "inside")
    if parts is None:
        raise Declined("it does not say where to")
    inside = phrase(parts[1])
    wanted = inside.names or inside.modifiers
    category = draft.meant("channel")[1] if inside.pronoun else by_name(wanted[0]) if wanted else None
    if category is None:
        raise Declined("it does not say where to")
    sync = True if re.search(r"\bsync\w*|permissions\b", plain(parts[1])) else None
    draft.add(
        "move_channel",
        targets=draft.targets(phrase(parts[0], until=("to", "into", "under", "inside")), "channel"),
        category=category,
        sync=sync,
    )


def sort(clause: Clause, draft: Draft) -> None:
    """ "sort the channels in Games alphabetically"."""
    said = plain(clause.rest)
    found = phrase(clause.rest, until=("alphabetically", "by", "reverse", "reversed", "in reverse", "backwards"))
    select = selector(found) or {"all": True}
    order = "reverse" if re.search(r"\brevers|backwards\b", said) else "alphabetical"
    draft.add("reorder_channels", targets={"select": select}, order=order)


def clone(clause: Clause, draft: Draft) -> None:
    """ "clone #general as general-2"."""
    parts = split_at(clause.rest, "as", "to", "named", "called")
    name: Any = text_of(parts[1]).lstrip("#") if parts else None
    draft.add("clone_channel", targets=draft.targets(phrase(parts[0] if parts else clause.rest), "channel"), name=name)
    draft.name_last("channel")


def channel_state(clause: Clause, draft: Draft) -> None:
    """Locking, unlocking, archiving, syncing: of channels, or of threads where they are named."""
    found = phrase(clause.rest, until=("into", "to", "under"))
    noun = "thread" if found.noun == "thread" else "channel"
    targets = draft.targets(found, noun)
    if noun == "thread":
        fields = {
            "lock": {"locked": True},
            "unlock": {"locked": False},
            "archive": {"archived": True},
            "close": {"archived": True},
            "unarchive": {"archived": False},
        }
        if clause.verb not in fields:
            raise Declined("threads have no permissions of their own")
        draft.add("edit_thread", targets=targets, **fields[clause.verb])
    elif clause.verb in ("lock", "unlock", "close"):
        draft.add("lock_channel", targets=targets, unlock=True if clause.verb == "unlock" else None)
    elif clause.verb == "archive":
        parts = split_at(clause.rest, "into", "to", "under")
        inside = phrase(parts[1]) if parts else Phrase()
        draft.add("archive_channel", targets=targets, category=(inside.names or inside.modifiers or ["Archive"])[0])
    else:
        raise Declined("only threads come back from the archive")
