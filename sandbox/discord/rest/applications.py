"""Which application a call is about: its own, or none."""

from sandbox.discord.entities import Application
from sandbox.discord.errors import DiscordError
from sandbox.discord.rest.router import Call


def own(call: Call) -> Application:
    """The caller's application; 20002 for people, 20012 where the path names another's."""
    application = call.world.applications.get(call.actor.application_id or 0)
    if application is None:
        raise DiscordError(20002)
    if "application_id" in call.params and call.id("application_id") != application.id:
        raise DiscordError(20012)
    return application
