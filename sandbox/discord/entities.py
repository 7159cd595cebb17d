"""What a Discord is made of: plain records, ids as integers, times as Unix seconds.

One module, because they refer to one another and to nothing else. They know nothing of JSON or HTTP; `render` turns
them into what travels. Kept slim (slots, shared empty tuples): a hundred thousand messages must fit in memory.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

JSON = dict[str, Any]


class ChannelType(IntEnum):
    """https://discord.com/developers/docs/resources/channel#channel-object-channel-types"""

    TEXT = 0
    DM = 1
    VOICE = 2
    GROUP_DM = 3
    CATEGORY = 4
    NEWS = 5
    NEWS_THREAD = 10
    PUBLIC_THREAD = 11
    PRIVATE_THREAD = 12
    STAGE = 13
    DIRECTORY = 14
    FORUM = 15
    MEDIA = 16


THREAD_TYPES = frozenset({ChannelType.NEWS_THREAD, ChannelType.PUBLIC_THREAD, ChannelType.PRIVATE_THREAD})
MESSAGEABLE_TYPES = THREAD_TYPES | {
    ChannelType.TEXT,
    ChannelType.DM,
    ChannelType.GROUP_DM,
    ChannelType.VOICE,
    ChannelType.NEWS,
    ChannelType.STAGE,
}
FORUM_TYPES = frozenset({ChannelType.FORUM, ChannelType.MEDIA})


class MessageFlag(IntEnum):
    """https://discord.com/developers/docs/resources/message#message-object-message-flags"""

    CROSSPOSTED = 1 << 0
    SUPPRESS_EMBEDS = 1 << 2
    HAS_THREAD = 1 << 5
    EPHEMERAL = 1 << 6
    LOADING = 1 << 7
    SUPPRESS_NOTIFICATIONS = 1 << 12
    IS_VOICE_MESSAGE = 1 << 13
    IS_COMPONENTS_V2 = 1 << 15


class MessageType(IntEnum):
    """The types that the sandbox makes."""

    DEFAULT = 0
    CHANNEL_PINNED_MESSAGE = 6
    USER_JOIN = 7
    THREAD_CREATED = 18
    REPLY = 19
    CHAT_INPUT_COMMAND = 20
    THREAD_STARTER_MESSAGE = 21
    CONTEXT_MENU_COMMAND = 23
    AUTO_MODERATION_ACTION = 24


@dataclass(slots=True)
class User:
    """An account: a person or a bot."""

    id: int
    username: str
    global_name: str | None = None
    bot: bool = False
    avatar: str | None = None
    discriminator: str = "0"
    accent_color: int | None = None
    locale: str = "en-US"
    apps: set[int] = field(default_factory=set)
    """Applications that they installed for themselves: usable wherever they are."""


@dataclass(slots=True)
class Application:
    """A bot's application. `token` is its bot token."""

    id: int
    bot_id: int
    owner_id: int
    name: str
    token: str
    description: str = ""
    flags: int = (1 << 19) | (1 << 15) | (1 << 13)
    tags: tuple[str, ...] = ()
    emojis: dict[int, "Emoji"] = field(default_factory=dict)


@dataclass(slots=True)
class Role:
    """A role; the everyone role has its guild's id."""

    id: int
    name: str
    permissions: int = 0
    position: int = 0
    color: int = 0
    secondary_color: int | None = None
    tertiary_color: int | None = None
    hoist: bool = False
    managed: bool = False
    mentionable: bool = False
    icon: str | None = None
    unicode_emoji: str | None = None
    bot_id: int | None = None


@dataclass(slots=True)
class Member:
    """A user in a guild."""

    user_id: int
    joined_at: float
    roles: list[int] = field(default_factory=list)
    nick: str | None = None
    avatar: str | None = None
    mute: bool = False
    deaf: bool = False
    pending: bool = False
    flags: int = 0
    timed_out_until: float | None = None
    premium_since: float | None = None


@dataclass(slots=True)
class Overwrite:
    """A channel's exception for a role (`kind` 0) or a member (1)."""

    id: int
    kind: int
    allow: int = 0
    deny: int = 0


@dataclass(slots=True)
class ForumTag:
    """A forum's tag."""

    id: int
    name: str
    moderated: bool = False
    emoji_id: int | None = None
    emoji_name: str | None = None


@dataclass(slots=True)
class ThreadMember:
    """Somebody who joined a thread."""

    user_id: int
    joined_at: float
    flags: int = 1


@dataclass(slots=True)
class ThreadState:
    """What a thread has and other channels have not."""

    owner_id: int
    created_at: float
    archive_changed_at: float
    auto_archive_minutes: int = 4320
    archived: bool = False
    locked: bool = False
    invitable: bool | None = None
    message_count: int = 0
    total_message_sent: int = 0
    applied_tags: list[int] = field(default_factory=list)
    members: dict[int, ThreadMember] = field(default_factory=dict)


@dataclass(slots=True)
class Channel:
    """Any channel: in a guild, direct, or a thread (`thread` is set then)."""

    id: int
    type: ChannelType
    guild_id: int | None = None
    name: str = ""
    position: int = 0
    topic: str | None = None
    nsfw: bool = False
    parent_id: int | None = None
    rate_limit_per_user: int = 0
    last_message_id: int | None = None
    last_pin_at: float | None = None
    default_auto_archive_minutes: int | None = None
    default_thread_rate_limit: int = 0
    bitrate: int = 64000
    user_limit: int = 0
    rtc_region: str | None = None
    flags: int = 0
    overwrites: dict[int, Overwrite] = field(default_factory=dict)
    tags: list[ForumTag] = field(default_factory=list)
    default_reaction: JSON | None = None
    default_sort_order: int | None = None
    default_forum_layout: int = 0
    recipients: tuple[int, ...] = ()
    thread: ThreadState | None = None

    @property
    def is_thread(self) -> bool:
        """Whether it is a thread."""
        return self.thread is not None

    @property
    def is_direct(self) -> bool:
        """Whether it belongs to no guild."""
        return self.guild_id is None


@dataclass(slots=True)
class Attachment:
    """An uploaded file; its bytes lie in the world's file store under its id."""

    id: int
    filename: str
    size: int
    content_type: str
    description: str | None = None
    title: str | None = None
    width: int | None = None
    height: int | None = None
    spoiler: bool = False


@dataclass(slots=True)
class Reaction:
    """One emoji under a message and who gave it, in order."""

    emoji_id: int | None
    emoji_name: str
    users: dict[int, None] = field(default_factory=dict)


@dataclass(slots=True)
class Edit:
    """How a message looked from `at` on."""

    at: float
    content: str
    components: tuple[JSON, ...] = ()


@dataclass(slots=True)
class Message:
    """A message. `reader_id` is set for an ephemeral one: nobody else sees it."""

    id: int
    channel_id: int
    author_id: int
    content: str = ""
    guild_id: int | None = None
    type: MessageType = MessageType.DEFAULT
    sent_at: float = 0.0
    edited_at: float | None = None
    flags: int = 0
    tts: bool = False
    pinned_at: float | None = None
    mention_everyone: bool = False
    mentions: tuple[int, ...] = ()
    mention_roles: tuple[int, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    embeds: tuple[JSON, ...] = ()
    components: tuple[JSON, ...] = ()
    stickers: tuple[JSON, ...] = ()
    reactions: dict[str, Reaction] | None = None
    nonce: str | int | None = None
    reference: JSON | None = None
    snapshots: tuple[JSON, ...] = ()
    poll: JSON | None = None
    webhook_id: int | None = None
    persona: tuple[str, str | None] | None = None
    application_id: int | None = None
    interaction_id: int | None = None
    interaction_metadata: JSON | None = None
    interaction: JSON | None = None
    reader_id: int | None = None
    edits: list[Edit] | None = None

    @property
    def ephemeral(self) -> bool:
        """Whether one person alone sees it."""
        return self.reader_id is not None


@dataclass(slots=True)
class Webhook:
    """An incoming webhook."""

    id: int
    guild_id: int
    channel_id: int
    name: str
    token: str
    creator_id: int
    application_id: int | None
    avatar: str | None = None


@dataclass(slots=True)
class Invite:
    """An invite to a channel."""

    code: str
    guild_id: int
    channel_id: int
    inviter_id: int
    created_at: float
    max_age: int = 86400
    max_uses: int = 0
    temporary: bool = False
    uses: int = 0


@dataclass(slots=True)
class Emoji:
    """A guild's own emoji."""

    id: int
    name: str
    creator_id: int
    animated: bool = False
    roles: list[int] = field(default_factory=list)


@dataclass(slots=True)
class AuditEntry:
    """One line of the audit log."""

    id: int
    action: int
    user_id: int | None
    target_id: int | None
    at: float
    changes: list[JSON] = field(default_factory=list)
    options: dict[str, str] | None = None
    reason: str | None = None


class EventPlace(IntEnum):
    """Where a scheduled event takes place: its entity type."""

    STAGE = 1
    VOICE = 2
    EXTERNAL = 3


class EventStatus(IntEnum):
    """How far a scheduled event is."""

    SCHEDULED = 1
    ACTIVE = 2
    COMPLETED = 3
    CANCELED = 4


@dataclass(slots=True)
class ScheduledEvent:
    """An event that a guild plans; times are Unix seconds."""

    id: int
    guild_id: int
    creator_id: int
    name: str
    place: EventPlace
    starts_at: float
    ends_at: float | None = None
    description: str | None = None
    channel_id: int | None = None
    location: str | None = None
    recurrence: JSON | None = None
    status: EventStatus = EventStatus.SCHEDULED


class AutomodTrigger(IntEnum):
    """What an AutoMod rule looks for."""

    KEYWORD = 1
    SPAM = 3
    PRESET = 4
    MENTION_SPAM = 5
    USER_PROFILE = 6


class AutomodAction(IntEnum):
    """What an AutoMod rule does."""

    BLOCK = 1
    ALERT = 2
    TIME_OUT = 3
    QUARANTINE = 4


@dataclass(slots=True)
class AutomodRule:
    """A rule of AutoMod; `metadata` is the trigger's, whole."""

    id: int
    guild_id: int
    creator_id: int
    name: str
    event_type: int
    trigger: AutomodTrigger
    metadata: JSON
    actions: list[JSON]
    enabled: bool = False
    exempt_roles: list[int] = field(default_factory=list)
    exempt_channels: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Guild:
    """A server."""

    id: int
    name: str
    owner_id: int
    icon: str | None = None
    description: str | None = None
    features: list[str] = field(default_factory=list)
    preferred_locale: str = "en-US"
    verification_level: int = 0
    default_message_notifications: int = 0
    explicit_content_filter: int = 0
    afk_channel_id: int | None = None
    afk_timeout: int = 300
    system_channel_id: int | None = None
    system_channel_flags: int = 0
    rules_channel_id: int | None = None
    public_updates_channel_id: int | None = None
    roles: dict[int, Role] = field(default_factory=dict)
    members: dict[int, Member] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    threads: dict[int, Channel] = field(default_factory=dict)
    bans: dict[int, str | None] = field(default_factory=dict)
    emojis: dict[int, Emoji] = field(default_factory=dict)
    events: dict[int, ScheduledEvent] = field(default_factory=dict)
    automod: dict[int, AutomodRule] = field(default_factory=dict)
    audit: list[AuditEntry] = field(default_factory=list)

    @property
    def everyone(self) -> Role:
        """The role that every member has."""
        return self.roles[self.id]


@dataclass(slots=True)
class Command:
    """A registered application command; `definition` is what Discord stores of it."""

    id: int
    version: int
    application_id: int
    guild_id: int | None
    definition: JSON
    permissions: list[JSON] = field(default_factory=list)


class InteractionType(IntEnum):
    """https://discord.com/developers/docs/interactions/receiving-and-responding#interaction-object-interaction-type"""

    PING = 1
    COMMAND = 2
    COMPONENT = 3
    AUTOCOMPLETE = 4
    MODAL = 5


@dataclass(slots=True)
class Interaction:
    """Something a person did that a bot must answer. `parent_id`: the interaction whose modal this one submits."""

    id: int
    type: InteractionType
    application_id: int
    token: str
    user_id: int
    channel_id: int
    guild_id: int | None
    created_at: float
    dispatched: float
    data: JSON
    command_type: int = 0
    message_id: int | None = None
    parent_id: int | None = None
    state: str = "pending"
    callback_type: int | None = None
    ack_seconds: float | None = None
    original_id: int | None = None
    loading: bool = False
    ephemeral: bool = False
    modal: JSON | None = None
    choices: list[JSON] | None = None
    metadata: JSON = field(default_factory=dict)

    @property
    def command_name(self) -> str:
        """The command that was used, with subcommand group and subcommand; empty for other interactions."""
        if self.type is not InteractionType.COMMAND:
            return ""
        names, options = [self.data["name"]], self.data.get("options", [])
        while options and options[0]["type"] in (1, 2):
            names.append(options[0]["name"])
            options = options[0].get("options", [])
        return " ".join(names)
