"""Who may use what in llm, by the tiers of the configuration and those that a guild gave to its own roles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from chassis.settings import Live
from chassis.tiers import Kind, may
from services.llm.limits import Asker
from services.llm.problems import feature_forbidden, model_forbidden, prompt_forbidden
from services.llm.settings import LlmSettings


class RoleGrants(Protocol):
    """A guild's own mapping of Discord roles to tiers."""

    async def granted(self, asker: Asker) -> Mapping[int, str]:
        """Tier by role."""
        ...


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

    async def _may(self, asker: Asker, kind: Kind, name: str) -> bool:
        # The system's own work has no person.
        if not asker.user_id:
            return True
        granted = await self._grants.granted(asker) if asker.guild_id else {}
        return may(asker, kind, name, self._settings.current.roles, granted)
