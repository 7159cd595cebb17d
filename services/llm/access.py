"""Who may use what. Tiers in the configuration grant models, prompts and features by pattern; people have tiers by
their Discord roles, their permissions, or by name; a guild's admins may give further roles a tier, if the configuration
lets them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Literal, Protocol

from chassis.settings import Live
from services.llm.limits import Asker
from services.llm.problems import feature_forbidden, model_forbidden, prompt_forbidden
from services.llm.settings import LlmSettings, RoleSettings

EVERYONE = "everyone"
"""The tier that all people have."""
Kind = Literal["models", "prompts", "features"]
PERMISSION_BITS = {
    "ADMINISTRATOR": 1 << 3, "MANAGE_CHANNELS": 1 << 4, "MANAGE_GUILD": 1 << 5, "MANAGE_MESSAGES": 1 << 13,
    "MANAGE_ROLES": 1 << 28, "MODERATE_MEMBERS": 1 << 40,
}  # fmt: skip
"""https://discord.com/developers/docs/topics/permissions"""


class RoleGrants(Protocol):
    """A guild's own mapping of Discord roles to tiers."""

    async def of_guild(self, guild_id: int) -> Mapping[int, str]:
        """Tier by role."""
        ...


class NoGrants:
    """For guilds that map nothing themselves."""

    async def of_guild(self, guild_id: int) -> Mapping[int, str]:
        """Nothing."""
        return {}


class Access:
    """Decides what an asker may use."""

    def __init__(self, settings: Live[LlmSettings], grants: RoleGrants) -> None:
        self._settings = settings
        self._grants = grants

    async def may_use_model(self, asker: Asker, name: str) -> bool:
        """Whether the asker may use a model."""
        return await self._may(asker, "models", name)

    async def require_model(self, asker: Asker, name: str) -> None:
        """Raises PermissionDenied (MODEL_FORBIDDEN)."""
        if not await self._may(asker, "models", name):
            raise model_forbidden(name)

    async def may_use_prompt(self, asker: Asker, name: str) -> bool:
        """Whether the asker may use a prompt."""
        return await self._may(asker, "prompts", name)

    async def require_prompt(self, asker: Asker, name: str) -> None:
        """Raises PermissionDenied (PROMPT_FORBIDDEN)."""
        if not await self._may(asker, "prompts", name):
            raise prompt_forbidden(name)

    async def require_feature(self, asker: Asker, name: str) -> None:
        """Raises PermissionDenied (FEATURE_FORBIDDEN)."""
        if not await self._may(asker, "features", name):
            raise feature_forbidden(name)

    async def tiers(self, asker: Asker) -> list[str]:
        """The tiers that the asker has, without inherited ones."""
        roles = self._settings.current.roles
        mapped = await self._grants.of_guild(asker.guild_id) if asker.guild_id else {}
        granted = {
            tier for role, tier in mapped.items() if role in asker.role_ids and tier in roles and roles[tier].grantable
        }
        return [name for name, role in roles.items() if name == EVERYONE or name in granted or _has(asker, role)]

    async def _may(self, asker: Asker, kind: Kind, name: str) -> bool:
        roles = self._settings.current.roles
        # The system's own work has no person, and an installation without tiers limits nobody.
        if not asker.user_id or not roles:
            return True
        return any(allows(patterns(roles, tier, kind), name) for tier in await self.tiers(asker))


def _has(asker: Asker, role: RoleSettings) -> bool:
    return (
        asker.user_id in role.members
        or any(each in role.discord_roles for each in asker.role_ids)
        or any(asker.permissions & PERMISSION_BITS[each] for each in role.permissions)
    )


def patterns(roles: Mapping[str, RoleSettings], tier: str, kind: Kind) -> list[str]:
    """The patterns of a tier, inherited ones first. A circle of inheritance ends where it closes."""
    found: list[str] = []
    seen: set[str] = set()

    def visit(name: str) -> None:
        if name in seen or name not in roles:
            return
        seen.add(name)
        for parent in roles[name].inherits:
            visit(parent)
        found.extend(getattr(roles[name], kind))

    visit(tier)
    return found


def allows(rules: Iterable[str], name: str) -> bool:
    """Whether the last pattern that fits grants; one that starts with `!` takes away."""
    verdict = False
    for rule in rules:
        if fnmatchcase(name.lower(), rule.removeprefix("!").lower()):
            verdict = not rule.startswith("!")
    return verdict
