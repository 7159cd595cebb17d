"""One policy, made ready: which of its numbers hold for a subject, and which counter is the subject's.

Of the overrides the last match counts, but of the matches by role the most generous. The part of a counter's key in
braces is its hash tag, which places it in a Redis Cluster: the guild where the limit counts by guild, else the person,
else one slot for all that is wider.
"""

from fnmatch import fnmatchcase
from urllib.parse import quote

from services.ratelimit.algorithms import ENFORCED
from services.ratelimit.demands import PREFIX, Subject, Variant
from services.ratelimit.packing import Packer
from services.ratelimit.policies import Override, Policy

_SUBJECT_FIELDS = {
    "guild": "guild_id",
    "person": "user_id",
    "channel": "channel_id",
    "model": "model",
    "provider": "provider",
}


class Rule:
    """A policy with its variants ready."""

    def __init__(self, name: str, policy: Policy) -> None:
        self.name, self.policy = name, policy
        self.base = _variant(policy, None)
        self._plain: list[tuple[Override, Variant | None]] = []
        self._by_role: list[tuple[Override, Variant | None]] = []
        for override in policy.overrides:
            variant = None if override.unlimited else _variant(policy, override)
            (self._by_role if override.roles else self._plain).append((override, variant))
        self._overridden = bool(policy.overrides)
        self._rest = tuple(dimension for dimension in policy.by if dimension not in ("guild", "person"))
        self._needs = tuple(_SUBJECT_FIELDS[dimension] for dimension in policy.by if dimension not in ("role", "guild"))
        self.by_guild, self.by_person = "guild" in policy.by, "person" in policy.by
        self.enforced = 0 if policy.mode == "shadow" else ENFORCED

    def pick(self, subject: Subject) -> Variant | None:
        """The numbers for a subject; None where the limit does not apply."""
        if not self._overridden:
            return self.base
        chosen: Variant | None = self.base
        for override, variant in self._plain:
            if _matches(override, subject):
                chosen = variant
        best: tuple[bool, Variant | None] = (False, None)
        for override, variant in self._by_role:
            if not override.roles.isdisjoint(subject.role_ids) and _matches(override, subject):
                if variant is None:
                    return None
                if best[1] is None or variant.algorithm.generosity > best[1].algorithm.generosity:
                    best = (True, variant)
        return best[1] if best[0] else chosen

    def key(self, subject: Subject) -> tuple[str, str] | None:
        """The counter's key and its hash tag; None where the limit does not count for the subject."""
        name = self.name
        if self.by_guild and subject.guild_id:
            tag = f"g{subject.guild_id}"
            if self.by_person:
                name = f"{name}:u{subject.user_id}"
        elif self.by_person:
            tag = f"u{subject.user_id}"
        elif self.by_guild:
            return None  # outside of guilds no guild is limited
        else:
            tag = "*"
        for dimension in self._rest:
            part = self._part(dimension, subject)
            if part is None:
                return None
            name = f"{name}:{part}"
        return f"{PREFIX}:{{{tag}}}:{name}", tag

    def missing(self, subject: Subject) -> str | None:
        """The subject's field that the limit counts by and that is not given."""
        for field in self._needs:
            if not getattr(subject, field):
                return field
        return None

    def _part(self, dimension: str, subject: Subject) -> str | None:
        if dimension == "role":
            role = next((role for role in self.policy.roles if role in subject.role_ids), None)
            return None if role is None else f"r{role}"
        if dimension == "channel":
            return f"c{subject.channel_id}"
        return quote(subject.model if dimension == "model" else subject.provider, safe="/@:")


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
