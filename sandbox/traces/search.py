"""The query over traces: free words, and conditions such as service, error, a least duration, an attribute's value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.traces.store import Trace


@dataclass(frozen=True)
class Query:
    """What to look for. All conditions hold at once; words are looked for in names and attribute values, any case."""

    words: tuple[str, ...] = ()
    service: str = ""
    name: str = ""
    errors_only: bool = False
    min_duration_ms: float = 0.0
    attributes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, str]) -> Query:
        """Reads `q`, `service`, `name`, `error`, `min_ms`; a word `key=value` in `q` is an attribute's value."""
        words, attributes = [], {}
        for word in parameters.get("q", "").split():
            key, equals, value = word.partition("=")
            if equals and key and value:
                attributes[key] = value
            else:
                words.append(word.casefold())
        return cls(
            words=tuple(words),
            service=parameters.get("service", ""),
            name=parameters.get("name", ""),
            errors_only=parameters.get("error", "") in ("1", "true"),
            min_duration_ms=float(parameters.get("min_ms") or 0),
            attributes=attributes,
        )

    def matches(self, trace: Trace) -> bool:
        """Whether a trace fits."""
        spans = trace.spans.values()
        if self.service and all(span.service != self.service for span in spans):
            return False
        if self.name and all(self.name not in span.name for span in spans):
            return False
        if self.errors_only and not any(span.error for span in spans):
            return False
        if self.min_duration_ms and (trace.end - trace.start) * 1000 < self.min_duration_ms:
            return False
        for key, value in self.attributes.items():
            if all(str(span.attributes.get(key)) != value for span in spans):
                return False
        return all(self._found(word, trace) for word in self.words)

    @staticmethod
    def _found(word: str, trace: Trace) -> bool:
        if word in trace.trace_id:
            return True
        return any(
            word in span.name.casefold()
            or word in span.service.casefold()
            or any(word in str(value).casefold() for value in span.attributes.values())
            for span in trace.spans.values()
        )
