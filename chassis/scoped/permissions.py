"""Who may change what: nobody sets through the bot what they could not change in Discord themselves.

A person's permissions hold in the channel of their event alone, as Discord computes them there with overwrites. So
MANAGE_CHANNELS opens that one channel; MANAGE_GUILD, which no overwrite can grant, opens the whole guild.
https://docs.discord.com/developers/topics/permissions
"""

from collections.abc import Iterable

from chassis.caller import Caller, Person
from chassis.errors import PermissionDenied
from chassis.scoped.declarations import Setting
from chassis.scoped.places import Scope, ScopeKind

ADMINISTRATOR = 1 << 3
MANAGE_CHANNELS = 1 << 4
MANAGE_GUILD = 1 << 5


def require_right(caller: Caller, scope: Scope, settings: Iterable[Setting]) -> None:
    """PermissionDenied (SETTING_FORBIDDEN) unless the caller may change these settings at this scope.

    The system's own work may; a service decides for itself whose wish that work carries out.
    """
    person = caller.person
    if person is None:
        return
    if scope.kind is ScopeKind.PERSON:
        if person.user_id == scope.id:
            return
        raise _forbidden("only the person themselves can change this")
    if person.guild_id != scope.guild_id:
        raise _forbidden("this belongs to another guild")
    if person.permissions & ADMINISTRATOR:
        return
    if not _manages(person, scope):
        raise _forbidden("this takes Manage Server, or Manage Channels in the channel itself")
    needed = 0
    for setting in settings:
        needed |= setting.permissions
    if person.permissions & needed != needed:
        raise _forbidden("some of these settings take more permissions")


def _manages(person: Person, scope: Scope) -> bool:
    if person.permissions & MANAGE_GUILD:
        return True
    own_channel = scope.kind in (ScopeKind.CHANNEL, ScopeKind.THREAD) and person.channel_id == scope.id
    return own_channel and bool(person.permissions & MANAGE_CHANNELS)


def _forbidden(why: str) -> PermissionDenied:
    return PermissionDenied(why, reason="SETTING_FORBIDDEN")
