"""Failures on demand: rules that tests and the panel add, matched in order."""

import random
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from sandbox.discord.checks.fields import Fields
from sandbox.discord.rest.router import Route

KINDS: Final = ("status", "rate_limit", "latency", "hang", "cut", "ban", "body")


@dataclass(slots=True)
class Fault:
    """One rule; control/README.md says what each field means."""

    id: str
    kind: str
    method: str | None = None
    route: str | None = None
    times: int | None = 1
    probability: float = 1.0
    after: int = 0
    status: int = 500
    effect: bool = False
    scope: str = "user"
    retry_after: float = 1.0
    via: bool = True
    hidden: bool = False
    seconds: float = 1.0
    hits: int = 0

    def matches(self, route: Route) -> bool:
        """Whether a request to that route is meant."""
        if self.method is not None and self.method != route.method:
            return False
        if self.route is None:
            return True
        if self.route.endswith("*"):
            return route.template.startswith(self.route[:-1])
        return route.template == self.route

    def shown(self) -> dict[str, Any]:
        """As the control API shows it."""
        return asdict(self)


def read_fault(fields: Fields, number: int) -> Fault:
    """A rule from a body; raises 50035."""
    times = fields.raw("times")
    fault = Fault(
        id=str(number),
        kind=fields.choice("kind", KINDS, required=True, default="status"),
        method=fields.text("method"),
        route=fields.text("route"),
        times=None if times is None else fields.integer("times", low=1, default=1),
        after=fields.integer("after", low=0, default=0),
        status=fields.integer("status", low=400, high=599, default=500),
        effect=fields.boolean("effect", default=False),
        scope=fields.choice("scope", ("user", "global", "shared"), default="user"),
        via=fields.boolean("via", default=True),
        hidden=fields.boolean("hidden", default=False),
    )
    for name in ("probability", "retry_after", "seconds"):
        value = fields.raw(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
            setattr(fault, name, float(value))
        elif fields.has(name):
            fields.fail(name, "NUMBER_TYPE_COERCE", f'Value "{value}" is not float.')
    fields.done()
    return fault


@dataclass
class Faults:
    """The rules of one sandbox."""

    chance: random.Random = field(default_factory=random.Random)
    rules: dict[str, Fault] = field(default_factory=dict)
    _number: int = 0

    def add(self, fields: Fields) -> Fault:
        """Adds a rule."""
        self._number += 1
        fault = read_fault(fields, self._number)
        self.rules[fault.id] = fault
        return fault

    def next(self, route: Route) -> Fault | None:
        """The rule that strikes this request, used up by one."""
        for fault in list(self.rules.values()):
            if not fault.matches(route):
                continue
            if fault.after > 0:
                fault.after -= 1
                continue
            if fault.probability < 1.0 and self.chance.random() >= fault.probability:
                continue
            fault.hits += 1
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    del self.rules[fault.id]
            return fault
        return None
