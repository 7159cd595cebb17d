"""Intents about messages, threads, invitations, webhooks, emoji, events, AutoMod and the server."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from services.executor.plans.schema_base import IntentBase, Name, Targets


class PurgeMessages(IntentBase):
    """Deletes messages of a channel."""

    op: Literal["purge_messages"]
    targets: Targets
    count: int = Field(default=100, ge=1, le=1_000)
    """How many of the newest are looked at."""
    author: Name | None = None
    """Only this member's."""
    contains: str | None = Field(default=None, max_length=200)
    bots: bool | None = None
    """Only those of bots (true) or people (false)."""


class PinMessages(IntentBase):
    """Pins messages, or unpins them."""

    op: Literal["pin_messages"]
    targets: Targets
    """The channels."""
    contains: str | None = Field(default=None, max_length=200)
    """The newest message with this text; without it the newest message."""
    unpin: bool = False
    """Unpins instead; without `contains` all pins."""


class CreateThread(IntentBase):
    """Opens a thread, or a post in a forum."""

    op: Literal["create_thread"]
    channel: Targets
    name: Name
    message: str | None = Field(default=None, max_length=2_000)
    """The first message; a forum's post needs one."""
    tags: tuple[Name, ...] = ()
    """A forum's tags, by name."""
    private: bool = False


class EditThread(IntentBase):
    """Archives, revives, locks, unlocks or renames threads."""

    op: Literal["edit_thread"]
    targets: Targets
    name: Name | None = None
    archived: bool | None = None
    locked: bool | None = None
    tags: tuple[Name, ...] | None = None


class DeleteThread(IntentBase):
    """Deletes threads or forum posts."""

    op: Literal["delete_thread"]
    targets: Targets


class CreateInvite(IntentBase):
    """Makes an invitation to a channel."""

    op: Literal["create_invite"]
    channel: Targets
    max_age_hours: int = Field(default=24, ge=0, le=168)
    """0 never ends."""
    max_uses: int = Field(default=0, ge=0, le=100)


class DeleteInvites(IntentBase):
    """Ends invitations."""

    op: Literal["delete_invites"]
    codes: tuple[str, ...] = ()
    """Which; none is all of the guild, or of the channels given."""
    channels: Targets | None = None


class CreateWebhook(IntentBase):
    """Makes a webhook in a channel."""

    op: Literal["create_webhook"]
    channel: Targets
    name: Annotated[str, Field(min_length=1, max_length=80)]


class DeleteWebhooks(IntentBase):
    """Deletes webhooks."""

    op: Literal["delete_webhooks"]
    channels: Targets
    names: tuple[Name, ...] = ()
    """Which; none is all of the channels."""


class CreateEmoji(IntentBase):
    """Adds the picture that is attached to the request as an emoji. Without an attached picture it cannot be done."""

    op: Literal["create_emoji"]
    name: Annotated[str, Field(min_length=2, max_length=32, pattern=r"^\w+$")]


class EditEmoji(IntentBase):
    """Renames an emoji."""

    op: Literal["edit_emoji"]
    emoji: Annotated[str, Field(min_length=2, max_length=32)]
    name: Annotated[str, Field(min_length=2, max_length=32, pattern=r"^\w+$")]


class DeleteEmoji(IntentBase):
    """Deletes emoji."""

    op: Literal["delete_emoji"]
    targets: Targets


class CreateEvent(IntentBase):
    """Makes a scheduled event."""

    op: Literal["create_event"]
    name: Name
    description: str | None = Field(default=None, max_length=1_000)
    start: str
    """When, as ISO 8601 with a time zone."""
    end: str | None = None
    channel: Targets | None = None
    """A voice or stage channel; otherwise `location`."""
    location: str | None = Field(default=None, max_length=100)


class EditEvent(IntentBase):
    """Changes scheduled events."""

    op: Literal["edit_event"]
    targets: Targets
    name: Name | None = None
    description: str | None = Field(default=None, max_length=1_000)
    start: str | None = None
    end: str | None = None


class DeleteEvent(IntentBase):
    """Deletes scheduled events."""

    op: Literal["delete_event"]
    targets: Targets


class CreateAutomod(IntentBase):
    """Makes an AutoMod rule that blocks messages."""

    op: Literal["create_automod"]
    name: Name
    keywords: tuple[Annotated[str, Field(min_length=1, max_length=60)], ...] = ()
    """Words to block; `*` as a wildcard at either end."""
    preset: Literal["profanity", "sexual_content", "slurs"] | None = None
    mention_limit: int | None = Field(default=None, ge=1, le=50)
    spam: bool = False
    exempt_roles: tuple[Name, ...] = ()


class EditAutomod(IntentBase):
    """Switches AutoMod rules on or off, or renames one."""

    op: Literal["edit_automod"]
    targets: Targets
    enabled: bool | None = None
    name: Name | None = None


class DeleteAutomod(IntentBase):
    """Deletes AutoMod rules."""

    op: Literal["delete_automod"]
    targets: Targets


class EditGuild(IntentBase):
    """Changes the server's own settings."""

    op: Literal["edit_guild"]
    name: Annotated[str, Field(min_length=2, max_length=100)] | None = None
    description: str | None = Field(default=None, max_length=300)
    verification_level: Literal["none", "low", "medium", "high", "very_high"] | None = None
    notifications: Literal["all_messages", "only_mentions"] | None = None
    explicit_content_filter: Literal["disabled", "members_without_roles", "all_members"] | None = None
    afk_timeout_seconds: Literal[60, 300, 900, 1800, 3600] | None = None
    system_channel: Name | None = None
