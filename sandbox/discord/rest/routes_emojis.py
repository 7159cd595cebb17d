"""Routes of emojis, a guild's own and an application's."""

from typing import Any

from sandbox.discord import render
from sandbox.discord.checks.fields import Fields
from sandbox.discord.core import emojis
from sandbox.discord.core.access import require_member
from sandbox.discord.entities import JSON
from sandbox.discord.limits import SIZES
from sandbox.discord.rest.applications import own
from sandbox.discord.rest.router import ROUTER, Call, Reply

_OF_APPLICATION = "/applications/{application_id}/emojis"


def _name(fields: Fields, *, required: bool) -> str:
    low, high = SIZES.emoji_name_min, SIZES.emoji_name_max
    return str(fields.text("name", low=low, high=high, required=required, default="xx"))


@ROUTER.add("GET", "/guilds/{guild_id}/emojis")
def list_emojis(call: Call) -> JSON | list[Any]:
    """All."""
    guild = require_member(call.world, call.actor, call.id("guild_id"))
    return [render.emoji(call.world, e) for e in guild.emojis.values()]


@ROUTER.add("POST", "/guilds/{guild_id}/emojis")
def create_emoji(call: Call) -> Reply:
    """A new one."""
    fields = call.fields()
    name = _name(fields, required=True)
    image = fields.text("image", low=1, required=True, default="")
    roles = fields.snowflakes("roles") or []
    fields.done()
    emoji = emojis.create(call.world, call.actor, call.id("guild_id"), name=name, image=image, roles=roles)
    return Reply(201, render.emoji(call.world, emoji))


@ROUTER.add("GET", "/guilds/{guild_id}/emojis/{emoji_id}")
def get_emoji(call: Call) -> JSON:
    """One."""
    guild = require_member(call.world, call.actor, call.id("guild_id"))
    return render.emoji(call.world, emojis.find(guild, call.id("emoji_id")))


@ROUTER.add("PATCH", "/guilds/{guild_id}/emojis/{emoji_id}")
def edit_emoji(call: Call) -> JSON:
    """Renames it."""
    fields = call.fields()
    name = fields.text("name", low=SIZES.emoji_name_min, high=SIZES.emoji_name_max)
    roles = fields.snowflakes("roles")
    fields.done()
    emoji = emojis.update(call.world, call.actor, call.id("guild_id"), call.id("emoji_id"), name=name, roles=roles)
    return render.emoji(call.world, emoji)


@ROUTER.add("DELETE", "/guilds/{guild_id}/emojis/{emoji_id}")
def delete_emoji(call: Call) -> None:
    """Deletes it."""
    emojis.delete(call.world, call.actor, call.id("guild_id"), call.id("emoji_id"))


@ROUTER.add("GET", _OF_APPLICATION)
def application_emojis(call: Call) -> JSON:
    """All of an application's."""
    return {"items": [render.emoji(call.world, e) for e in own(call).emojis.values()]}


@ROUTER.add("POST", _OF_APPLICATION)
def create_application_emoji(call: Call) -> Reply:
    """A new one."""
    application = own(call)
    fields = call.fields()
    name = _name(fields, required=True)
    image = fields.text("image", low=1, required=True, default="")
    fields.done()
    emoji = emojis.create_for_application(call.world, call.actor, application, name=name, image=image)
    return Reply(201, render.emoji(call.world, emoji))


@ROUTER.add("GET", _OF_APPLICATION + "/{emoji_id}")
def application_emoji(call: Call) -> JSON:
    """One."""
    return render.emoji(call.world, emojis.of_application(own(call), call.id("emoji_id")))


@ROUTER.add("PATCH", _OF_APPLICATION + "/{emoji_id}")
def rename_application_emoji(call: Call) -> JSON:
    """Renames it."""
    emoji = emojis.of_application(own(call), call.id("emoji_id"))
    fields = call.fields()
    name = _name(fields, required=True)
    fields.done()
    emoji.name = name
    return render.emoji(call.world, emoji)


@ROUTER.add("DELETE", _OF_APPLICATION + "/{emoji_id}")
def delete_application_emoji(call: Call) -> None:
    """Deletes it."""
    application = own(call)
    del application.emojis[emojis.of_application(application, call.id("emoji_id")).id]
