"""Intents about channels, categories and who may do what in them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from services.executor.plans.schema_base import (
    MAX_REPEAT,
    ChannelKind,
    IntentBase,
    Name,
    Overwrite,
    PermissionName,
    Targets,
)


class CreateChannel(IntentBase):
    """Makes channels or categories."""

    op: Literal["create_channel"]
    name: Name
    """`{i}` stands for 1, 2, 3 … where `repeat` is more than 1."""
    names: tuple[Name, ...] = ()
    """Several names at once, instead of `name` with `repeat`; `name` is then ignored."""
    type: ChannelKind = "text"
    repeat: int = Field(default=1, ge=1, le=MAX_REPEAT)
    category: Targets | None = None
    """Where to put it."""
    topic: str | None = Field(default=None, max_length=1024)
    slowmode_seconds: int | None = Field(default=None, ge=0, le=21_600)
    nsfw: bool | None = None
    user_limit: int | None = Field(default=None, ge=0, le=99)
    bitrate_kbps: int | None = Field(default=None, ge=8, le=384)
    tags: tuple[Annotated[str, Field(min_length=1, max_length=20)], ...] = ()
    """A forum's tags."""
    overwrites: tuple[Overwrite, ...] = ()
    private_to: Targets | None = None
    """Only these roles see it."""


class EditChannel(IntentBase):
    """Changes channels."""

    op: Literal["edit_channel"]
    targets: Targets
    name: Name | None = None
    """The new name; `{name}` stands for the old one, `{i}` for 1, 2, 3 …"""
    topic: str | None = Field(default=None, max_length=1024)
    slowmode_seconds: int | None = Field(default=None, ge=0, le=21_600)
    nsfw: bool | None = None
    user_limit: int | None = Field(default=None, ge=0, le=99)
    bitrate_kbps: int | None = Field(default=None, ge=8, le=384)


class DeleteChannel(IntentBase):
    """Deletes channels or categories. Their messages are gone for good."""

    op: Literal["delete_channel"]
    targets: Targets
    with_children: bool = False
    """With a category, its channels too; otherwise they stay, without a category."""


class MoveChannel(IntentBase):
    """Puts channels into a category, or out of any."""

    op: Literal["move_channel"]
    targets: Targets
    category: Targets | None = None
    """Where to; none for outside of all categories."""
    sync: bool = False
    """Whether they take over the category's permissions."""


class ReorderChannels(IntentBase):
    """Puts channels of one category into an order."""

    op: Literal["reorder_channels"]
    targets: Targets
    order: Literal["alphabetical", "as_given", "reverse"] = "alphabetical"


class CloneChannel(IntentBase):
    """Makes a channel like another, with its settings and permissions and without its messages."""

    op: Literal["clone_channel"]
    targets: Targets
    name: Name | None = None
    """The copy's name; `{name}` stands for the original's."""


class LockChannel(IntentBase):
    """Lets nobody write in channels, or lets everybody again."""

    op: Literal["lock_channel"]
    targets: Targets
    unlock: bool = False


class ArchiveChannel(IntentBase):
    """Makes channels read-only and puts them into a category for archives."""

    op: Literal["archive_channel"]
    targets: Targets
    category: Name = "Archive"
    """Made where it does not exist."""
    copy_: bool = Field(default=False, alias="copy")
    """Whether a copy is archived and the channel stays. Messages cannot be copied."""


class SyncChannel(IntentBase):
    """Gives channels the permissions of their category."""

    op: Literal["sync_channel"]
    targets: Targets


class SetPermission(IntentBase):
    """Says what roles or members may do in channels."""

    op: Literal["set_permission"]
    targets: Targets
    who: Targets
    kind: Literal["role", "member"] = "role"
    allow: tuple[PermissionName, ...] = ()
    deny: tuple[PermissionName, ...] = ()
    neutral: tuple[PermissionName, ...] = ()
    """Neither granted nor denied any more."""


class ClearPermission(IntentBase):
    """Removes what was said of roles or members in channels."""

    op: Literal["clear_permission"]
    targets: Targets
    who: Targets
    kind: Literal["role", "member"] = "role"
