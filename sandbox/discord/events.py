"""What happened, for whoever may see it: the one way out of the world.

An event carries its payload ready to be sent. Who gets it follows from its guild, its channel and, where only certain
people may see it, its audience; which intent a bot needs follows from its name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final


class Intent(IntEnum):
    """https://discord.com/developers/docs/events/gateway#gateway-intents"""

    GUILDS = 1 << 0
    GUILD_MEMBERS = 1 << 1
    GUILD_MODERATION = 1 << 2
    GUILD_EXPRESSIONS = 1 << 3
    GUILD_INTEGRATIONS = 1 << 4
    GUILD_WEBHOOKS = 1 << 5
    GUILD_INVITES = 1 << 6
    GUILD_VOICE_STATES = 1 << 7
    GUILD_PRESENCES = 1 << 8
    GUILD_MESSAGES = 1 << 9
    GUILD_MESSAGE_REACTIONS = 1 << 10
    GUILD_MESSAGE_TYPING = 1 << 11
    DIRECT_MESSAGES = 1 << 12
    DIRECT_MESSAGE_REACTIONS = 1 << 13
    DIRECT_MESSAGE_TYPING = 1 << 14
    MESSAGE_CONTENT = 1 << 15
    GUILD_SCHEDULED_EVENTS = 1 << 16
    AUTO_MODERATION_CONFIGURATION = 1 << 20
    AUTO_MODERATION_EXECUTION = 1 << 21
    GUILD_MESSAGE_POLLS = 1 << 24
    DIRECT_MESSAGE_POLLS = 1 << 25


I = Intent  # noqa: E741
ALL_INTENTS: Final = int(sum(I))
# Of embedded activities: Discord takes it without documenting it, and libraries that ask for all intents send it.
UNDOCUMENTED_INTENTS: Final = 1 << 17
PRIVILEGED: Final = int(I.GUILD_MEMBERS | I.GUILD_PRESENCES | I.MESSAGE_CONTENT)

# Event -> (intent in a guild, intent in a direct message); 0: sent to every session.
INTENT_OF: Final[Mapping[str, tuple[int, int]]] = {
    **{
        name: (int(I.GUILDS), int(I.GUILDS))
        for name in (
            "GUILD_CREATE",
            "GUILD_UPDATE",
            "GUILD_DELETE",
            "GUILD_ROLE_CREATE",
            "GUILD_ROLE_UPDATE",
            "GUILD_ROLE_DELETE",
            "CHANNEL_UPDATE",
            "CHANNEL_DELETE",
            "THREAD_CREATE",
            "THREAD_UPDATE",
            "THREAD_DELETE",
            "THREAD_LIST_SYNC",
            "THREAD_MEMBER_UPDATE",
            "THREAD_MEMBERS_UPDATE",
        )
    },
    "CHANNEL_CREATE": (int(I.GUILDS), int(I.DIRECT_MESSAGES)),
    "CHANNEL_PINS_UPDATE": (int(I.GUILDS), int(I.DIRECT_MESSAGES)),
    "GUILD_MEMBER_ADD": (int(I.GUILD_MEMBERS), 0),
    "GUILD_MEMBER_UPDATE": (int(I.GUILD_MEMBERS), 0),
    "GUILD_MEMBER_REMOVE": (int(I.GUILD_MEMBERS), 0),
    "GUILD_BAN_ADD": (int(I.GUILD_MODERATION), 0),
    "GUILD_BAN_REMOVE": (int(I.GUILD_MODERATION), 0),
    "GUILD_AUDIT_LOG_ENTRY_CREATE": (int(I.GUILD_MODERATION), 0),
    "GUILD_EMOJIS_UPDATE": (int(I.GUILD_EXPRESSIONS), 0),
    "GUILD_INTEGRATIONS_UPDATE": (int(I.GUILD_INTEGRATIONS), 0),
    "WEBHOOKS_UPDATE": (int(I.GUILD_WEBHOOKS), 0),
    "INVITE_CREATE": (int(I.GUILD_INVITES), 0),
    "INVITE_DELETE": (int(I.GUILD_INVITES), 0),
    "MESSAGE_CREATE": (int(I.GUILD_MESSAGES), int(I.DIRECT_MESSAGES)),
    "MESSAGE_UPDATE": (int(I.GUILD_MESSAGES), int(I.DIRECT_MESSAGES)),
    "MESSAGE_DELETE": (int(I.GUILD_MESSAGES), int(I.DIRECT_MESSAGES)),
    "MESSAGE_DELETE_BULK": (int(I.GUILD_MESSAGES), 0),
    "MESSAGE_REACTION_ADD": (int(I.GUILD_MESSAGE_REACTIONS), int(I.DIRECT_MESSAGE_REACTIONS)),
    "MESSAGE_REACTION_REMOVE": (int(I.GUILD_MESSAGE_REACTIONS), int(I.DIRECT_MESSAGE_REACTIONS)),
    "MESSAGE_REACTION_REMOVE_ALL": (int(I.GUILD_MESSAGE_REACTIONS), int(I.DIRECT_MESSAGE_REACTIONS)),
    "MESSAGE_REACTION_REMOVE_EMOJI": (int(I.GUILD_MESSAGE_REACTIONS), int(I.DIRECT_MESSAGE_REACTIONS)),
    **{f"GUILD_SCHEDULED_EVENT_{what}": (int(I.GUILD_SCHEDULED_EVENTS), 0) for what in ("CREATE", "UPDATE", "DELETE")},
    **{
        f"AUTO_MODERATION_RULE_{what}": (int(I.AUTO_MODERATION_CONFIGURATION), 0)
        for what in ("CREATE", "UPDATE", "DELETE")
    },
    "AUTO_MODERATION_ACTION_EXECUTION": (int(I.AUTO_MODERATION_EXECUTION), 0),
    "TYPING_START": (int(I.GUILD_MESSAGE_TYPING), int(I.DIRECT_MESSAGE_TYPING)),
}
# A bot gets these about itself whatever its intents.
ABOUT_ONESELF: Final = frozenset({"GUILD_MEMBER_UPDATE", "THREAD_MEMBERS_UPDATE"})
# Without the content intent these arrive with their content, embeds, attachments and components emptied.
CARRIES_CONTENT: Final = frozenset({"MESSAGE_CREATE", "MESSAGE_UPDATE"})
# Names that clients of people get and bots never do.
PEOPLE_ONLY: Final = frozenset({"INTERACTION_SUCCESS", "INTERACTION_FAILURE", "INTERACTION_MODAL_CREATE"})


@dataclass(frozen=True, slots=True)
class Event:
    """`channel_id`: only who may view it gets it. `audience`: nobody else gets it. `subject_id`: whom it is about.

    `number` counts all events of a world. `needs` is the permission that readers need beyond seeing the channel.
    """

    number: int
    name: str
    data: dict[str, Any]
    guild_id: int | None = None
    channel_id: int | None = None
    audience: frozenset[int] | None = None
    subject_id: int | None = None
    needs: int = 0

    def intent(self) -> int:
        """The intent bit that a bot's session needs; 0 for none."""
        in_guild, direct = INTENT_OF.get(self.name, (0, 0))
        return direct if self.guild_id is None else in_guild
