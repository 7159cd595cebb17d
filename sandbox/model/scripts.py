"""Scripted answers and faults: what a test, a benchmark or the page told the demo model to do next.

A rule says for which requests it holds (a part of the last message, a model), how often, and what happens then: an
answer of its own, an answer of exactly N tokens, a pace, thinking, or one of the faults of `FAULTS`.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from sandbox.model.dialogue import Ask

# Before the answer: rate_limited (429 with Retry-After), server_error (500), bad_gateway (502), unavailable (503),
# overloaded (529), unauthorized (401), slow_first (a late first token). Within it, after `after_tokens`: drop (the
# connection is cut), truncate (the stream ends with no finish), malformed (a line that is no JSON), stall (silence).
FAULTS = (
    "rate_limited", "server_error", "bad_gateway", "unavailable", "overloaded", "unauthorized",
    "slow_first", "drop", "truncate", "malformed", "stall",
)  # fmt: skip
STATUS_OF = {
    "rate_limited": 429, "server_error": 500, "bad_gateway": 502, "unavailable": 503, "overloaded": 529,
    "unauthorized": 401,
}  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """A fault: its kind, the Retry-After in seconds, how long it lasts, and after how many tokens it strikes."""

    kind: str
    retry_after: float = 1.0
    seconds: float = 30.0
    after_tokens: int = 5

    def __post_init__(self) -> None:
        if self.kind not in FAULTS:
            raise ValueError(f"fault {self.kind!r} is none of {', '.join(FAULTS)}")

    @classmethod
    def from_header(cls, text: str) -> Fault:
        """Reads `X-Sandbox-Fault: rate_limited; retry_after=2`."""
        kind, *pairs = [part.strip() for part in text.split(";")]
        values = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
        return cls.from_json({"kind": kind, **values})

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Fault:
        """Reads a fault from a request; ValueError says what is wrong."""
        _only_fields(cls, data)
        return cls(
            kind=str(data.get("kind", "")),
            retry_after=float(data.get("retry_after", 1.0)),
            seconds=float(data.get("seconds", 30.0)),
            after_tokens=int(data.get("after_tokens", 5)),
        )


@dataclass(frozen=True)
class Rule:
    """What to do with the requests that it holds for.

    contains: a part of the last message, any case; empty for all. model: the model's name; empty for all.
    times: how many requests it is used for; 0 for ever. probability: the share of matching requests it strikes.
    text, tokens: the answer, or the length of a filler answer; neither for the model's own. answers_json: JSON asks
    and plain asks alike get `text` as it stands, so malformed answers can be scripted.
    tokens_per_second, first_token_seconds: the pace; None for the configured one.
    """

    id: str = ""
    contains: str = ""
    model: str = ""
    times: int = 0
    probability: float = 1.0
    text: str | None = None
    tokens: int | None = None
    thinking: str = ""
    tokens_per_second: float | None = None
    first_token_seconds: float | None = None
    fault: Fault | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Rule:
        """Reads a rule from a request; ValueError says what is wrong."""
        _only_fields(cls, data)
        values = dict(data)
        if values.get("fault") is not None:
            fault = values["fault"]
            values["fault"] = Fault.from_json({"kind": fault} if isinstance(fault, str) else fault)
        for name in ("times", "tokens"):
            if values.get(name) is not None and (not isinstance(values[name], int) or values[name] < 0):
                raise ValueError(f"{name} must be a whole number of 0 or more")
        for name in ("contains", "model", "text", "thinking"):
            if values.get(name) is not None and not isinstance(values[name], str):
                raise ValueError(f"{name} must be a text")
        for name in ("probability", "tokens_per_second", "first_token_seconds"):
            if values.get(name) is not None:
                values[name] = float(values[name])
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """The rule as the control API shows it."""
        return asdict(self)

    def holds_for(self, ask: Ask) -> bool:
        """Whether the rule is meant for a request."""
        return (not self.model or self.model == ask.model) and self.contains.casefold() in ask.last.casefold()


def _only_fields(cls: type, data: Mapping[str, Any]) -> None:
    if not isinstance(data, Mapping):
        raise TypeError("a JSON object is expected")
    known = set(cls.__dataclass_fields__)  # type: ignore[attr-defined]
    unknown = sorted(set(data) - known)
    if unknown:
        raise ValueError(f"unknown field {unknown[0]!r}; known are {', '.join(sorted(known))}")


class RuleBook:
    """The rules in force; the newest that holds wins, and a rule with `times` is gone when they are used up."""

    def __init__(self, rng: random.Random) -> None:
        self._rules: dict[str, Rule] = {}
        self._ids = itertools.count(1)
        self._rng = rng

    def add(self, rule: Rule) -> Rule:
        """Puts a rule in force and gives it an id."""
        rule = replace(rule, id=str(next(self._ids)))
        self._rules[rule.id] = rule
        return rule

    def remove(self, rule_id: str) -> bool:
        """Takes a rule out of force; False where there was none."""
        return self._rules.pop(rule_id, None) is not None

    def clear(self) -> None:
        """Takes all rules out of force."""
        self._rules.clear()

    def all(self) -> list[Rule]:
        """The rules in force, oldest first."""
        return list(self._rules.values())

    def take(self, ask: Ask) -> Rule | None:
        """The rule for a request, counted as used."""
        for rule in reversed(self._rules.values()):
            if not rule.holds_for(ask) or self._rng.random() >= rule.probability:
                continue
            if rule.times == 1:
                del self._rules[rule.id]
            elif rule.times > 1:
                self._rules[rule.id] = replace(rule, times=rule.times - 1)
            return rule
        return None
