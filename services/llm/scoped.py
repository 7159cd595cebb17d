"""The settings that guilds, channels and people make in Discord, and what follows from them here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from chassis.scoped import Place, ScopedSettings, ScopeKind, Setting, ValueKind
from services.llm.limits import Asker
from services.llm.preferences import Choice

EVERYWHERE = tuple(ScopeKind)
PLACES = (ScopeKind.GUILD, ScopeKind.CATEGORY, ScopeKind.CHANNEL, ScopeKind.THREAD)
MusicService = Literal["youtube", "spotify", "apple_music"]
DECLARATIONS = (
    Setting("model", ValueKind.TEXT, "The model that answers, as `provider/id`.", maximum=100),
    Setting("prompt", ValueKind.TEXT, "The persona that answers.", maximum=50),
    Setting("thinking", ValueKind.TEXT, "How much the model thinks.", choices=("off", "low", "medium", "high", "max")),
    Setting("temperature", ValueKind.NUMBER, "How freely the model answers.", minimum=0, maximum=2),
    Setting(
        "image_mode", ValueKind.TEXT, "Whether pictures are made.", default="on", scopes=PLACES, choices=("on", "off")
    ),
    Setting("language", ValueKind.TEXT, "The language of answers; empty for that of the question.", maximum=40),
    Setting(
        "music_service",
        ValueKind.TEXT,
        "The service that links to music lead to first.",
        default="youtube",
        choices=("youtube", "spotify", "apple_music"),
    ),
    Setting(
        "role_tiers",
        ValueKind.TEXTS,
        "Tiers of this guild's own roles, each as `role snowflake=tier`.",
        scopes=(ScopeKind.GUILD,),
        maximum=100,
    ),
)


class GuildSettings:
    """What holds where something is asked."""

    def __init__(self, scoped: ScopedSettings) -> None:
        self._scoped = scoped

    async def choice(self, asker: Asker) -> Choice:
        """See ChosenSettings."""
        found = await self._scoped.in_force(_place(asker))

        def text(key: str) -> str:
            value = found[key].value
            return value if isinstance(value, str) else ""

        temperature = found["temperature"].value
        return Choice(
            text("model"),
            text("prompt"),
            float(temperature) if isinstance(temperature, int | float) else None,
            text("thinking"),
            text("language"),
        )

    async def pictures_allowed(self, asker: Asker) -> bool:
        """Whether pictures are made here."""
        return await self._scoped.value(_place(asker), "image_mode") != "off"

    async def music_service(self, asker: Asker) -> str:
        """The service that links to music lead to first."""
        return str(await self._scoped.value(_place(asker), "music_service") or "youtube")

    async def of_guild(self, guild_id: int) -> Mapping[int, str]:
        """See RoleGrants. An entry that names no role is left out."""
        entries = await self._scoped.value(Place(guild_id=guild_id), "role_tiers")
        pairs = (entry.partition("=") for entry in entries) if isinstance(entries, tuple) else ()
        return {int(role): tier.strip() for role, _, tier in pairs if role.strip().isdecimal()}


def _place(asker: Asker) -> Place:
    return Place(asker.guild_id, asker.category_id, asker.channel_id, asker.thread_id, asker.user_id)
