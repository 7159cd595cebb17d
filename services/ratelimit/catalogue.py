"""The policies in force: from what a request names to the counters that decide it.

A catalogue is made whole from one version of the configuration and never changes. `demands` expands groups and asks
each limit's rule for the subject's numbers and counter. What is wrong with a request is said here, before anything is
taken.
"""

import hashlib
from collections.abc import Iterable, Sequence

from chassis.errors import InvalidArgument
from services.ratelimit.algorithms import ENFORCED, FORCED, LARGEST
from services.ratelimit.demands import Demand, Subject, Variant
from services.ratelimit.grants import Grants
from services.ratelimit.limits import Limits
from services.ratelimit.policies import Policy
from services.ratelimit.rules import Rule

_LONGEST_NAME = 128


class Catalogue:
    """One version of the policies."""

    def __init__(self, limits: Limits, most_limits: int = 64, grants: Grants | None = None) -> None:
        self.limits = limits
        self._grants = grants
        self.version = hashlib.sha256(limits.model_dump_json().encode()).hexdigest()[:12]
        self._most = most_limits
        self._rules = {name: Rule(name, policy) for name, policy in limits.policies.items()}
        self._names: dict[str, tuple[Rule, ...]] = {name: (one,) for name, one in self._rules.items()}
        for group, members in limits.groups.items():
            self._names[group] = tuple(self._rules[member] for member in dict.fromkeys(members))

    def expand(self, name: str, path: str = "limit") -> tuple[str, ...]:
        """The limits that a name stands for. InvalidArgument for an unknown one."""
        return tuple(rule.name for rule in self._find(name, path))

    def policy(self, limit: str) -> Policy | None:
        """A limit's policy, if there still is one."""
        rule = self._rules.get(limit)
        return rule.policy if rule else None

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
        if len(subject.model) > _LONGEST_NAME or len(subject.provider) > _LONGEST_NAME:
            text = f"at most {_LONGEST_NAME} characters"
            raise InvalidArgument("a name is too long", reason="SUBJECT_TOO_LONG", fields={"subject": text})
        flow = f"u{subject.user_id}" if subject.user_id else f"g{subject.guild_id}"
        demands: dict[str, Demand] = {}
        for index, (name, cost) in enumerate(charges):
            if cost > LARGEST or cost < 0:
                raise _out_of_range(path, index)
            rules = self._names.get(name)
            for rule in rules if rules is not None else self._find(name, f"{path}[{index}].limit"):
                demand = demands.get(rule.name)
                if demand is not None:
                    demand.cost += cost
                else:
                    demand = self._demand(rule, subject, name, cost, bypass=bypass, flow=flow)
                    if demand is None:
                        continue
                    demands[rule.name] = demand
                if demand.cost > demand.variant.algorithm.capacity:
                    _check_cost(demand, path, index, estimates=estimates)
        if len(demands) > self._most:
            raise InvalidArgument(
                "too many limits in one request", reason="TOO_MANY_LIMITS", fields={path: f"at most {self._most}"}
            )
        return list(demands.values())

    def keys(self, subject: Subject, names: Iterable[str]) -> list[tuple[str, str, str]]:
        """Limit, key and tag of every counter of the subject, of the named limits or of all it has counters of."""
        chosen = [rule for name in names for rule in self._find(name, "limits")]
        everything = not chosen
        found = {}
        for rule in chosen or self._rules.values():
            missing = rule.missing(subject)
            if missing and not everything:
                raise _empty(rule, missing)
            placed = None if missing else rule.key(subject)
            # Without names only what is the subject's alone is meant, never a counter shared by everybody.
            if placed is not None and not (everything and placed[1] == "*"):
                found[rule.name] = (rule.name, *placed)
        return list(found.values())

    def _find(self, name: str, path: str) -> tuple[Rule, ...]:
        found = self._names.get(name)
        if found is None:
            shown = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."
            raise InvalidArgument(
                f"there is no limit {shown!r}", reason="UNKNOWN_LIMIT", fields={path: "is not a limit or group"}
            )
        return found

    def counts_person_alone(self, name: str) -> bool:
        """Whether a limit has one counter for each person, wherever they are."""
        return self._rules[name].policy.by == ("person",)

    def by_person(self, names: Iterable[str]) -> list[str]:
        """Of some limits and groups, the limits that count by person."""
        found = [rule for name in names for rule in self._find(name, "limits") if rule.by_person]
        return list(dict.fromkeys(rule.name for rule in found))

    def _demand(self, rule: Rule, subject: Subject, name: str, cost: int, *, bypass: bool, flow: str) -> Demand | None:
        missing = rule.missing(subject)
        if missing is not None:
            raise _empty(rule, missing)
        variant = rule.pick(subject)
        placed = rule.key(subject) if variant is not None else None
        if variant is None or placed is None:
            return None
        if self._grants and rule.by_person:
            times = self._grants.times(rule.name, subject.user_id, subject.guild_id)
            if times > 1:
                variant = Variant(*self._grants.widened(variant.algorithm, times))
        flags = FORCED if bypass and rule.policy.may_bypass else rule.enforced
        return Demand(rule.name, name, cost, placed[0], placed[1], flags, variant, rule.policy, flow)


def _out_of_range(path: str, index: int) -> InvalidArgument:
    return InvalidArgument(
        "the cost is out of range", reason="COST_OUT_OF_RANGE", fields={f"{path}[{index}].cost": "too large"}
    )


def _check_cost(demand: Demand, path: str, index: int, *, estimates: bool) -> None:
    """What to do with a demand that is larger than its limit ever holds."""
    if demand.cost > LARGEST:
        raise _out_of_range(path, index)
    if demand.flags != ENFORCED:
        return
    if estimates:
        demand.impossible = True
        return
    capacity = demand.variant.algorithm.capacity
    raise InvalidArgument(
        f"{demand.limit} holds {capacity} and can never give {demand.cost}",
        reason="COST_ABOVE_CAPACITY",
        fields={f"{path}[{index}].cost": f"at most {capacity}"},
        metadata={"limit": demand.limit, "capacity": str(capacity)},
    )


def _empty(rule: Rule, field: str) -> InvalidArgument:
    return InvalidArgument(
        f"{rule.name} counts by {field}", reason="EMPTY_SUBJECT", fields={f"subject.{field}": "is empty"}
    )
