"""Intents about roles and members."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from services.executor.plans.schema_base import MAX_REPEAT, Colour, IntentBase, Name, PermissionName, Targets


class CreateRole(IntentBase):
    """Makes roles."""

    op: Literal["create_role"]
    name: Name
    names: tuple[Name, ...] = ()
    repeat: int = Field(default=1, ge=1, le=MAX_REPEAT)
    colour: Colour | None = None
    hoist: bool | None = None
    """Whether its members are listed apart."""
    mentionable: bool | None = None
    permissions: tuple[PermissionName, ...] = ()


class EditRole(IntentBase):
    """Changes roles."""

    op: Literal["edit_role"]
    targets: Targets
    name: Name | None = None
    colour: Colour | None = None
    hoist: bool | None = None
    mentionable: bool | None = None
    grant: tuple[PermissionName, ...] = ()
    """Permissions to add."""
    revoke: tuple[PermissionName, ...] = ()
    """Permissions to take away."""


class DeleteRole(IntentBase):
    """Deletes roles."""

    op: Literal["delete_role"]
    targets: Targets


class ReorderRoles(IntentBase):
    """Moves roles directly above or below another."""

    op: Literal["reorder_roles"]
    targets: Targets
    place: Literal["above", "below"]
    anchor: Name
    """The role that stays where it is."""


class GiveRole(IntentBase):
    """Gives members a role."""

    op: Literal["give_role"]
    members: Targets
    role: Targets


class TakeRole(IntentBase):
    """Takes a role from members."""

    op: Literal["take_role"]
    members: Targets
    role: Targets


class SetNickname(IntentBase):
    """Changes members' nicknames."""

    op: Literal["set_nickname"]
    members: Targets
    nickname: str | None = Field(default=None, max_length=32)
    """`{name}` stands for the name they have; none removes the nickname."""


class Timeout(IntentBase):
    """Times members out, or ends it."""

    op: Literal["timeout"]
    members: Targets
    minutes: int = Field(ge=0, le=40_320)
    """0 ends a time-out; 28 days at most."""


class Kick(IntentBase):
    """Removes members."""

    op: Literal["kick"]
    members: Targets


class Ban(IntentBase):
    """Bans members or users by id."""

    op: Literal["ban"]
    members: Targets
    delete_message_days: int = Field(default=0, ge=0, le=7)


class Unban(IntentBase):
    """Ends bans."""

    op: Literal["unban"]
    users: tuple[Name, ...] = Field(min_length=1, max_length=200)
    """User names or ids among the banned."""


class Prune(IntentBase):
    """Removes members who were not here for some days and have no role."""

    op: Literal["prune"]
    days: int = Field(ge=1, le=30)
    include_roles: tuple[Name, ...] = ()
    """Members with only these roles count as well."""
