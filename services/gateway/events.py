"""What Discord says happened, read out of its payloads once.

Only documented fields are read, and only those that something here uses; tokens and what people wrote never appear in
a `repr`, so they cannot reach a log by accident.
https://discord.com/developers/docs/events/gateway-events
https://discord.com/developers/docs/interactions/receiving-and-responding
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any

from chassis.caller import Person
from chassis.scoped import Place

DISCORD_EPOCH_MS = 1_420_070_400_000

DEFAULT_MESSAGE = 0
REPLY_MESSAGE = 19
THREAD_TYPES = frozenset({10, 11, 12})
DIRECT_TYPES = frozenset({1, 3})


def snowflake_time(snowflake: int) -> float:
    """When Discord made an id, in Unix seconds."""
    return ((snowflake >> 22) + DISCORD_EPOCH_MS) / 1000


def edit_id(message_id: int, edited: str) -> int:
    """Names one edit of a message for good: a snowflake of its moment with the message's lowest bits.

    `edited` is Discord's ISO 8601 time. Raises ValueError where it is none.
    """
    moment = round(datetime.fromisoformat(edited).timestamp() * 1000) - DISCORD_EPOCH_MS
    return moment << 22 | message_id & (1 << 22) - 1


class InteractionKind(IntEnum):
    """Discord's interaction types."""

    PING = 1
    COMMAND = 2
    COMPONENT = 3
    AUTOCOMPLETE = 4
    MODAL = 5


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that came with a message or a command."""

    attachment_id: int
    filename: str
    content_type: str
    size: int
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Interaction:
    """A person used a command, a component or a modal, or is typing an option."""

    interaction_id: int
    application_id: int
    kind: InteractionKind
    token: str = field(repr=False)
    person: Person = field(repr=False)
    guild_id: int
    channel_id: int
    channel: Mapping[str, Any] = field(repr=False)
    data: Mapping[str, Any] = field(repr=False)
    message: Mapping[str, Any] = field(repr=False)
    app_permissions: int
    user_installed_only: bool
    """Whether the app is here through the person alone and the bot is no member."""
    attachment_size_limit: int

    @property
    def locale(self) -> str:
        """The person's locale as Discord names it."""
        return self.person.locale

    @property
    def in_thread(self) -> bool:
        """Whether it happened in a thread."""
        return self.channel.get("type") in THREAD_TYPES

    @property
    def parent_id(self) -> int:
        """The channel above, where it happened in a thread; 0 otherwise."""
        return int(self.channel.get("parent_id") or 0) if self.in_thread else 0

    @property
    def place(self) -> Place:
        """Where it happened, as far as settings go."""
        return Place(
            guild_id=self.guild_id,
            category_id=0 if self.in_thread else int(self.channel.get("parent_id") or 0),
            channel_id=self.parent_id or self.channel_id,
            thread_id=self.channel_id if self.in_thread else 0,
            user_id=self.person.user_id,
        )

    @property
    def direct(self) -> bool:
        """Whether it happened in a direct or group message."""
        return not self.guild_id


@dataclass(frozen=True, slots=True)
class Message:
    """A person wrote something where the bot can see it. The content is empty where the intent is missing."""

    message_id: int
    channel_id: int
    guild_id: int
    author: Person = field(repr=False)
    author_is_bot: bool
    kind: int
    content: str = field(repr=False)
    attachments: tuple[Attached, ...] = field(repr=False)
    mentions: frozenset[int] = field(repr=False)
    mentions_everyone: bool
    mentions_roles: bool
    reply_to: int
    """The message that this one replies to; 0 where it replies to none."""
    reply_to_author: int
    channel_type: int
    """Discord's channel type, where the event says it; else 0."""
    reply_text: str = field(repr=False)
    reply_attachments: tuple[Attached, ...] = field(default=(), repr=False)


def attachment(raw: Mapping[str, Any]) -> Attached:
    """Reads an attachment."""
    return Attached(
        attachment_id=int(raw["id"]),
        filename=raw.get("filename", ""),
        content_type=raw.get("content_type") or "",
        size=int(raw.get("size", 0)),
        url=raw.get("url", ""),
    )


def attachments(message: Mapping[str, Any]) -> tuple[Attached, ...]:
    """Reads the attachments of a message."""
    return tuple(attachment(item) for item in message.get("attachments") or ())


def _person(
    user: Mapping[str, Any], member: Mapping[str, Any] | None, guild_id: int, *, channel_id: int, locale: str
) -> Person:
    member = member or {}
    return Person(
        user_id=int(user["id"]),
        guild_id=guild_id,
        role_ids=tuple(int(role) for role in member.get("roles", ())),
        permissions=int(member.get("permissions") or 0),
        display_name=member.get("nick") or user.get("global_name") or user.get("username", ""),
        locale=locale,
        channel_id=channel_id,
    )


def interaction(raw: Mapping[str, Any]) -> Interaction:
    """Reads an INTERACTION_CREATE. Raises KeyError or ValueError where it is not one."""
    guild_id = int(raw.get("guild_id") or 0)
    member = raw.get("member")
    user = member["user"] if member else raw["user"]
    owners = raw.get("authorizing_integration_owners") or {}
    channel = raw.get("channel") or {}
    channel_id = int(raw.get("channel_id") or channel.get("id") or 0)
    return Interaction(
        interaction_id=int(raw["id"]),
        application_id=int(raw["application_id"]),
        kind=InteractionKind(raw["type"]),
        token=raw["token"],
        person=_person(
            user,
            member,
            guild_id,
            channel_id=channel_id,
            locale=raw.get("locale") or raw.get("guild_locale") or "en-US",
        ),
        guild_id=guild_id,
        channel_id=channel_id,
        channel=channel,
        data=raw.get("data") or {},
        message=raw.get("message") or {},
        app_permissions=int(raw.get("app_permissions") or 0),
        # Key 0 is the installation in a guild (or, in a direct message with the bot, "0"), key 1 the one by a person.
        user_installed_only="1" in owners and "0" not in owners,
        attachment_size_limit=int(raw.get("attachment_size_limit") or 0),
    )


def message(raw: Mapping[str, Any]) -> Message:
    """Reads a MESSAGE_CREATE or MESSAGE_UPDATE. Raises KeyError or ValueError where it is not one."""
    guild_id = int(raw.get("guild_id") or 0)
    user = raw["author"]
    referenced = raw.get("referenced_message") or {}
    reference = raw.get("message_reference") or {}
    is_reply = raw.get("type", DEFAULT_MESSAGE) == REPLY_MESSAGE
    return Message(
        message_id=int(raw["id"]),
        channel_id=int(raw["channel_id"]),
        guild_id=guild_id,
        author=_person(user, raw.get("member"), guild_id, channel_id=int(raw["channel_id"]), locale=""),
        author_is_bot=bool(user.get("bot")) or "webhook_id" in raw,
        kind=int(raw.get("type", DEFAULT_MESSAGE)),
        content=raw.get("content") or "",
        attachments=attachments(raw),
        mentions=frozenset(int(item["id"]) for item in raw.get("mentions", ())),
        mentions_everyone=bool(raw.get("mention_everyone")),
        mentions_roles=bool(raw.get("mention_roles")),
        reply_to=int(reference.get("message_id") or 0) if is_reply else 0,
        channel_type=int(raw.get("channel_type") or 0),
        reply_to_author=int((referenced.get("author") or {}).get("id") or 0) if is_reply else 0,
        reply_text=(referenced.get("content") or "") if is_reply else "",
        reply_attachments=attachments(referenced) if is_reply else (),
    )
