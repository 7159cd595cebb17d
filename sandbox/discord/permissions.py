"""Permission bits and how they combine.

Source: https://discord.com/developers/docs/topics/permissions, the algorithm under "Permission Hierarchy" and
"Permission Overwrites" included.
"""

from collections.abc import Iterable
from enum import IntEnum
from typing import Protocol


class Permission(IntEnum):
    """Every permission bit there is."""

    CREATE_INSTANT_INVITE = 1 << 0
    KICK_MEMBERS = 1 << 1
    BAN_MEMBERS = 1 << 2
    ADMINISTRATOR = 1 << 3
    MANAGE_CHANNELS = 1 << 4
    MANAGE_GUILD = 1 << 5
    ADD_REACTIONS = 1 << 6
    VIEW_AUDIT_LOG = 1 << 7
    PRIORITY_SPEAKER = 1 << 8
    STREAM = 1 << 9
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    SEND_TTS_MESSAGES = 1 << 12
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    USE_EXTERNAL_EMOJIS = 1 << 18
    VIEW_GUILD_INSIGHTS = 1 << 19
    CONNECT = 1 << 20
    SPEAK = 1 << 21
    MUTE_MEMBERS = 1 << 22
    DEAFEN_MEMBERS = 1 << 23
    MOVE_MEMBERS = 1 << 24
    USE_VAD = 1 << 25
    CHANGE_NICKNAME = 1 << 26
    MANAGE_NICKNAMES = 1 << 27
    MANAGE_ROLES = 1 << 28
    MANAGE_WEBHOOKS = 1 << 29
    MANAGE_GUILD_EXPRESSIONS = 1 << 30
    USE_APPLICATION_COMMANDS = 1 << 31
    REQUEST_TO_SPEAK = 1 << 32
    MANAGE_EVENTS = 1 << 33
    MANAGE_THREADS = 1 << 34
    CREATE_PUBLIC_THREADS = 1 << 35
    CREATE_PRIVATE_THREADS = 1 << 36
    USE_EXTERNAL_STICKERS = 1 << 37
    SEND_MESSAGES_IN_THREADS = 1 << 38
    USE_EMBEDDED_ACTIVITIES = 1 << 39
    MODERATE_MEMBERS = 1 << 40
    VIEW_CREATOR_MONETIZATION_ANALYTICS = 1 << 41
    USE_SOUNDBOARD = 1 << 42
    CREATE_GUILD_EXPRESSIONS = 1 << 43
    CREATE_EVENTS = 1 << 44
    USE_EXTERNAL_SOUNDS = 1 << 45
    SEND_VOICE_MESSAGES = 1 << 46
    SET_VOICE_CHANNEL_STATUS = 1 << 48
    SEND_POLLS = 1 << 49
    USE_EXTERNAL_APPS = 1 << 50
    PIN_MESSAGES = 1 << 51
    BYPASS_SLOWMODE = 1 << 52


P = Permission
"""The short name that the rest of the sandbox uses."""
ALL = int(sum(P))
# What a member whose timeout has not ended keeps.
WHILE_TIMED_OUT = int(P.VIEW_CHANNEL | P.READ_MESSAGE_HISTORY)
# What people may do in a direct message.
IN_DIRECT_MESSAGES = int(
    P.VIEW_CHANNEL
    | P.SEND_MESSAGES
    | P.READ_MESSAGE_HISTORY
    | P.EMBED_LINKS
    | P.ATTACH_FILES
    | P.ADD_REACTIONS
    | P.USE_EXTERNAL_EMOJIS
    | P.USE_EXTERNAL_STICKERS
    | P.USE_APPLICATION_COMMANDS
    | P.USE_EXTERNAL_APPS
    | P.SEND_VOICE_MESSAGES
    | P.SEND_POLLS
    | P.PIN_MESSAGES
    | P.MENTION_EVERYONE
)
# The everyone role of a new guild.
EVERYONE_DEFAULT = int(
    P.CREATE_INSTANT_INVITE
    | P.ADD_REACTIONS
    | P.STREAM
    | P.VIEW_CHANNEL
    | P.SEND_MESSAGES
    | P.EMBED_LINKS
    | P.ATTACH_FILES
    | P.READ_MESSAGE_HISTORY
    | P.USE_EXTERNAL_EMOJIS
    | P.CONNECT
    | P.SPEAK
    | P.USE_VAD
    | P.CHANGE_NICKNAME
    | P.USE_APPLICATION_COMMANDS
    | P.REQUEST_TO_SPEAK
    | P.CREATE_PUBLIC_THREADS
    | P.CREATE_PRIVATE_THREADS
    | P.USE_EXTERNAL_STICKERS
    | P.SEND_MESSAGES_IN_THREADS
    | P.USE_EMBEDDED_ACTIVITIES
    | P.USE_SOUNDBOARD
    | P.SEND_POLLS
    | P.SEND_VOICE_MESSAGES
)
# Each of these means nothing where its holder may not send messages at all.
_NEEDS_SENDING = int(P.MENTION_EVERYONE | P.SEND_TTS_MESSAGES | P.ATTACH_FILES | P.EMBED_LINKS)


class OverwriteLike(Protocol):
    """What an overwrite must offer to be applied."""

    allow: int
    deny: int


def base_permissions(is_owner: bool, role_permissions: Iterable[int]) -> int:
    """Guild-wide permissions of a member; `role_permissions` includes the everyone role's."""
    if is_owner:
        return ALL
    combined = 0
    for bits in role_permissions:
        combined |= bits
    return ALL if combined & P.ADMINISTRATOR else combined


def apply_overwrites(
    base: int, everyone: OverwriteLike | None, roles: Iterable[OverwriteLike], member: OverwriteLike | None
) -> int:
    """Permissions in one channel, in the order everyone, roles together, member."""
    if base & P.ADMINISTRATOR:
        return ALL
    result = base
    if everyone is not None:
        result = (result & ~everyone.deny) | everyone.allow
    allow = deny = 0
    for overwrite in roles:
        allow |= overwrite.allow
        deny |= overwrite.deny
    result = (result & ~deny) | allow
    if member is not None:
        result = (result & ~member.deny) | member.allow
    return result


def settle(permissions: int, *, thread: bool) -> int:
    """Takes away what the missing VIEW_CHANNEL or SEND permission implies."""
    if permissions & P.ADMINISTRATOR:
        return permissions
    if not permissions & P.VIEW_CHANNEL:
        return 0
    sending = P.SEND_MESSAGES_IN_THREADS if thread else P.SEND_MESSAGES
    return permissions if permissions & sending else permissions & ~_NEEDS_SENDING
