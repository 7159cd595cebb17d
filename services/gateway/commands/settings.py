"""`/settings` for channels and guilds, `/preferences` for oneself."""

from services.gateway import menus
from services.gateway.command import MANAGE_GUILD, Command
from services.gateway.context import Context
from services.gateway.registry import Registry


async def settings(context: Context) -> None:
    """Shows what is set in this channel."""
    await context.respond(await menus.draw(context, menus.CHANNEL, 0))


async def preferences(context: Context) -> None:
    """Shows what the person set for themselves."""
    await context.respond(await menus.draw(context, menus.ME, 0))


def register(registry: Registry) -> None:
    """Adds the commands and what is pressed in their menus."""
    registry.command(Command("settings", settings, feature="settings", permissions=MANAGE_GUILD, guild_only=True))
    registry.command(Command("preferences", preferences, user_install=True))
    for action, handler in menus.COMPONENTS.items():
        registry.component(action, handler)
