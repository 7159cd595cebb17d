"""The language in which a model says what a person wants done: a closed set of intents with symbolic names.

A model never writes ids or permission bits. It names things as people do (`general`, `test*`), and what an earlier
intent of the same plan makes by that intent's `id`: `{"from": "cat"}`. The compiler resolves names against the guild as
it is and refuses what it cannot resolve; nothing here grants anything. Every object refuses unknown keys.

    {"summary": "Five test categories, then gone", "intents": [
      {"op": "create_channel", "id": "cats", "name": "test-{i}", "type": "category", "repeat": 5},
      {"op": "delete_channel", "targets": {"from": "cats"}}], "unsupported": []}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator, model_validator

MAX_INTENTS = 60
MAX_REPEAT = 200

ChannelKind = Literal["text", "voice", "category", "announcement", "stage", "forum", "media"]
PermissionName = Annotated[str, Field(max_length=40, pattern=r"^[a-z_]+$")]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Symbol = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: Any) -> Any:
        # Structured output must write every key, so models say null for what they leave out.
        return {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value


class Select(_Closed):
    """Chooses existing things by what people see of them. All that is given must hold."""

    names: tuple[Name, ...] = ()
    """Exact names, case ignored, a leading # or @ allowed; for members also user names or ids."""
    name_glob: str | None = Field(default=None, max_length=100)
    """A pattern with * and ?, for example `test*`."""
    contains: str | None = Field(default=None, max_length=100)
    """A part of the name."""
    types: tuple[ChannelKind, ...] = ()
    """Channels of these kinds only."""
    category: Name | None = None
    """Channels inside this category only."""
    with_role: Name | None = None
    """Members who have this role only; `everyone` is all members."""
    without_role: Name | None = None
    """Members who lack this role only."""
    bots: bool | None = None
    """Members that are bots (true) or people (false) only."""
    empty: bool | None = None
    """Categories without channels, or roles without members, only."""
    exclude: tuple[Name, ...] = ()
    """Names that are left out."""
    all: bool = False
    """Everything there is. Without it and without any condition, nothing is chosen."""


class Targets(_Closed):
    """What an intent acts on: what an earlier intent made, or what is chosen."""

    from_: Symbol | None = Field(default=None, alias="from")
    """The `id` of an intent of this plan."""
    select: Select | None = None
    """A choice among what exists."""

    @model_validator(mode="after")
    def _one(self) -> Targets:
        if (self.from_ is None) == (self.select is None):
            raise ValueError("give either `from` or `select`")
        return self


class Overwrite(_Closed):
    """What a role or a member may do in a channel, beyond what they may elsewhere."""

    who: Targets
    """Roles or members; the role `everyone` is @everyone."""
    kind: Literal["role", "member"] = "role"
    """Which of the two `who` chooses."""
    allow: tuple[PermissionName, ...] = ()
    """Permissions granted, by Discord's names in lower case: `view_channel`, `send_messages`."""
    deny: tuple[PermissionName, ...] = ()
    """Permissions taken away."""


class _Intent(_Closed):
    id: Symbol | None = None
    """A name for what this makes, for later intents of the plan."""


class CreateChannel(_Intent):
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


class EditChannel(_Intent):
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


class DeleteChannel(_Intent):
    """Deletes channels or categories. Their messages are gone for good."""

    op: Literal["delete_channel"]
    targets: Targets
    with_children: bool = False
    """With a category, its channels too; otherwise they stay, without a category."""


class MoveChannel(_Intent):
    """Puts channels into a category, or out of any."""

    op: Literal["move_channel"]
    targets: Targets
    category: Targets | None = None
    """Where to; none for outside of all categories."""
    sync: bool = False
    """Whether they take over the category's permissions."""


class ReorderChannels(_Intent):
    """Puts channels of one category into an order."""

    op: Literal["reorder_channels"]
    targets: Targets
    order: Literal["alphabetical", "as_given", "reverse"] = "alphabetical"


class CloneChannel(_Intent):
    """Makes a channel like another, with its settings and permissions and without its messages."""

    op: Literal["clone_channel"]
    targets: Targets
    name: Name | None = None
    """The copy's name; `{name}` stands for the original's."""


class LockChannel(_Intent):
    """Lets nobody write in channels, or lets everybody again."""

    op: Literal["lock_channel"]
    targets: Targets
    unlock: bool = False


class ArchiveChannel(_Intent):
    """Makes channels read-only and puts them into a category for archives."""

    op: Literal["archive_channel"]
    targets: Targets
    category: Name = "Archive"
    """Made where it does not exist."""
    copy_: bool = Field(default=False, alias="copy")
    """Whether a copy is archived and the channel stays. Messages cannot be copied."""


class SyncChannel(_Intent):
    """Gives channels the permissions of their category."""

    op: Literal["sync_channel"]
    targets: Targets


class SetPermission(_Intent):
    """Says what roles or members may do in channels."""

    op: Literal["set_permission"]
    targets: Targets
    who: Targets
    kind: Literal["role", "member"] = "role"
    allow: tuple[PermissionName, ...] = ()
    deny: tuple[PermissionName, ...] = ()
    neutral: tuple[PermissionName, ...] = ()
    """Neither granted nor denied any more."""


class ClearPermission(_Intent):
    """Removes what was said of roles or members in channels."""

    op: Literal["clear_permission"]
    targets: Targets
    who: Targets
    kind: Literal["role", "member"] = "role"


class CreateRole(_Intent):
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


class EditRole(_Intent):
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


class DeleteRole(_Intent):
    """Deletes roles."""

    op: Literal["delete_role"]
    targets: Targets


class ReorderRoles(_Intent):
    """Moves roles directly above or below another."""

    op: Literal["reorder_roles"]
    targets: Targets
    place: Literal["above", "below"]
    anchor: Name
    """The role that stays where it is."""


class GiveRole(_Intent):
    """Gives members a role."""

    op: Literal["give_role"]
    members: Targets
    role: Targets


class TakeRole(_Intent):
    """Takes a role from members."""

    op: Literal["take_role"]
    members: Targets
    role: Targets


class SetNickname(_Intent):
    """Changes members' nicknames."""

    op: Literal["set_nickname"]
    members: Targets
    nickname: str | None = Field(default=None, max_length=32)
    """`{name}` stands for the name they have; none removes the nickname."""


class Timeout(_Intent):
    """Times members out, or ends it."""

    op: Literal["timeout"]
    members: Targets
    minutes: int = Field(ge=0, le=40_320)
    """0 ends a time-out; 28 days at most."""


class Kick(_Intent):
    """Removes members."""

    op: Literal["kick"]
    members: Targets


class Ban(_Intent):
    """Bans members or users by id."""

    op: Literal["ban"]
    members: Targets
    delete_message_days: int = Field(default=0, ge=0, le=7)


class Unban(_Intent):
    """Ends bans."""

    op: Literal["unban"]
    users: tuple[Name, ...] = Field(min_length=1, max_length=200)
    """User names or ids among the banned."""


class Prune(_Intent):
    """Removes members who were not here for some days and have no role."""

    op: Literal["prune"]
    days: int = Field(ge=1, le=30)
    include_roles: tuple[Name, ...] = ()
    """Members with only these roles count as well."""


class PurgeMessages(_Intent):
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


class PinMessages(_Intent):
    """Pins messages, or unpins them."""

    op: Literal["pin_messages"]
    targets: Targets
    """The channels."""
    contains: str | None = Field(default=None, max_length=200)
    """The newest message with this text; without it the newest message."""
    unpin: bool = False
    """Unpins instead; without `contains` all pins."""


class CreateThread(_Intent):
    """Opens a thread, or a post in a forum."""

    op: Literal["create_thread"]
    channel: Targets
    name: Name
    message: str | None = Field(default=None, max_length=2_000)
    """The first message; a forum's post needs one."""
    tags: tuple[Name, ...] = ()
    """A forum's tags, by name."""
    private: bool = False


class EditThread(_Intent):
    """Archives, revives, locks, unlocks or renames threads."""

    op: Literal["edit_thread"]
    targets: Targets
    name: Name | None = None
    archived: bool | None = None
    locked: bool | None = None
    tags: tuple[Name, ...] | None = None


class DeleteThread(_Intent):
    """Deletes threads or forum posts."""

    op: Literal["delete_thread"]
    targets: Targets


class CreateInvite(_Intent):
    """Makes an invitation to a channel."""

    op: Literal["create_invite"]
    channel: Targets
    max_age_hours: int = Field(default=24, ge=0, le=168)
    """0 never ends."""
    max_uses: int = Field(default=0, ge=0, le=100)


class DeleteInvites(_Intent):
    """Ends invitations."""

    op: Literal["delete_invites"]
    codes: tuple[str, ...] = ()
    """Which; none is all of the guild, or of the channels given."""
    channels: Targets | None = None


class CreateWebhook(_Intent):
    """Makes a webhook in a channel."""

    op: Literal["create_webhook"]
    channel: Targets
    name: Annotated[str, Field(min_length=1, max_length=80)]


class DeleteWebhooks(_Intent):
    """Deletes webhooks."""

    op: Literal["delete_webhooks"]
    channels: Targets
    names: tuple[Name, ...] = ()
    """Which; none is all of the channels."""


class EditEmoji(_Intent):
    """Renames an emoji."""

    op: Literal["edit_emoji"]
    emoji: Annotated[str, Field(min_length=2, max_length=32)]
    name: Annotated[str, Field(min_length=2, max_length=32, pattern=r"^\w+$")]


class DeleteEmoji(_Intent):
    """Deletes emoji."""

    op: Literal["delete_emoji"]
    targets: Targets


class CreateEvent(_Intent):
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


class EditEvent(_Intent):
    """Changes scheduled events."""

    op: Literal["edit_event"]
    targets: Targets
    name: Name | None = None
    description: str | None = Field(default=None, max_length=1_000)
    start: str | None = None
    end: str | None = None


class DeleteEvent(_Intent):
    """Deletes scheduled events."""

    op: Literal["delete_event"]
    targets: Targets


class CreateAutomod(_Intent):
    """Makes an AutoMod rule that blocks messages."""

    op: Literal["create_automod"]
    name: Name
    keywords: tuple[Annotated[str, Field(min_length=1, max_length=60)], ...] = ()
    """Words to block; `*` as a wildcard at either end."""
    preset: Literal["profanity", "sexual_content", "slurs"] | None = None
    mention_limit: int | None = Field(default=None, ge=1, le=50)
    spam: bool = False
    exempt_roles: tuple[Name, ...] = ()


class EditAutomod(_Intent):
    """Switches AutoMod rules on or off, or renames one."""

    op: Literal["edit_automod"]
    targets: Targets
    enabled: bool | None = None
    name: Name | None = None


class DeleteAutomod(_Intent):
    """Deletes AutoMod rules."""

    op: Literal["delete_automod"]
    targets: Targets


class EditGuild(_Intent):
    """Changes the server's own settings."""

    op: Literal["edit_guild"]
    name: Annotated[str, Field(min_length=2, max_length=100)] | None = None
    description: str | None = Field(default=None, max_length=300)
    verification_level: Literal["none", "low", "medium", "high", "very_high"] | None = None
    notifications: Literal["all_messages", "only_mentions"] | None = None
    explicit_content_filter: Literal["disabled", "members_without_roles", "all_members"] | None = None
    afk_timeout_seconds: Literal[60, 300, 900, 1800, 3600] | None = None
    system_channel: Name | None = None


Intent = Annotated[
    CreateChannel
    | EditChannel
    | DeleteChannel
    | MoveChannel
    | ReorderChannels
    | CloneChannel
    | LockChannel
    | ArchiveChannel
    | SyncChannel
    | SetPermission
    | ClearPermission
    | CreateRole
    | EditRole
    | DeleteRole
    | ReorderRoles
    | GiveRole
    | TakeRole
    | SetNickname
    | Timeout
    | Kick
    | Ban
    | Unban
    | Prune
    | PurgeMessages
    | PinMessages
    | CreateThread
    | EditThread
    | DeleteThread
    | CreateInvite
    | DeleteInvites
    | CreateWebhook
    | DeleteWebhooks
    | EditEmoji
    | DeleteEmoji
    | CreateEvent
    | EditEvent
    | DeleteEvent
    | CreateAutomod
    | EditAutomod
    | DeleteAutomod
    | EditGuild,
    Field(discriminator="op"),
]


class PlanDocument(_Closed):
    """What a model answers with."""

    summary: str = Field(default="", max_length=200)
    """What is wanted, in one line."""
    intents: tuple[Intent, ...] = Field(max_length=MAX_INTENTS)
    """What to do, in order."""
    unsupported: tuple[str, ...] = ()
    """The parts of the request that these intents cannot express, in the person's own words."""
    question: str | None = Field(default=None, max_length=300)
    """What must be asked of the person first, where the request does not say what is meant."""

    @field_validator("intents")
    @classmethod
    def _symbols(cls, intents: tuple[Any, ...]) -> tuple[Any, ...]:
        known: set[str] = set()
        for index, intent in enumerate(intents):
            for symbol in _references(intent):
                if symbol not in known:
                    raise ValueError(f"intent {index} refers to {symbol!r}, which no earlier intent makes")
            if intent.id is not None:
                if intent.id in known:
                    raise ValueError(f"two intents are called {intent.id!r}")
                known.add(intent.id)
        return intents


PLAN: TypeAdapter[PlanDocument] = TypeAdapter(PlanDocument)

# Keywords that structured output refuses at one vendor or another; what they say is checked after the answer.
_UNSUPPORTED_KEYWORDS = frozenset(
    {
        "minLength",
        "maxLength",
        "pattern",
        "minimum",
        "maximum",
        "minItems",
        "maxItems",
        "default",
        "title",
        "discriminator",
    }
)


def json_schema() -> dict[str, Any]:
    """The schema to give to a model: closed objects, all keys required (absent is null or empty), plain keywords."""
    schema: dict[str, Any] = _strict(PLAN.json_schema(by_alias=True))
    return schema


def parse(text: str | bytes) -> PlanDocument:
    """Validates a model's answer. Raises `pydantic.ValidationError` with every mistake."""
    return PLAN.validate_json(text)


def _references(value: object) -> Iterator[str]:
    if isinstance(value, Targets):
        if value.from_ is not None:
            yield value.from_
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _references(getattr(value, name))
    elif isinstance(value, tuple):
        for item in value:
            yield from _references(item)


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    result = {
        key: _strict(value) for key, value in node.items() if key not in _UNSUPPORTED_KEYWORDS or key == "properties"
    }
    if "properties" in node:
        result["properties"] = {name: _strict(below) for name, below in node["properties"].items()}
        result["required"] = list(node["properties"])
        result["additionalProperties"] = False
    if "oneOf" in result:
        result["anyOf"] = result.pop("oneOf")
    if "const" in result:
        result["enum"] = [result.pop("const")]
    return result
