"""Routes of accounts, applications, commands, and where the gateway is.

One module: all are what an application asks about itself, and share how it is found.
"""

from typing import Any

from sandbox.discord import render
from sandbox.discord.checks.commands import read_command
from sandbox.discord.checks.fields import Fields
from sandbox.discord.core import channels, commands, guilds
from sandbox.discord.core.access import require_member
from sandbox.discord.entities import JSON
from sandbox.discord.errors import DiscordError, FormErrors
from sandbox.discord.limits import GATEWAY, PAGES, SIZES
from sandbox.discord.rest.applications import own
from sandbox.discord.rest.router import ROUTER, Call, Reply


def gateway_url(call: Call) -> str:
    """The WebSocket's address on the same host and port."""
    return call.world.base_url.replace("http", "ws", 1)


@ROUTER.add("GET", "/gateway", token_free=True)
def gateway(call: Call) -> JSON:
    """Where the gateway is."""
    return {"url": gateway_url(call)}


@ROUTER.add("GET", "/gateway/bot")
def gateway_bot(call: Call) -> JSON:
    """Where it is, and how many sessions may still start."""
    starts = call.world.session_starts
    left, reset_after = starts.left(call.actor.user_id)
    return {
        "url": gateway_url(call),
        "shards": starts.recommended_shards,
        "session_start_limit": {
            "total": GATEWAY.identifies_a_day,
            "remaining": left,
            "reset_after": int(reset_after * 1000),
            "max_concurrency": starts.max_concurrency,
        },
    }


@ROUTER.add("GET", "/users/@me")
def me(call: Call) -> JSON:
    """Oneself."""
    return render.own_user(call.world.user(call.actor.user_id))


@ROUTER.add("PATCH", "/users/@me")
def edit_me(call: Call) -> JSON:
    """Changes oneself."""
    fields = call.fields()
    user = call.world.user(call.actor.user_id)
    name = fields.text("username", low=SIZES.user_name_min, high=SIZES.user_name_max)
    avatar = fields.text("avatar")
    fields.done()
    if name is not None:
        user.username = name
    if fields.has("avatar"):
        user.avatar = None if avatar is None else "a" * 32
    call.world.emit("USER_UPDATE", render.own_user(user), audience=(user.id,))
    return render.own_user(user)


@ROUTER.add("GET", "/users/{user_id}")
def get_user(call: Call) -> JSON:
    """Somebody."""
    return render.user(call.world.user(call.id("user_id")))


@ROUTER.add("GET", "/users/@me/guilds")
def my_guilds(call: Call) -> list[Any]:
    """The guilds one is in."""
    arguments = call.arguments()
    limit = arguments.integer("limit", low=PAGES.guilds[0], high=PAGES.guilds[1], default=200)
    after = arguments.snowflake("after", default=0)
    before = arguments.snowflake("before", default=1 << 63)
    arguments.done()
    answer = []
    for id_, guild in sorted(call.world.guilds.items()):
        if call.actor.user_id in guild.members and after < id_ < before:
            shown: JSON = {
                "id": str(id_),
                "name": guild.name,
                "icon": guild.icon,
                "banner": None,
                "owner": guild.owner_id == call.actor.user_id,
                "permissions": str(call.world.guild_permissions(guild, call.actor.user_id)),
                "features": list(guild.features),
            }
            if call.flag("with_counts"):
                shown["approximate_member_count"] = shown["approximate_presence_count"] = len(guild.members)
            answer.append(shown)
    return answer[:limit]


@ROUTER.add("DELETE", "/users/@me/guilds/{guild_id}")
def leave_guild(call: Call) -> None:
    """Leaves."""
    guilds.leave(call.world, call.actor, call.id("guild_id"))


@ROUTER.add("POST", "/users/@me/channels")
def open_direct(call: Call) -> JSON:
    """Opens a direct channel."""
    fields = call.fields()
    recipient = fields.snowflake("recipient_id")
    several = fields.snowflakes("recipients")
    if recipient is None and several:
        recipient = several[0]
    if recipient is None:
        fields.fail("recipient_id", "BASE_TYPE_REQUIRED", "This field is required")
    fields.done()
    channel = channels.open_direct(call.world, call.actor, recipient)
    return render.channel(call.world, channel, reader_id=call.actor.user_id)


# -- applications


@ROUTER.add("GET", "/applications/@me")
@ROUTER.add("GET", "/oauth2/applications/@me")
@ROUTER.add("GET", "/applications/{application_id}")
def get_application(call: Call) -> JSON:
    """One's own application."""
    return render.application(call.world, own(call))


@ROUTER.add("PATCH", "/applications/@me")
@ROUTER.add("PATCH", "/applications/{application_id}")
def edit_application(call: Call) -> JSON:
    """Changes it."""
    application = own(call)
    fields = call.fields()
    description = fields.text("description", high=SIZES.application_description)
    tags = fields.items("tags", high=SIZES.application_tags)
    fields.done()
    if description is not None:
        application.description = description
    if tags is not None:
        application.tags = tuple(tags)
    return render.application(call.world, application)


_COMMANDS = "/applications/{application_id}/commands"
_GUILD_COMMANDS = "/applications/{application_id}/guilds/{guild_id}/commands"


def _scope(call: Call) -> tuple[int, int | None]:
    application = own(call)
    if "guild_id" not in call.params:
        return application.id, None
    guild_id = call.id("guild_id")
    if guild_id not in call.world.guilds or application.bot_id not in call.world.guilds[guild_id].members:
        raise DiscordError(50001)
    return application.id, guild_id


@ROUTER.add("GET", _COMMANDS)
@ROUTER.add("GET", _GUILD_COMMANDS)
def list_commands(call: Call) -> list[Any]:
    """All of a scope."""
    localized = call.flag("with_localizations")
    return [render.command(c, localizations=localized) for c in commands.listed(call.world, *_scope(call))]


@ROUTER.add("PUT", _COMMANDS)
@ROUTER.add("PUT", _GUILD_COMMANDS)
def overwrite_commands(call: Call) -> list[Any]:
    """Replaces all of a scope."""
    scope = _scope(call)
    errors = FormErrors()
    if not isinstance(call.body, list):
        errors.add((), "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
        errors.raise_if_any()
    definitions = [read_command(Fields(item, errors, (index,))) for index, item in enumerate(call.body)]
    errors.raise_if_any()
    return [render.command(c) for c in commands.overwrite(call.world, *scope, definitions)]


@ROUTER.add("POST", _COMMANDS)
@ROUTER.add("POST", _GUILD_COMMANDS)
def create_command(call: Call) -> Reply:
    """Registers one."""
    scope = _scope(call)
    fields = call.fields()
    definition = read_command(fields)
    fields.done()
    command, new = commands.create(call.world, *scope, definition)
    return Reply(201 if new else 200, render.command(command))


@ROUTER.add("GET", _COMMANDS + "/{command_id}")
@ROUTER.add("GET", _GUILD_COMMANDS + "/{command_id}")
def get_command(call: Call) -> JSON:
    """One."""
    return render.command(commands.get(call.world, *_scope(call), call.id("command_id")))


@ROUTER.add("PATCH", _COMMANDS + "/{command_id}")
@ROUTER.add("PATCH", _GUILD_COMMANDS + "/{command_id}")
def edit_command(call: Call) -> JSON:
    """Changes one."""
    command = commands.get(call.world, *_scope(call), call.id("command_id"))
    fields = call.fields()
    changes = read_command(fields, partial=True, kind=command.definition["type"])
    fields.done()
    return render.command(commands.edit(call.world, command, changes))


@ROUTER.add("DELETE", _COMMANDS + "/{command_id}")
@ROUTER.add("DELETE", _GUILD_COMMANDS + "/{command_id}")
def delete_command(call: Call) -> None:
    """Takes one away."""
    command = commands.get(call.world, *_scope(call), call.id("command_id"))
    del call.world.commands[command.id]


def _permissions(call: Call, target: int, entries: list[JSON]) -> JSON:
    application_id, guild_id = _scope(call)
    return {"id": str(target), "application_id": str(application_id), "guild_id": str(guild_id), "permissions": entries}


@ROUTER.add("GET", _GUILD_COMMANDS + "/permissions")
def all_command_permissions(call: Call) -> list[Any]:
    """Exceptions of all commands in a guild."""
    application_id, guild_id = _scope(call)
    found = [
        c for c in call.world.commands.values() if c.application_id == application_id and c.guild_id in (None, guild_id)
    ]
    return [_permissions(call, c.id, c.permissions) for c in found if c.permissions]


@ROUTER.add("GET", _GUILD_COMMANDS + "/{command_id}/permissions")
def command_permissions(call: Call) -> JSON:
    """Exceptions of one; 10066 where it has none."""
    _scope(call)
    command = call.world.commands.get(call.id("command_id"))
    if command is None:
        raise DiscordError(10063)
    if not command.permissions:
        raise DiscordError(10066)
    return _permissions(call, command.id, command.permissions)


@ROUTER.add("PUT", _GUILD_COMMANDS + "/{command_id}/permissions")
def set_command_permissions(call: Call) -> JSON:
    """Bots may not; people with MANAGE_GUILD do it in the client."""
    if call.actor.is_bot:
        raise DiscordError(20001)
    guild = require_member(call.world, call.actor, call.id("guild_id"))
    command = call.world.commands.get(call.id("command_id"))
    if command is None:
        raise DiscordError(10063)
    fields = call.fields()
    entries = [
        {
            "id": str(item.snowflake("id", required=True, default=0)),
            "type": item.choice("type", (1, 2, 3), required=True),
            "permission": item.boolean("permission", default=False),
        }
        for item in fields.children("permissions", high=SIZES.command_permissions)
    ]
    fields.done()
    command.permissions = entries
    return {
        "id": str(command.id),
        "application_id": str(command.application_id),
        "guild_id": str(guild.id),
        "permissions": entries,
    }
