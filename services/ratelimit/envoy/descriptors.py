"""Matches Envoy's descriptors against the configured trees. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b

from chassis.errors import InvalidArgument
from services.ratelimit.algorithms import ENFORCED, LARGEST, AnyAlgorithm, SlidingWindow, TokenBucket
from services.ratelimit.demands import PREFIX
from services.ratelimit.envoy.settings import UNIT_SECONDS, Descriptor, EnvoyApi, EnvoyRate, Unit
from services.ratelimit.packing import Packer

_LONGEST = 1_024
_MOST_ENTRIES = 32
Entries = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A descriptor of a request."""

    entries: Entries
    hits: int
    limit: EnvoyRate | None = None
    """The limit that it brings along, if it does."""


@dataclass(frozen=True, slots=True)
class Match:
    """A descriptor's limit, and the counter for its values."""

    name: str
    key: str
    hits: int
    rate: EnvoyRate | None
    algorithm: AnyAlgorithm | None
    packer: Packer | None
    shadow: bool

    @property
    def flags(self) -> int:
        """For the scripts."""
        return 0 if self.shadow else ENFORCED

    @property
    def denies_all(self) -> bool:
        """Whether it is a limit of nothing, in force."""
        return self.rate is not None and self.algorithm is None and not self.shadow

    @property
    def unit_seconds(self) -> int:
        """The length of the limit's unit."""
        return UNIT_SECONDS[self.rate.unit] if self.rate else 0


class _Node:
    def __init__(self, descriptor: Descriptor) -> None:
        self.descriptor = descriptor
        self.algorithm = _algorithm(descriptor.rate_limit)
        self.packer = Packer(self.algorithm) if self.algorithm else None
        self.children = _index(descriptor.descriptors)


_Index = dict[tuple[str, str], _Node]


class Domains:
    """The trees of all domains."""

    def __init__(self, settings: EnvoyApi) -> None:
        self._most = settings.most_descriptors
        self._domains: dict[str, _Index] = {domain.domain: _index(domain.descriptors) for domain in settings.domains}

    def match(self, domain: str, asked: Sequence[Asked]) -> list[Match | None]:
        """The limit of each descriptor; None where there is none. InvalidArgument for what is no request."""
        if not domain:
            raise InvalidArgument("the domain is empty", reason="EMPTY_DOMAIN")
        if not asked:
            raise InvalidArgument("there are no descriptors", reason="NO_DESCRIPTORS")
        if len(asked) > self._most:
            raise InvalidArgument(f"at most {self._most} descriptors", reason="TOO_MANY_DESCRIPTORS")
        tree = self._domains.get(domain)
        matches: list[Match | None] = []
        for one in asked:
            if len(one.entries) > _MOST_ENTRIES or any(len(key) + len(value) > _LONGEST for key, value in one.entries):
                raise InvalidArgument("a descriptor is too long", reason="DESCRIPTOR_TOO_LONG")
            if one.hits > LARGEST:
                raise InvalidArgument("hits_addend is out of range", reason="COST_OUT_OF_RANGE")
            if tree is None:
                matches.append(None)
            elif one.limit is not None:
                matches.append(_overridden(domain, one, one.limit))
            else:
                matches.append(_find(domain, tree, one.entries, one.hits))
        return matches


def _find(domain: str, tree: _Index, entries: Entries, hits: int) -> Match | None:
    node: _Node | None = None
    level = tree
    for key, value in entries:
        node = level.get((key, value)) or level.get((key, ""))
        if node is None:
            return None
        level = node.children
    if node is None or (node.descriptor.rate_limit is None):
        return None
    return Match(
        name=_name(entries),
        key=_key(domain, repr(list(entries))),
        hits=hits,
        rate=node.descriptor.rate_limit,
        algorithm=node.algorithm,
        packer=node.packer,
        shadow=node.descriptor.shadow_mode,
    )


def _overridden(domain: str, one: Asked, rate: EnvoyRate) -> Match:
    """A limit that comes with the descriptor holds in place of the configured one, also where none is, and is never a
    shadow. Its counter is its own.
    """
    algorithm, packer = _parts(rate.requests_per_unit, rate.unit)
    text = repr((list(one.entries), rate.requests_per_unit, rate.unit))
    return Match(_name(one.entries), _key(domain, text), one.hits, rate, algorithm, packer, shadow=False)


@lru_cache(1_024)
def _parts(requests_per_unit: int, unit: Unit) -> tuple[AnyAlgorithm | None, Packer | None]:
    algorithm = _algorithm(EnvoyRate(requests_per_unit=requests_per_unit, unit=unit))
    return algorithm, Packer(algorithm) if algorithm else None


def _name(entries: Entries) -> str:
    return ".".join(key for key, _ in entries)


def _key(domain: str, text: str) -> str:
    return f"{PREFIX}:{{e{domain}}}:{blake2b(text.encode(), digest_size=12).hexdigest()}"


def _index(descriptors: Sequence[Descriptor]) -> _Index:
    return {(descriptor.key, descriptor.value): _Node(descriptor) for descriptor in descriptors}


def _algorithm(rate: EnvoyRate | None) -> AnyAlgorithm | None:
    if rate is None or rate.requests_per_unit == 0:
        return None
    unit_us = UNIT_SECONDS[rate.unit] * 1_000_000
    if rate.algorithm == "token_bucket":
        return TokenBucket(rate.requests_per_unit, rate.requests_per_unit, unit_us)
    return SlidingWindow(rate.requests_per_unit, unit_us)
