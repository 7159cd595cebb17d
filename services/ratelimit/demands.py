"""What a request takes from the counters: of whom, how much, by which numbers."""

from dataclasses import dataclass
from typing import NamedTuple

from services.ratelimit.algorithms import FORCED, AnyAlgorithm
from services.ratelimit.packing import Packer
from services.ratelimit.policies import Policy

PREFIX = "ratelimit"
"""What every key begins with."""


class Subject(NamedTuple):
    """Who or what is limited. Zero and empty are "not given"."""

    guild_id: int = 0
    user_id: int = 0
    role_ids: tuple[int, ...] = ()
    channel_id: int = 0
    model: str = ""
    provider: str = ""


class Variant(NamedTuple):
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
