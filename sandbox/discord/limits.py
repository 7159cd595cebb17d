"""Every limit that the sandbox enforces, as data: sizes first, then rates. One table, however long, to look one up in.

Sources: https://discord.com/developers/docs (messages, channels, application commands, rate limits, gateway, August
2026); rates are old observed tables or community reports, since Discord publishes none and asks that they be learnt
from headers. Nothing else in the sandbox holds a number that Discord decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Sizes:
    """Counts and lengths; characters unless said otherwise."""

    content: int = 2000
    nonce: int = 25
    nonce_seconds: float = 300.0
    embeds: int = 10
    embed_total: int = 6000
    embed_title: int = 256
    embed_description: int = 4096
    embed_fields: int = 25
    embed_field_name: int = 256
    embed_field_value: int = 1024
    embed_footer: int = 2048
    embed_author: int = 256
    attachments: int = 10
    attachment_bytes: int = 10 * 1024 * 1024
    attachment_description: int = 1024
    request_bytes: int = 25 * 1024 * 1024
    stickers: int = 3
    action_rows: int = 5
    row_buttons: int = 5
    select_options: int = 25
    select_option_label: int = 100
    select_placeholder: int = 150
    input_placeholder: int = 100
    button_label: int = 80
    custom_id: int = 100
    url: int = 512
    address: int = 2048
    filename: int = 1024
    emoji: int = 32
    components_v2: int = 40
    components_v2_text: int = 4000
    media_gallery: int = 10
    section_texts: int = 3
    modal_title: int = 45
    modal_label: int = 45
    modal_label_description: int = 100
    modal_components_v1: int = 5
    text_input: int = 4000
    group_options: int = 10
    autocomplete_choices: int = 25
    choice_name: int = 100
    choice_value: int = 100
    command_name: int = 32
    command_description: int = 100
    command_options: int = 25
    command_characters: int = 8000
    chat_commands: int = 100
    user_commands: int = 15
    message_commands: int = 15
    command_creates_a_day: int = 200
    bulk_delete_min: int = 2
    bulk_delete_max: int = 100
    bulk_delete_age_days: int = 14
    pins: int = 50
    reactions: int = 20
    guild_channels: int = 500
    category_channels: int = 50
    guild_roles: int = 250
    channel_webhooks: int = 15
    webhook_name: int = 80
    channel_overwrites: int = 1000
    channel_name: int = 100
    channel_topic: int = 1024
    forum_topic: int = 4096
    role_name: int = 100
    role_emoji: int = 100
    nick: int = 32
    guild_name_min: int = 2
    guild_name_max: int = 100
    guild_description: int = 300
    user_name_min: int = 2
    user_name_max: int = 32
    application_description: int = 400
    application_tags: int = 5
    command_permissions: int = 100
    mentions_allowed: int = 100
    bitrate_min: int = 8000
    bitrate_max: int = 96000
    voice_users: int = 99
    colour: int = 0xFFFFFF
    slowmode_seconds: int = 21600
    forum_tags: int = 20
    post_tags: int = 5
    tag_name: int = 50
    active_threads: int = 1000
    thread_participants: int = 1000
    audit_reason: int = 512
    audit_days: int = 45
    timeout_days: int = 28
    bulk_ban: int = 200
    ban_delete_seconds: int = 604800
    ban_delete_days: int = 7
    invites: int = 1000
    invite_seconds: int = 604800
    invite_uses: int = 100
    emojis: int = 50
    application_emojis: int = 2000
    emoji_name_min: int = 2
    emoji_name_max: int = 32
    emoji_bytes: int = 256 * 1024
    scheduled_events: int = 100
    event_name: int = 100
    event_description: int = 1000
    event_location: int = 100
    poll_answers: int = 10
    poll_question: int = 300
    poll_answer: int = 55
    poll_hours: int = 768
    old_message_seconds: int = 3600


@dataclass(frozen=True, slots=True)
class Pages:
    """How much one call may ask for: (least, most) of `limit` in the query, unless said otherwise."""

    members: tuple[int, int] = (1, 1000)
    member_query: tuple[int, int] = (1, 100)
    bans: tuple[int, int] = (1, 1000)
    guilds: tuple[int, int] = (1, 200)
    audit_entries: tuple[int, int] = (1, 100)
    thread_members: tuple[int, int] = (1, 100)
    archived_threads: tuple[int, int] = (2, 100)
    thread_search: tuple[int, int] = (1, 25)
    messages: tuple[int, int] = (1, 100)
    reactions: tuple[int, int] = (1, 100)
    pins: tuple[int, int] = (1, 50)
    prune_days: tuple[int, int] = (1, 30)


@dataclass(frozen=True, slots=True)
class AutomodLimits:
    """https://discord.com/developers/docs/resources/auto-moderation; `rules` of each trigger that a guild may have."""

    rules: Mapping[str, int] = field(
        default_factory=lambda: {"KEYWORD": 6, "SPAM": 1, "PRESET": 1, "MENTION_SPAM": 1, "USER_PROFILE": 1}
    )
    name: int = 100
    keywords: int = 1000
    keyword: int = 60
    patterns: int = 10
    pattern: int = 260
    allowed: int = 100
    allowed_beside_presets: int = 1000
    mentions: int = 50
    actions: int = 5
    block_message: int = 150
    time_out: int = 2419200
    exempt_roles: int = 20
    exempt_channels: int = 50


@dataclass(frozen=True, slots=True)
class InteractionLimits:
    """Times of the interaction protocol, in seconds."""

    acknowledge_seconds: float = 3.0
    token_seconds: float = 900.0
    followups_when_only_user_installed: int = 5


@dataclass(frozen=True, slots=True)
class GatewayLimits:
    """https://discord.com/developers/docs/events/gateway#rate-limiting and following."""

    heartbeat_ms: int = 41250
    sends: int = 120
    sends_seconds: float = 60.0
    payload_bytes: int = 4096
    identifies_a_day: int = 1000
    identify_seconds: float = 5.0
    max_concurrency: int = 1
    guilds_a_shard: int = 2500
    replay_events: int = 2000
    resume_seconds: float = 300.0
    hello_seconds: float = 30.0
    member_chunk: int = 1000
    request_members_user_ids: int = 100
    large_threshold: int = 50


@dataclass(frozen=True, slots=True)
class Rate:
    """A bucket: `limit` calls in `seconds`. `sliding` returns slots one by one, `fixed` all at once.

    `hash_of` names the bucket whose hash this one also reports while it counts apart (api-docs #8073).
    `shared` buckets are shared by everybody who uses the resource, and say so in X-RateLimit-Scope.
    """

    name: str
    limit: int
    seconds: float
    kind: Literal["sliding", "fixed"] = "sliding"
    hash_of: str | None = None
    shared: bool = False


@dataclass(frozen=True, slots=True)
class HiddenRate:
    """A sub-limit that no header announces: counted where the body has one of `fields`, or the condition holds."""

    name: str
    route: str
    limit: int
    seconds: float
    fields: tuple[str, ...] = ()
    condition: Literal[
        "", "message_older_than_hour", "message_older_than_two_weeks", "message_younger_than_ten_seconds"
    ] = ""
    code: int = 0


GLOBAL_PER_SECOND: Final = 50
INVALID_REQUESTS: Final = 10_000
INVALID_WINDOW_SECONDS: Final = 600.0
BAN_SECONDS: Final = 3600.0

_SEND = Rate("message-send", 5, 5.0)
DEFAULT_RATE: Final = Rate("default", 50, 1.0)

# "METHOD route template" -> its bucket. Routes not listed have DEFAULT_RATE, each its own bucket.
RATES: Final[Mapping[str, Rate]] = {
    "POST /channels/{channel_id}/messages": _SEND,
    "PATCH /channels/{channel_id}/messages/{message_id}": Rate("message-edit", 5, 5.0, hash_of="message-send"),
    "DELETE /channels/{channel_id}/messages/{message_id}": Rate("message-delete", 5, 1.0),
    "GET /channels/{channel_id}/messages": Rate("message-list", 10, 5.0),
    "GET /channels/{channel_id}/messages/{message_id}": Rate("message-get", 10, 5.0),
    "POST /channels/{channel_id}/messages/bulk-delete": Rate("bulk-delete", 1, 3.0),
    "PUT /channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}/@me": Rate("reaction", 1, 0.25),
    "DELETE /channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}/@me": Rate("reaction", 1, 0.25),
    "DELETE /channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}/{user_id}": Rate("reaction", 1, 0.25),
    "DELETE /channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}": Rate("reaction", 1, 0.25),
    "DELETE /channels/{channel_id}/messages/{message_id}/reactions": Rate("reaction", 1, 0.25),
    "POST /channels/{channel_id}/typing": Rate("typing", 5, 5.0),
    "POST /channels/{channel_id}/messages/{message_id}/threads": Rate("thread-create", 50, 300.0),
    "POST /channels/{channel_id}/threads": Rate("thread-create", 50, 300.0),
    "PATCH /channels/{channel_id}": Rate("channel-edit", 5, 15.0),
    "PUT /channels/{channel_id}/permissions/{overwrite_id}": Rate("overwrite", 10, 15.0),
    "DELETE /channels/{channel_id}/permissions/{overwrite_id}": Rate("overwrite", 10, 15.0),
    "PUT /channels/{channel_id}/messages/pins/{message_id}": Rate("pin", 5, 4.0),
    "DELETE /channels/{channel_id}/messages/pins/{message_id}": Rate("pin", 5, 4.0),
    "POST /channels/{channel_id}/webhooks": Rate("webhook-create", 10, 60.0),
    "POST /channels/{channel_id}/invites": Rate("invite-create", 5, 15.0),
    "PATCH /guilds/{guild_id}/members/{user_id}": Rate("member-edit", 10, 10.0),
    "PUT /guilds/{guild_id}/members/{user_id}/roles/{role_id}": Rate("member-role", 10, 10.0),
    "DELETE /guilds/{guild_id}/members/{user_id}/roles/{role_id}": Rate("member-role", 10, 10.0),
    "DELETE /guilds/{guild_id}/members/{user_id}": Rate("kick", 5, 1.0),
    "PUT /guilds/{guild_id}/bans/{user_id}": Rate("ban", 5, 1.0),
    "GET /guilds/{guild_id}/members": Rate("member-list", 10, 10.0),
    "POST /guilds/{guild_id}/roles": Rate("role-create", 250, 172800.0, kind="fixed"),
    "PATCH /guilds/{guild_id}/roles/{role_id}": Rate("role-edit", 1000, 86400.0, kind="fixed"),
    "POST /users/@me/channels": Rate("dm-open", 10, 10.0),
    "PATCH /users/@me": Rate("self-edit", 2, 3600.0, kind="fixed"),
    "PUT /applications/{application_id}/commands": Rate("commands-put", 5, 20.0),
    "PUT /applications/{application_id}/guilds/{guild_id}/commands": Rate("commands-put-guild", 5, 20.0),
    "POST /webhooks/{webhook_id}/{webhook_token}": Rate("webhook-execute", 5, 2.0, shared=True),
    "PATCH /webhooks/{webhook_id}/{webhook_token}/messages/{message_id}": Rate(
        "webhook-edit", 5, 2.0, hash_of="webhook-execute", shared=True
    ),
    "PATCH /webhooks/{webhook_id}/{webhook_token}/messages/@original": Rate(
        "webhook-edit", 5, 2.0, hash_of="webhook-execute", shared=True
    ),
    "GET /gateway/bot": Rate("gateway-bot", 10, 5.0),
}

# Counted on top of the bucket; their 429 comes with Remaining above 0 and no warning (api-docs #1900, #2190, #8330).
HIDDEN_RATES: Final[tuple[HiddenRate, ...]] = (
    HiddenRate("channel-name-or-topic", "PATCH /channels/{channel_id}", 2, 600.0, fields=("name", "topic")),
    HiddenRate(
        "old-message-edit",
        "PATCH /channels/{channel_id}/messages/{message_id}",
        30,
        3600.0,
        condition="message_older_than_hour",
        code=30046,
    ),
    HiddenRate(
        "ancient-message-delete",
        "DELETE /channels/{channel_id}/messages/{message_id}",
        30,
        4.0,
        condition="message_older_than_two_weeks",
    ),
    HiddenRate("guild-channel-create", "POST /guilds/{guild_id}/channels", 500, 86400.0),
)

# Not counted against the bot's 50 a second: https://discord.com/developers/docs/topics/rate-limits#global-rate-limit
EXEMPT_FROM_GLOBAL: Final[frozenset[str]] = frozenset({"interactions", "webhooks"})

SIZES: Final = Sizes()
PAGES: Final = Pages()
AUTOMOD: Final = AutomodLimits()
INTERACTIONS: Final = InteractionLimits()
GATEWAY: Final = GatewayLimits()
