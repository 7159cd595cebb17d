"""The settings that guilds, channels and people make in Discord, and what follows from them here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

from chassis.scoped import Place, Scope, ScopedSettings, ScopeKind, Setting, ValueKind
from chassis.scoped.service import effective
from chassis.tiers import role_grants
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
        "contexts",
        ValueKind.BOOL,
        "Whether what one said may go to a model with other people's questions.",
        default=True,
        scopes=(ScopeKind.PERSON,),
    ),
    Setting(
        "role_tiers",
        ValueKind.TEXTS,
        "Tiers of this guild's own roles, each as `role snowflake=tier`.",
        scopes=(ScopeKind.GUILD,),
        maximum=100,
    ),
)

_CONTEXTS = next(each for each in DECLARATIONS if each.key == "contexts")


class GuildSettings:
    """What holds where something is asked."""

    def __init__(self, scoped: ScopedSettings) -> None:
        self._scoped = scoped

    async def choice(self, asker: Asker) -> Choice:
        """See ChosenSettings."""
        found = await self._in_force(asker)

        def text(key: str) -> str:
            value = found[key]
            return value if isinstance(value, str) else ""

        temperature = found["temperature"]
        return Choice(
            text("model"),
            text("prompt"),
            float(temperature) if isinstance(temperature, int | float) else None,
            text("thinking"),
            text("language"),
        )

    async def withholding(self, people: Collection[int]) -> frozenset[int]:
        """See ChosenSettings. One look for all of them."""
        asked = sorted(people)
        held = await self._scoped.held(Scope(ScopeKind.PERSON, 0, person) for person in asked)
        return frozenset(
            person for person, values in zip(asked, held, strict=True) if effective(_CONTEXTS, (values,)).value is False
        )

    async def pictures_allowed(self, asker: Asker) -> bool:
        """Whether pictures are made here."""
        return (await self._in_force(asker))["image_mode"] != "off"

    async def music_service(self, asker: Asker) -> str:
        """The service that links to music lead to first."""
        return str((await self._in_force(asker))["music_service"] or "youtube")

    async def granted(self, asker: Asker) -> Mapping[int, str]:
        """See RoleGrants."""
        return role_grants((await self._in_force(asker))["role_tiers"])

    async def _in_force(self, asker: Asker) -> Mapping[str, object]:
        """All settings that hold for an asker, read once."""
        found = asker.seen.get("settings")
        if not isinstance(found, dict):
            in_force = await self._scoped.in_force(_place(asker))
            found = asker.seen["settings"] = {key: setting.value for key, setting in in_force.items()}
        return found


def _place(asker: Asker) -> Place:
    return Place(asker.guild_id, asker.category_id, asker.channel_id, asker.thread_id, asker.user_id)
