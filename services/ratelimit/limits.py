"""The section `limits`: the policies by name, the groups they are taken in, and who passes them."""

from typing import Any, Literal

from pydantic import Field, model_validator

from chassis.settings import Section
from services.ratelimit.policies import Name, Policy

Permission = Literal["administrator", "manage_guild", "manage_messages", "moderate_members"]
PERMISSION_BITS: dict[str, int] = {
    "administrator": 1 << 3,
    "manage_guild": 1 << 5,
    "manage_messages": 1 << 13,
    "moderate_members": 1 << 40,
}
"""Discord's bits, https://docs.discord.com/developers/topics/permissions."""


class Bypass(Section):
    """Who passes limits that may be passed. What they use is counted all the same."""

    permissions: tuple[Permission, ...] = ()
    """Discord permissions."""
    roles: frozenset[int] = frozenset()
    """Role snowflakes."""
    persons: frozenset[int] = frozenset()
    """User snowflakes."""


def _default_policies() -> dict[str, Any]:
    bucket, window, calendar = "token_bucket", "sliding_window", "calendar"
    return {
        "person_burst": {
            "algorithm": bucket, "by": ["person"], "capacity": 5, "rate": 15, "per": "1m", "on_outage": "share",
        },
        "person_minute": {
            "algorithm": window, "by": ["person"], "limit": 15, "window": "1m", "on_outage": "share",
        },
        "llm_requests": {
            "algorithm": window, "by": ["person"], "limit": 60, "window": "1m", "on_outage": "share",
        },
        "llm_images": {"algorithm": window, "by": ["person"], "limit": 20, "window": "1h"},
        "person_tokens": {"algorithm": calendar, "by": ["person"], "limit": 2_000_000, "period": "day"},
        "guild_tokens": {"algorithm": calendar, "by": ["guild"], "limit": 50_000_000, "period": "day"},
        "person_money": {"algorithm": calendar, "by": ["person"], "limit": 5_000_000_000, "period": "day"},
        "guild_money": {"algorithm": calendar, "by": ["guild"], "limit": 50_000_000_000, "period": "day"},
        "provider_money": {"algorithm": calendar, "by": ["provider"], "limit": 100_000_000_000, "period": "day"},
    }  # fmt: skip


def _default_groups() -> dict[str, Any]:
    return {
        "requests": ("person_burst", "person_minute"),
        "ask": ("person_burst", "person_minute"),
        "llm_tokens": ("person_tokens", "guild_tokens"),
        "llm_money": ("person_money", "guild_money", "provider_money"),
    }


class Limits(Section):
    """The policies. A request names them and never carries them."""

    policies: dict[Name, Policy] = Field(default_factory=_default_policies, validate_default=True)
    """Each limit by its name."""
    groups: dict[Name, tuple[Name, ...]] = Field(default_factory=_default_groups, validate_default=True)
    """Limits that are taken together, under one name."""
    bypass: Bypass = Bypass()
    """Who passes limits."""
    operators: frozenset[int] = frozenset()
    """Users who may reset any limit; administrators of a guild may reset those of their own guild."""

    @model_validator(mode="after")
    def _groups_name_policies(self) -> "Limits":
        for group, members in self.groups.items():
            if group in self.policies:
                raise ValueError(f"groups.{group}: a limit has this name already")
            if not members:
                raise ValueError(f"groups.{group}: names no limit")
            for member in members:
                if member not in self.policies:
                    raise ValueError(f"groups.{group}: there is no limit {member}")
        return self
