"""Routes of what no guild and no application of the sandbox has: they say so as Discord says it of one without."""

from typing import Any, Final

from sandbox.discord.core import scheduled_events
from sandbox.discord.core.access import require_guild, require_member
from sandbox.discord.entities import JSON
from sandbox.discord.errors import DiscordError
from sandbox.discord.permissions import P
from sandbox.discord.rest.applications import own
from sandbox.discord.rest.router import ROUTER, Call

_REGIONS: Final = [{"id": "local", "name": "Local", "custom": False, "deprecated": False, "optimal": True}]
# Every guild can play these; py-cord asks for them before it says that it is ready.
_SOUNDS: Final = {
    "quack": "\N{DUCK}",
    "airhorn": "\N{SPEAKER WITH THREE SOUND WAVES}",
    "cricket": "\N{CRICKET}",
    "golf clap": "\N{CLAPPING HANDS SIGN}",
}


@ROUTER.add("GET", "/soundboard-default-sounds")
def default_sounds(_call: Call) -> list[Any]:
    """Those that come with Discord."""
    return [
        {
            "name": name,
            "sound_id": str(number),
            "volume": 1.0,
            "emoji_id": None,
            "emoji_name": emoji,
            "available": True,
        }
        for number, (name, emoji) in enumerate(_SOUNDS.items(), 1)
    ]


@ROUTER.add("GET", "/guilds/{guild_id}/soundboard-sounds")
def sounds(call: Call) -> JSON:
    """A guild's own: none."""
    require_member(call.world, call.actor, call.id("guild_id"))
    return {"items": []}


@ROUTER.add("GET", "/sticker-packs", token_free=True)
def sticker_packs(_call: Call) -> JSON:
    """None."""
    return {"sticker_packs": []}


@ROUTER.add("GET", "/sticker-packs/{pack_id}", token_free=True)
def sticker_pack(_call: Call) -> None:
    """Unknown, each of them."""
    raise DiscordError(10061)


@ROUTER.add("GET", "/stickers/{sticker_id}")
def sticker(_call: Call) -> None:
    """Unknown, each of them."""
    raise DiscordError(10060)


@ROUTER.add("GET", "/guilds/{guild_id}/stickers")
@ROUTER.add("GET", "/guilds/{guild_id}/integrations")
@ROUTER.add("GET", "/guilds/{guild_id}/templates")
def none_of_those(call: Call) -> list[Any]:
    """None."""
    require_member(call.world, call.actor, call.id("guild_id"))
    return []


@ROUTER.add("GET", "/guilds/{guild_id}/stickers/{sticker_id}")
def guild_sticker(call: Call) -> None:
    """Unknown, each of them."""
    require_member(call.world, call.actor, call.id("guild_id"))
    raise DiscordError(10060)


@ROUTER.add("GET", "/guilds/templates/{code}", token_free=True)
def template(_call: Call) -> None:
    """Unknown, each of them."""
    raise DiscordError(10057)


@ROUTER.add("GET", "/guilds/{guild_id}/vanity-url")
def vanity(call: Call) -> None:
    """Not for these guilds."""
    require_guild(call.world, call.actor, call.id("guild_id"), P.MANAGE_GUILD)
    raise DiscordError(50013)


@ROUTER.add("GET", "/guilds/{guild_id}/welcome-screen")
def welcome_screen(call: Call) -> None:
    """None was drawn."""
    require_member(call.world, call.actor, call.id("guild_id"))
    raise DiscordError(10069)


@ROUTER.add("GET", "/guilds/{guild_id}/onboarding")
def onboarding(call: Call) -> JSON:
    """Switched off."""
    guild = require_member(call.world, call.actor, call.id("guild_id"))
    return {"guild_id": str(guild.id), "prompts": [], "default_channel_ids": [], "enabled": False, "mode": 0}


@ROUTER.add("GET", "/guilds/{guild_id}/widget")
def widget_settings(call: Call) -> JSON:
    """Switched off."""
    require_guild(call.world, call.actor, call.id("guild_id"), P.MANAGE_GUILD)
    return {"enabled": False, "channel_id": None}


@ROUTER.add("GET", "/guilds/{guild_id}/widget.json", token_free=True)
def widget(call: Call) -> None:
    """Switched off."""
    call.world.guild(call.id("guild_id"))
    raise DiscordError(50004)


@ROUTER.add("GET", "/voice/regions")
def regions(_call: Call) -> list[Any]:
    """One."""
    return _REGIONS


@ROUTER.add("GET", "/guilds/{guild_id}/regions")
def guild_regions(call: Call) -> list[Any]:
    """The same one."""
    require_member(call.world, call.actor, call.id("guild_id"))
    return _REGIONS


@ROUTER.add("GET", "/guilds/{guild_id}/voice-states/{user_id}")
@ROUTER.add("GET", "/guilds/{guild_id}/voice-states/@me")
def voice_state(call: Call) -> None:
    """Nobody is in a voice channel."""
    require_member(call.world, call.actor, call.id("guild_id"))
    raise DiscordError(10065)


@ROUTER.add("GET", "/guilds/{guild_id}/scheduled-events/{guild_scheduled_event_id}/users")
def interested(call: Call) -> list[Any]:
    """Nobody: being interested is nothing that a bot can be, and the page does not offer it."""
    scheduled_events.get(call.world, call.actor, call.id("guild_id"), call.id("guild_scheduled_event_id"))
    return []


@ROUTER.add("GET", "/applications/{application_id}/entitlements")
@ROUTER.add("GET", "/applications/{application_id}/role-connections/metadata")
@ROUTER.add("GET", "/applications/{application_id}/skus")
def nothing_of_an_application(call: Call) -> list[Any]:
    """None: nothing is sold, and nothing linked."""
    own(call)
    return []
