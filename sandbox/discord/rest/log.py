"""The last requests, with what the description says of them."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from sandbox.conformance import Verdict
from sandbox.conformance.checker import UNCHECKED

KEPT = 5000


@dataclass(slots=True)
class Entry:
    """One request and its answer."""

    number: int
    at: float
    method: str
    path: str
    route: str
    actor: str
    status: int = 0
    code: int = 0
    milliseconds: float = 0.0
    bucket: str = ""
    request: Verdict = UNCHECKED
    response: Verdict = UNCHECKED
    fault: str = ""

    def shown(self) -> dict[str, Any]:
        """As the control API shows it."""
        return {
            "n": self.number,
            "at": self.at,
            "method": self.method,
            "path": self.path,
            "route": self.route,
            "status": self.status,
            "code": self.code,
            "ms": round(self.milliseconds, 3),
            "actor": self.actor,
            "bucket": self.bucket,
            "fault": self.fault,
            "request": _verdict(self.request),
            "response": _verdict(self.response),
        }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {"verdict": verdict.verdict, "findings": [finding.line() for finding in verdict.findings]}


@dataclass
class RequestLog:
    """Bounded; what falls out of it stays counted."""

    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=KEPT))
    count: int = 0
    by_status: Counter[int] = field(default_factory=Counter)
    refused_by_bucket: Counter[str] = field(default_factory=Counter)
    nonconforming_requests: int = 0
    nonconforming_answers: int = 0

    def open(self, at: float, method: str, path: str, route: str, actor: str) -> Entry:
        """Starts an entry; it is kept from `close` on."""
        self.count += 1
        return Entry(self.count, at, method, path, route, actor)

    def close(self, entry: Entry) -> None:
        """Keeps a finished entry."""
        self.entries.append(entry)
        self.by_status[entry.status] += 1
        if entry.request.verdict == "invalid":
            self.nonconforming_requests += 1
        if entry.response.verdict == "invalid":
            self.nonconforming_answers += 1
