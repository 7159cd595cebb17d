"""Preflight: everything that is known to go wrong, found before anything is done, all at once; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.executor.plans.authority import refusal
from services.executor.plans.choosing import Problem, quoted
from services.executor.plans.kinds import Reversible, Risk
from services.executor.plans.operation import Operation
from services.executor.plans.saying import ENGLISH, Text, title_of
from services.executor.plans.snapshot import CATEGORY, CHANNEL_KINDS, Member, Snapshot
from services.executor.plans.table import kind_of

CHANNELS = 500
CHILDREN = 50
ROLES = 250
OVERWRITES = 1_000
WEBHOOKS = 15
PINS = 250
EVENTS = 100
KEYWORD_RULES = 6
EMOJI = (50, 100, 150, 250)
"""By the server's boost level, still and moving ones apart."""
_NEEDS_COMMUNITY = frozenset({CHANNEL_KINDS["announcement"], CHANNEL_KINDS["stage"]})
_COMMUNITY_CHANNELS = ("rules_channel_id", "public_updates_channel_id", "safety_alerts_channel_id")


@dataclass(frozen=True)
class Checked:
    """What is left of a plan after preflight."""

    operations: tuple[Operation, ...]
    problems: tuple[Problem, ...]
    security: tuple[Problem, ...]
    """The problems that are refusals of authority, for the log channel."""


def check(
    operations: Sequence[Operation], snapshot: Snapshot, requester: Member, bot: Member, text: Text = ENGLISH
) -> Checked:
    """Takes out what cannot be done, with what depends on it, and says why."""
    problems: list[Problem] = []
    security: list[Problem] = []
    dropped: set[str] = set()
    for operation in operations:
        if operation.references & dropped:
            dropped.add(operation.id)
            problems.append(
                Problem(
                    "NEEDS_ANOTHER", text("plan.problem.needs_another", title=title(operation, text)), operation.intent
                )
            )
            continue
        reason = refusal(operation, snapshot, requester, bot, text)
        if reason:
            dropped.add(operation.id)
            found = Problem("NOT_ALLOWED", _because(operation, reason, text), operation.intent)
            problems.append(found)
            security.append(found)
            continue
        reason = _impossible(operation, snapshot, text)
        if reason:
            dropped.add(operation.id)
            problems.append(Problem("NOT_POSSIBLE", _because(operation, reason, text), operation.intent))
    kept = [operation for operation in operations if operation.id not in dropped]
    for problem, surplus in _ceilings(kept, snapshot, text):
        problems.append(problem)
        dropped |= surplus
    kept = _without(kept, dropped)
    return Checked(tuple(kept), tuple(_merged(problems)), tuple(_merged(security)))


def title(operation: Operation, text: Text) -> str:
    """An operation in a few words."""
    name = title_of(operation.kind, text)
    return f"{name} {quoted(operation.label)}" if operation.label else name


def _because(operation: Operation, reason: str, text: Text) -> str:
    return text("plan.problem.reason", title=title(operation, text), reason=reason)


def high_risk(operations: Iterable[Operation], *, many_deletions: int) -> bool:
    """Whether a plan wants an extra confirmation: grants, bans, prunes, kicks, many deletions."""
    deletions = 0
    for operation in operations:
        kind = kind_of(operation)
        if operation.risky or operation.kind in ("member.ban", "member.bulk_ban", "guild.prune", "member.kick"):
            return True
        deletions += kind.risk is Risk.HIGH
    return deletions >= many_deletions


def small_and_additive(operations: Sequence[Operation], *, at_most: int) -> bool:
    """Whether a plan may run at once where a guild allows that: few, harmless, wholly reversible creations."""
    return 0 < len(operations) <= at_most and all(
        operation.kind.endswith(".create")
        and not operation.risky
        and kind_of(operation).risk is Risk.LOW
        and kind_of(operation).reversible is Reversible.FULLY
        for operation in operations
    )


def _impossible(operation: Operation, snapshot: Snapshot, text: Text) -> str:
    if operation.kind == "channel.delete" and "COMMUNITY" in snapshot.features:
        needed = {str(snapshot.guild.get(name)) for name in _COMMUNITY_CHANNELS}
        if operation.path["channel_id"] in needed:
            return text("plan.problem.community_channel")
    community_only = operation.kind == "channel.create" and operation.body.get("type") in _NEEDS_COMMUNITY
    if community_only and "COMMUNITY" not in snapshot.features:
        return text("plan.problem.community_only")
    return ""


def _ceilings(operations: Sequence[Operation], snapshot: Snapshot, text: Text) -> Iterable[tuple[Problem, set[str]]]:
    """Discord's structural limits, counted in the order of the plan."""
    keyword = sum(1 for rule in snapshot.rules.values() if rule.raw.get("trigger_type") == 1)
    for thing, now, limit, what in (
        ("channel", len(snapshot.channels), CHANNELS, "channels"),
        ("role", len(snapshot.roles), ROLES, "roles"),
        ("event", len(snapshot.events), EVENTS, "events"),
        ("automod", keyword, KEYWORD_RULES, "rules"),
    ):
        surplus = _surplus(operations, f"{thing}.create", f"{thing}.delete", now=now, limit=limit)
        if surplus:
            said = text(f"plan.problem.ceiling.{what}", limit=limit, surplus=len(surplus))
            yield Problem("CEILING", said), surplus
    yield from _emoji(operations, snapshot, text)
    yield from _children(operations, snapshot, text)
    yield from _per_channel(operations, snapshot, text)


def _emoji(operations: Sequence[Operation], snapshot: Snapshot, text: Text) -> Iterable[tuple[Problem, set[str]]]:
    level = min(int(snapshot.guild.get("premium_tier") or 0), len(EMOJI) - 1)
    for moving in (False, True):
        new = [
            operation
            for operation in operations
            if operation.kind == "emoji.create" and operation.body["image"].startswith("data:image/gif") == moving
        ]
        there = sum(1 for emoji in snapshot.emojis.values() if bool(emoji.raw.get("animated")) == moving)
        surplus = _surplus(new, "emoji.create", "", now=there, limit=EMOJI[level])
        if surplus:
            said = text("plan.problem.ceiling.emoji", limit=EMOJI[level], surplus=len(surplus))
            yield Problem("CEILING", said), surplus


def _surplus(operations: Sequence[Operation], create: str, delete: str, *, now: int, limit: int) -> set[str]:
    """Creations beyond a ceiling; deletions before them make room."""
    count, surplus = now, set()
    for operation in operations:
        if operation.kind == delete:
            count -= 1
        elif operation.kind == create:
            if count >= limit:
                surplus.add(operation.id)
            else:
                count += 1
    return surplus


def _children(operations: Sequence[Operation], snapshot: Snapshot, text: Text) -> Iterable[tuple[Problem, set[str]]]:
    count = Counter(str(channel.parent_id) for channel in snapshot.channels.values() if channel.parent_id)
    place = {str(channel.id): str(channel.parent_id) for channel in snapshot.channels.values()}
    surplus: dict[str, set[str]] = {}
    for operation in operations:
        body = operation.body if isinstance(operation.body, dict) else {}
        if operation.kind == "channel.delete":
            count[place.get(operation.path["channel_id"], "")] -= 1
        parent = body.get("parent_id")
        if operation.kind in ("channel.create", "channel.edit") and parent and body.get("type") != CATEGORY:
            if count[parent] >= CHILDREN:
                surplus.setdefault(parent, set()).add(operation.id)
            else:
                count[parent] += 1
    for dropped in surplus.values():
        said = text("plan.problem.ceiling.children", limit=CHILDREN, surplus=len(dropped))
        yield Problem("CEILING", said), dropped


def _per_channel(operations: Sequence[Operation], snapshot: Snapshot, text: Text) -> Iterable[tuple[Problem, set[str]]]:
    overwrites = {str(c.id): {str(one["id"]) for one in c.overwrites} for c in snapshot.channels.values()}
    webhooks = Counter(str(hook.raw.get("channel_id")) for hook in snapshot.webhooks.values())
    pins = Counter({str(channel): len(messages) for channel, messages in snapshot.pins.items()})
    for operation in operations:
        channel = operation.path.get("channel_id", "")
        if operation.kind == "overwrite.set":
            there = overwrites.setdefault(channel, set())
            if operation.path["overwrite_id"] not in there and len(there) >= OVERWRITES:
                said = text("plan.problem.ceiling.overwrites", limit=OVERWRITES)
                yield Problem("CEILING", said), {operation.id}
            there.add(operation.path["overwrite_id"])
        elif operation.kind == "webhook.create":
            webhooks[channel] += 1
            if webhooks[channel] > WEBHOOKS:
                yield Problem("CEILING", text("plan.problem.ceiling.webhooks", limit=WEBHOOKS)), {operation.id}
        elif operation.kind == "message.pin":
            pins[channel] += 1
            if pins[channel] > PINS:
                yield Problem("CEILING", text("plan.problem.ceiling.pins", limit=PINS)), {operation.id}


def _without(operations: Sequence[Operation], dropped: set[str]) -> list[Operation]:
    """What is left; an order that ran through something dropped runs on through what that waited for."""
    gone: dict[str, tuple[str, ...]] = {}
    kept = []
    for operation in operations:
        if operation.id in dropped or operation.references & gone.keys():
            gone[operation.id] = operation.needs
        else:
            kept.append(operation)
    present = {operation.id for operation in kept}
    return [
        operation.model_copy(update={"needs": tuple(need for need in operation.needs if need in present)})
        for operation in kept
    ]


def without(operations: Sequence[Operation], dropped: Iterable[str]) -> list[Operation]:
    """A plan without certain steps and without what needs them."""
    return _without(operations, set(dropped))


def _merged(problems: Iterable[Problem]) -> list[Problem]:
    return list(dict.fromkeys(problems))
