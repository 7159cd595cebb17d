"""Routes of members, roles and bans.

One module: they answer with one another's records and read the same few forms.
"""

from typing import Any

from sandbox.discord import render
from sandbox.discord.checks.fields import Fields
from sandbox.discord.core import guilds, members, roles
from sandbox.discord.core.access import Actor, require_guild, require_member
from sandbox.discord.entities import JSON
from sandbox.discord.errors import DiscordError, FormErrors
from sandbox.discord.limits import PAGES, SIZES
from sandbox.discord.permissions import ALL, P
from sandbox.discord.rest.router import ROUTER, Call, Reply

# The flags of an application that was granted the members intent.
_MEMBERS_GRANTED = (1 << 14) | (1 << 15)
_MEMBER = "/guilds/{guild_id}/members/{user_id}"


@ROUTER.add("GET", "/guilds/{guild_id}/members")
def list_members(call: Call) -> list[Any]:
    """By id."""
    guild = require_member(call.world, call.actor, call.id("guild_id"))
    application = call.world.applications.get(call.actor.application_id or 0)
    if application is not None and not application.flags & _MEMBERS_GRANTED:
        raise DiscordError(50001)
    arguments = call.arguments()
    limit = arguments.integer("limit", low=PAGES.members[0], high=PAGES.members[1], default=1)
    after = arguments.snowflake("after", default=0)
    arguments.done()
    ids = [id_ for id_ in sorted(guild.members) if id_ > after]
    return [render.member(call.world, guild.members[id_]) for id_ in ids[:limit]]


@ROUTER.add("GET", "/guilds/{guild_id}/members/search")
def search_members(call: Call) -> list[Any]:
    """By the start of a name."""
    guild = require_member(call.world, call.actor, call.id("guild_id"))
    arguments = call.arguments()
    query = arguments.text("query", low=PAGES.member_query[0], high=PAGES.member_query[1], required=True)
    limit = arguments.integer("limit", low=PAGES.members[0], high=PAGES.members[1], default=1)
    arguments.done()
    return [render.member(call.world, m) for m in members.search(call.world, guild, query, limit)]


@ROUTER.add("GET", _MEMBER)
def get_member(call: Call) -> JSON:
    """One."""
    guild = require_member(call.world, call.actor, call.id("guild_id"))
    return render.member(call.world, call.world.member(guild, call.id("user_id")))


def _changes(fields: Fields) -> JSON:
    changes: JSON = {}
    if fields.has("nick"):
        changes["nick"] = fields.text("nick", high=SIZES.nick)
    if fields.has("roles"):
        changes["roles"] = fields.snowflakes("roles") or []
    if fields.has("communication_disabled_until"):
        changes["timed_out_until"] = fields.time("communication_disabled_until")
    if fields.has("channel_id"):
        changes["channel_id"] = fields.snowflake("channel_id")
    for name in ("mute", "deaf"):
        if fields.has(name):
            changes[name] = fields.boolean(name)
    if fields.has("flags"):
        changes["flags"] = fields.integer("flags", low=0, default=0)
    fields.done()
    return changes


@ROUTER.add("PATCH", _MEMBER)
def edit_member(call: Call) -> JSON:
    """Changes one."""
    changes = _changes(call.fields())
    member = members.update(call.world, call.actor, call.id("guild_id"), call.id("user_id"), changes)
    return render.member(call.world, member)


@ROUTER.add("PATCH", "/guilds/{guild_id}/members/@me")
def edit_own_member(call: Call) -> JSON:
    """Changes one's own nick."""
    fields = call.fields()
    changes = {"nick": fields.text("nick", high=SIZES.nick)} if fields.has("nick") else {}
    fields.done()
    member = members.update(call.world, call.actor, call.id("guild_id"), call.actor.user_id, changes)
    return {**render.member(call.world, member), "bio": None}


@ROUTER.add("DELETE", _MEMBER)
def kick(call: Call) -> None:
    """Takes one out."""
    guilds.kick(call.world, call.actor, call.id("guild_id"), call.id("user_id"))


@ROUTER.add("PUT", _MEMBER + "/roles/{role_id}")
def give_role(call: Call) -> None:
    """Gives a role."""
    members.give_role(call.world, call.actor, call.id("guild_id"), call.id("user_id"), call.id("role_id"))


@ROUTER.add("DELETE", _MEMBER + "/roles/{role_id}")
def take_role(call: Call) -> None:
    """Takes a role."""
    members.give_role(call.world, call.actor, call.id("guild_id"), call.id("user_id"), call.id("role_id"), take=True)


# -- roles


@ROUTER.add("GET", "/guilds/{guild_id}/roles")
def list_roles(call: Call) -> list[Any]:
    """All."""
    guild = require_member(call.world, call.actor, call.id("guild_id"))
    return [render.role(r) for r in guild.roles.values()]


@ROUTER.add("GET", "/guilds/{guild_id}/roles/member-counts")
def role_counts(call: Call) -> JSON:
    """How many have each."""
    guild = require_member(call.world, call.actor, call.id("guild_id"))
    return {
        str(id_): sum(id_ in member.roles for member in guild.members.values())
        for id_ in guild.roles
        if id_ != guild.id
    }


@ROUTER.add("GET", "/guilds/{guild_id}/roles/{role_id}")
def get_role(call: Call) -> JSON:
    """One."""
    guild = require_member(call.world, call.actor, call.id("guild_id"))
    return render.role(roles.find(guild, call.id("role_id")))


def _role_settings(fields: Fields) -> JSON:
    answer: JSON = {}
    name = fields.text("name", low=1, high=SIZES.role_name)
    if name is not None:
        answer["name"] = name
    permissions = fields.integer("permissions", low=0)
    if permissions is not None:
        answer["permissions"] = permissions & ALL
    color = fields.integer("color", low=0, high=SIZES.colour)
    if color is not None:
        answer["color"] = color
    colors = fields.child("colors")
    if colors is not None:
        answer["color"] = colors.integer("primary_color", low=0, high=SIZES.colour, default=0)
        answer["secondary_color"] = colors.integer("secondary_color", low=0, high=SIZES.colour)
        answer["tertiary_color"] = colors.integer("tertiary_color", low=0, high=SIZES.colour)
    for flag in ("hoist", "mentionable"):
        value = fields.boolean(flag)
        if value is not None:
            answer[flag] = value
    if fields.has("unicode_emoji"):
        answer["unicode_emoji"] = fields.text("unicode_emoji", high=SIZES.role_emoji)
    fields.done()
    return answer


@ROUTER.add("POST", "/guilds/{guild_id}/roles")
def create_role(call: Call) -> JSON:
    """A new one."""
    return render.role(roles.create(call.world, call.actor, call.id("guild_id"), _role_settings(call.fields())))


@ROUTER.add("PATCH", "/guilds/{guild_id}/roles/{role_id}")
def edit_role(call: Call) -> JSON:
    """Changes one."""
    settings = _role_settings(call.fields())
    return render.role(roles.update(call.world, call.actor, call.id("guild_id"), call.id("role_id"), settings))


@ROUTER.add("PATCH", "/guilds/{guild_id}/roles")
def reorder_roles(call: Call) -> list[Any]:
    """Moves several."""
    errors = FormErrors()
    if not isinstance(call.body, list):
        errors.add((), "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
        errors.raise_if_any()
    moves = []
    for index, item in enumerate(call.body):
        fields = Fields(item, errors, (index,))
        moves.append((fields.snowflake("id", required=True, default=0), fields.integer("position", low=0)))
    errors.raise_if_any()
    return [render.role(r) for r in roles.reorder(call.world, call.actor, call.id("guild_id"), moves)]


@ROUTER.add("DELETE", "/guilds/{guild_id}/roles/{role_id}")
def delete_role(call: Call) -> None:
    """Deletes one."""
    roles.delete(call.world, call.actor, call.id("guild_id"), call.id("role_id"))


# -- bans


@ROUTER.add("GET", "/guilds/{guild_id}/bans")
def list_bans(call: Call) -> list[Any]:
    """By id."""
    guild = require_guild(call.world, call.actor, call.id("guild_id"), P.BAN_MEMBERS)
    arguments = call.arguments()
    limit = arguments.integer("limit", low=PAGES.bans[0], high=PAGES.bans[1], default=1000)
    after = arguments.snowflake("after", default=0)
    before = arguments.snowflake("before", default=1 << 63)
    arguments.done()
    ids = [id_ for id_ in sorted(guild.bans) if after < id_ < before]
    return [{"user": render.user(call.world.users[id_]), "reason": guild.bans[id_]} for id_ in ids[:limit]]


@ROUTER.add("GET", "/guilds/{guild_id}/bans/{user_id}")
def get_ban(call: Call) -> JSON:
    """One."""
    guild = require_guild(call.world, call.actor, call.id("guild_id"), P.BAN_MEMBERS)
    user_id = call.id("user_id")
    if user_id not in guild.bans:
        raise DiscordError(10026)
    return {"user": render.user(call.world.users[user_id]), "reason": guild.bans[user_id]}


def _delete_seconds(fields: Fields) -> int:
    days = fields.integer("delete_message_days", low=0, high=SIZES.ban_delete_days, default=0)
    seconds = fields.integer("delete_message_seconds", low=0, high=SIZES.ban_delete_seconds)
    return int(days * 86400 if seconds is None else seconds)


@ROUTER.add("PUT", "/guilds/{guild_id}/bans/{user_id}")
def ban(call: Call) -> None:
    """Bans."""
    fields = call.fields()
    seconds = _delete_seconds(fields)
    fields.done()
    guilds.ban(call.world, call.actor, call.id("guild_id"), call.id("user_id"), seconds)


@ROUTER.add("DELETE", "/guilds/{guild_id}/bans/{user_id}")
def unban(call: Call) -> None:
    """Lifts a ban."""
    guilds.unban(call.world, call.actor, call.id("guild_id"), call.id("user_id"))


@ROUTER.add("POST", "/guilds/{guild_id}/bulk-ban")
def bulk_ban(call: Call) -> Reply:
    """Bans up to 200."""
    fields = call.fields()
    ids = fields.snowflakes("user_ids", low=1, high=SIZES.bulk_ban, required=True) or []
    seconds = _delete_seconds(fields)
    fields.done()
    actor: Actor = call.actor
    done, failed = guilds.bulk_ban(call.world, actor, call.id("guild_id"), ids, seconds)
    return Reply(200, {"banned_users": [str(i) for i in done], "failed_users": [str(i) for i in failed]})
