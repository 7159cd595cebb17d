"""Preflight: everything that is known to go wrong, found before anything is done, all at once; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.executor.plans.authority import refusal
from services.executor.plans.draft import Problem, quoted
from services.executor.plans.operation import Operation
from services.executor.plans.snapshot import CATEGORY, CHANNEL_KINDS, Member, Snapshot
from services.executor.plans.table import Reversible, Risk, kind_of

CHANNELS = 500
CHILDREN = 50
ROLES = 250
OVERWRITES = 1_000
WEBHOOKS = 15
PINS = 250
EVENTS = 100
KEYWORD_RULES = 6
_NEEDS_COMMUNITY = frozenset({CHANNEL_KINDS["announcement"], CHANNEL_KINDS["stage"]})
_COMMUNITY_CHANNELS = ("rules_channel_id", "public_updates_channel_id", "safety_alerts_channel_id")


@dataclass(frozen=True)
class Checked:
    """What is left of a plan after preflight."""

    operations: tuple[Operation, ...]
    problems: tuple[Problem, ...]
    security: tuple[Problem, ...]
    """The problems that are refusals of authority, for the log channel."""


def check(operations: Sequence[Operation], snapshot: Snapshot, requester: Member, bot: Member) -> Checked:
    """Takes out what cannot be done, with what depends on it, and says why."""
    problems: list[Problem] = []
    security: list[Problem] = []
    dropped: set[str] = set()
    for operation in operations:
        if operation.references & dropped:
            dropped.add(operation.id)
            problems.append(
                Problem("NEEDS_ANOTHER", f"{title(operation)} needs a step that cannot be done.", operation.intent)
            )
            continue
        text = refusal(operation, snapshot, requester, bot)
        if text:
            dropped.add(operation.id)
            found = Problem("NOT_ALLOWED", f"{title(operation)}: {text}", operation.intent)
            problems.append(found)
            security.append(found)
            continue
        text = _impossible(operation, snapshot)
        if text:
            dropped.add(operation.id)
            problems.append(Problem("NOT_POSSIBLE", f"{title(operation)}: {text}", operation.intent))
    kept = [operation for operation in operations if operation.id not in dropped]
    for problem, surplus in _ceilings(kept, snapshot):
        problems.append(problem)
        dropped |= surplus
    kept = _without(kept, dropped)
    return Checked(tuple(kept), tuple(_merged(problems)), tuple(_merged(security)))


def title(operation: Operation) -> str:
    """An operation in a few words."""
    return f"{kind_of(operation).title} {quoted(operation.label)}" if operation.label else kind_of(operation).title


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


def _impossible(operation: Operation, snapshot: Snapshot) -> str:
    if operation.kind == "channel.delete" and "COMMUNITY" in snapshot.features:
        needed = {str(snapshot.guild.get(name)) for name in _COMMUNITY_CHANNELS}
        if operation.path["channel_id"] in needed:
            return "a community server needs this channel."
    community_only = operation.kind == "channel.create" and operation.body.get("type") in _NEEDS_COMMUNITY
    if community_only and "COMMUNITY" not in snapshot.features:
        return "only community servers have channels of this kind."
    return ""


def _ceilings(operations: Sequence[Operation], snapshot: Snapshot) -> Iterable[tuple[Problem, set[str]]]:
    """Discord's structural limits, counted in the order of the plan."""
    yield from _running(
        operations, "channel.create", "channel.delete", now=len(snapshot.channels), limit=CHANNELS, what="channels"
    )
    roles = len(snapshot.roles)
    yield from _running(operations, "role.create", "role.delete", now=roles, limit=ROLES, what="roles")
    yield from _running(
        operations, "event.create", "event.delete", now=len(snapshot.events), limit=EVENTS, what="events"
    )
    keyword = sum(1 for rule in snapshot.rules.values() if rule.raw.get("trigger_type") == 1)
    yield from _running(
        operations, "automod.create", "automod.delete", now=keyword, limit=KEYWORD_RULES, what="AutoMod rules"
    )
    yield from _children(operations, snapshot)
    yield from _per_channel(operations, snapshot)


def _running(
    operations: Sequence[Operation], create: str, delete: str, *, now: int, limit: int, what: str
) -> Iterable[tuple[Problem, set[str]]]:
    count, surplus = now, set()
    for operation in operations:
        if operation.kind == delete:
            count -= 1
        elif operation.kind == create:
            if count >= limit:
                surplus.add(operation.id)
            else:
                count += 1
    if surplus:
        text = f"A server has at most {limit} {what}; {len(surplus)} of the new ones do not fit."
        yield Problem("CEILING", text), surplus


def _children(operations: Sequence[Operation], snapshot: Snapshot) -> Iterable[tuple[Problem, set[str]]]:
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
        yield Problem("CEILING", f"A category has at most {CHILDREN} channels; {len(dropped)} do not fit."), dropped


def _per_channel(operations: Sequence[Operation], snapshot: Snapshot) -> Iterable[tuple[Problem, set[str]]]:
    overwrites = {str(c.id): {str(one["id"]) for one in c.overwrites} for c in snapshot.channels.values()}
    webhooks = Counter(str(hook.raw.get("channel_id")) for hook in snapshot.webhooks.values())
    pins = Counter({str(channel): len(messages) for channel, messages in snapshot.pins.items()})
    for operation in operations:
        channel = operation.path.get("channel_id", "")
        if operation.kind == "overwrite.set":
            there = overwrites.setdefault(channel, set())
            if operation.path["overwrite_id"] not in there and len(there) >= OVERWRITES:
                yield Problem("CEILING", f"A channel has at most {OVERWRITES} permission entries."), {operation.id}
            there.add(operation.path["overwrite_id"])
        elif operation.kind == "webhook.create":
            webhooks[channel] += 1
            if webhooks[channel] > WEBHOOKS:
                yield Problem("CEILING", f"A channel has at most {WEBHOOKS} webhooks."), {operation.id}
        elif operation.kind == "message.pin":
            pins[channel] += 1
            if pins[channel] > PINS:
                yield Problem("CEILING", f"A channel has at most {PINS} pins."), {operation.id}


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
