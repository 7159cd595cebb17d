"""`/settings` for channels and guilds, `/preferences` for oneself."""

from services.gateway import menu_drawing, menu_items, menus
from services.gateway.command import MANAGE_GUILD, Command
from services.gateway.context import Context
from services.gateway.registry import Registry


async def settings(context: Context) -> None:
    """Shows what is set in this channel."""
    await context.respond(await menu_drawing.draw(context, menu_items.CHANNEL, 0))


async def preferences(context: Context) -> None:
    """Shows what the person set for themselves."""
    await context.respond(await menu_drawing.draw(context, menu_items.ME, 0))


def register(registry: Registry) -> None:
    """Adds the commands and what is pressed in their menus."""
    registry.command(Command("settings", settings, feature="settings", permissions=MANAGE_GUILD, guild_only=True))
    registry.command(Command("preferences", preferences, user_install=True))
    for action, handler in menus.COMPONENTS.items():
        registry.component(action, handler)
