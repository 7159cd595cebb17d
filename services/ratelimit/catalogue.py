"""The policies in force, compiled: from what a request names to the counters that decide it.

A catalogue is made whole from one version of the configuration and never changes. `demands` expands groups, picks each
limit's numbers for the subject (overrides: the last match, but of the matches by role the most generous), and names
the counter's key. The part of a key in braces is its hash tag, which places it in a Redis Cluster: the guild where the
limit counts by guild, else the person, else one slot for all that is wider.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import quote

from chassis.errors import InvalidArgument
from services.ratelimit.algorithms import ENFORCED, FORCED, LARGEST, AnyAlgorithm, Packer
from services.ratelimit.grants import Grants
from services.ratelimit.limits import Limits
from services.ratelimit.policies import Override, Policy

PREFIX = "ratelimit"
_LONGEST_NAME = 128
_SUBJECT_FIELDS = {
    "guild": "guild_id",
    "person": "user_id",
    "channel": "channel_id",
    "model": "model",
    "provider": "provider",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """Who or what is limited. Zero and empty are "not given"."""

    guild_id: int = 0
    user_id: int = 0
    role_ids: tuple[int, ...] = ()
    channel_id: int = 0
    model: str = ""
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Variant:
    """One set of numbers of a policy."""

    algorithm: AnyAlgorithm
    packer: Packer


@dataclass(slots=True)
class Demand:
    """An amount that a request takes from one counter. `flow` is who takes turns with whom where requests wait.

    `impossible`: the amount is larger than the limit ever holds.
    """

    limit: str
    charge: str
    cost: int
    key: str
    tag: str
    flags: int
    variant: Variant
    policy: Policy
    flow: str
    impossible: bool = False

    @property
    def shadow(self) -> bool:
        """Whether the limit only counts."""
        return self.policy.mode == "shadow"

    @property
    def bypassed(self) -> bool:
        """Whether the caller's rights lift the limit."""
        return bool(self.flags & FORCED)


class _Compiled:
    """A policy with its variants ready."""

    def __init__(self, name: str, policy: Policy) -> None:
        self.name, self.policy = name, policy
        self.base = _variant(policy, None)
        plain: list[tuple[Override, Variant | None]] = []
        by_role: list[tuple[Override, Variant | None]] = []
        for override in policy.overrides:
            variant = None if override.unlimited else _variant(policy, override)
            (by_role if override.roles else plain).append((override, variant))
        self.plain, self.by_role = plain, by_role
        self.rest = tuple(dimension for dimension in policy.by if dimension not in ("guild", "person"))
        self.by_guild, self.by_person = "guild" in policy.by, "person" in policy.by
        self.enforced = 0 if policy.mode == "shadow" else ENFORCED

    def pick(self, subject: Subject) -> Variant | None:
        """The numbers for a subject; None where the limit does not apply."""
        chosen: Variant | None = self.base
        for override, variant in self.plain:
            if _matches(override, subject):
                chosen = variant
        best: tuple[bool, Variant | None] = (False, None)
        for override, variant in self.by_role:
            if not override.roles.isdisjoint(subject.role_ids) and _matches(override, subject):
                if variant is None:
                    return None
                if best[1] is None or variant.algorithm.generosity > best[1].algorithm.generosity:
                    best = (True, variant)
        return best[1] if best[0] else chosen

    def key(self, subject: Subject) -> tuple[str, str] | None:
        """The counter's key and its hash tag; None where the limit does not count for the subject."""
        parts = [self.name]
        if self.by_guild and subject.guild_id:
            tag = f"g{subject.guild_id}"
            if self.by_person:
                parts.append(f"u{subject.user_id}")
        elif self.by_person:
            tag = f"u{subject.user_id}"
        elif self.by_guild:
            return None  # outside of guilds no guild is limited
        else:
            tag = "*"
        for dimension in self.rest:
            if dimension == "role":
                role = next((role for role in self.policy.roles if role in subject.role_ids), None)
                if role is None:
                    return None
                parts.append(f"r{role}")
            elif dimension == "channel":
                parts.append(f"c{subject.channel_id}")
            else:
                parts.append(quote(subject.model if dimension == "model" else subject.provider, safe="/@:"))
        return f"{PREFIX}:{{{tag}}}:{':'.join(parts)}", tag

    def missing(self, subject: Subject) -> str | None:
        """The subject's field that the limit counts by and that is not given."""
        for dimension in self.policy.by:
            if dimension in ("role", "guild"):
                continue
            if not getattr(subject, _SUBJECT_FIELDS[dimension]):
                return _SUBJECT_FIELDS[dimension]
        return None


def _variant(policy: Policy, override: Override | None) -> Variant:
    algorithm = policy.variant(override)
    return Variant(algorithm, Packer(algorithm))


def _matches(override: Override, subject: Subject) -> bool:
    return (
        (not override.persons or subject.user_id in override.persons)
        and (not override.guilds or subject.guild_id in override.guilds)
        and (not override.channels or subject.channel_id in override.channels)
        and (not override.models or any(fnmatchcase(subject.model, pattern) for pattern in override.models))
        and (not override.providers or any(fnmatchcase(subject.provider, pattern) for pattern in override.providers))
    )


class Catalogue:
    """One version of the policies."""

    def __init__(self, limits: Limits, most_limits: int = 64, grants: Grants | None = None) -> None:
        self.limits = limits
        self._grants = grants
        self.version = hashlib.sha256(limits.model_dump_json().encode()).hexdigest()[:12]
        self._most = most_limits
        self._compiled = {name: _Compiled(name, policy) for name, policy in limits.policies.items()}
        self._names: dict[str, tuple[_Compiled, ...]] = {name: (one,) for name, one in self._compiled.items()}
        for group, members in limits.groups.items():
            self._names[group] = tuple(self._compiled[member] for member in dict.fromkeys(members))

    def expand(self, name: str, path: str = "limit") -> tuple[str, ...]:
        """The limits that a name stands for. InvalidArgument for an unknown one."""
        return tuple(compiled.name for compiled in self._find(name, path))

    def policy(self, limit: str) -> Policy | None:
        """A limit's policy, if there still is one."""
        compiled = self._compiled.get(limit)
        return compiled.policy if compiled else None

    def demands(
        self,
        subject: Subject,
        charges: Sequence[tuple[str, int]],
        *,
        bypass: bool = False,
        estimates: bool = False,
        path: str = "charges",
    ) -> list[Demand]:
        """What the charges (name of a limit or group, cost) take from which counters.

        A limit that several charges name is taken from once, with the sum. InvalidArgument for what makes no sense. A
        cost that a limit never holds is a mistake of the caller's, but an estimate may well be too large: it is
        `impossible`.
        """
        if not charges:
            raise InvalidArgument("nothing to take", reason="NO_CHARGES", fields={path: "names no limit"})
        if len(charges) > self._most:
            raise InvalidArgument(
                "too many limits in one request", reason="TOO_MANY_LIMITS", fields={path: f"at most {self._most}"}
            )
        demands: dict[str, Demand] = {}
        for index, (name, cost) in enumerate(charges):
            if cost > LARGEST or cost < 0:
                field = f"{path}[{index}].cost"
                raise InvalidArgument(
                    "the cost is out of range", reason="COST_OUT_OF_RANGE", fields={field: "too large"}
                )
            for compiled in self._find(name, f"{path}[{index}].limit"):
                demand = self._demand(compiled, subject, name, cost, bypass=bypass)
                if demand is None:
                    continue
                known = demands.setdefault(compiled.name, demand)
                if known is not demand:
                    known.cost += cost
                _check_cost(known, f"{path}[{index}].cost", estimates=estimates)
        if len(demands) > self._most:
            raise InvalidArgument(
                "too many limits in one request", reason="TOO_MANY_LIMITS", fields={path: f"at most {self._most}"}
            )
        return list(demands.values())

    def keys(self, subject: Subject, names: Iterable[str]) -> list[tuple[str, str, str]]:
        """Limit, key and tag of every counter of the subject, of the named limits or of all it has counters of."""
        chosen = [compiled for name in names for compiled in self._find(name, "limits")]
        everything = not chosen
        found = {}
        for compiled in chosen or self._compiled.values():
            missing = compiled.missing(subject)
            if missing and not everything:
                raise _empty(compiled, missing)
            placed = None if missing else compiled.key(subject)
            # Without names only what is the subject's alone is meant, never a counter shared by everybody.
            if placed is not None and not (everything and placed[1] == "*"):
                found[compiled.name] = (compiled.name, *placed)
        return list(found.values())

    def _find(self, name: str, path: str) -> tuple[_Compiled, ...]:
        found = self._names.get(name)
        if found is None:
            shown = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."
            raise InvalidArgument(
                f"there is no limit {shown!r}", reason="UNKNOWN_LIMIT", fields={path: "is not a limit or group"}
            )
        return found

    def counts_person_alone(self, name: str) -> bool:
        """Whether a limit has one counter for each person, wherever they are."""
        return self._compiled[name].policy.by == ("person",)

    def by_person(self, names: Iterable[str]) -> list[str]:
        """Of some limits and groups, the limits that count by person."""
        found = [compiled for name in names for compiled in self._find(name, "limits") if compiled.by_person]
        return list(dict.fromkeys(compiled.name for compiled in found))

    def _demand(self, compiled: _Compiled, subject: Subject, name: str, cost: int, *, bypass: bool) -> Demand | None:
        missing = compiled.missing(subject)
        if missing is not None:
            raise _empty(compiled, missing)
        if len(subject.model) > _LONGEST_NAME or len(subject.provider) > _LONGEST_NAME:
            text = f"at most {_LONGEST_NAME} characters"
            raise InvalidArgument("a name is too long", reason="SUBJECT_TOO_LONG", fields={"subject": text})
        variant = compiled.pick(subject)
        placed = compiled.key(subject) if variant is not None else None
        if variant is None or placed is None:
            return None
        if self._grants and compiled.by_person:
            times = self._grants.times(compiled.name, subject.user_id, subject.guild_id)
            if times > 1:
                variant = Variant(*self._grants.widened(variant.algorithm, times))
        flags = FORCED if bypass and compiled.policy.may_bypass else compiled.enforced
        flow = f"u{subject.user_id}" if subject.user_id else f"g{subject.guild_id}"
        return Demand(compiled.name, name, cost, *placed, flags, variant, compiled.policy, flow)


def _check_cost(demand: Demand, field: str, *, estimates: bool) -> None:
    capacity = demand.variant.algorithm.capacity
    if demand.cost > LARGEST:
        raise InvalidArgument("the cost is out of range", reason="COST_OUT_OF_RANGE", fields={field: "too large"})
    if demand.cost <= capacity or demand.flags != ENFORCED:
        return
    if estimates:
        demand.impossible = True
        return
    raise InvalidArgument(
        f"{demand.limit} holds {capacity} and can never give {demand.cost}",
        reason="COST_ABOVE_CAPACITY",
        fields={field: f"at most {capacity}"},
        metadata={"limit": demand.limit, "capacity": str(capacity)},
    )


def _empty(compiled: _Compiled, field: str) -> InvalidArgument:
    return InvalidArgument(
        f"{compiled.name} counts by {field}", reason="EMPTY_SUBJECT", fields={f"subject.{field}": "is empty"}
    )
