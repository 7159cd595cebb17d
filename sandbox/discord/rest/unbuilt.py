"""Routes that Discord has and the sandbox does not do: told apart from paths that nobody has.

They go through authentication, limits and the description like all others; then comes 501 with Discord's usual body.
"""

from collections.abc import Mapping
from typing import Final

from sandbox.discord.errors import DiscordError
from sandbox.discord.rest.router import ROUTER, Call, Route, Router

NOT_BUILT: Final = 501

# Path template -> methods, as https://github.com/discord/discord-api-spec lists them.
UNBUILT: Final[Mapping[str, str]] = {
    "/applications/{application_id}/activity-instances/{instance_id}": "GET",
    "/applications/{application_id}/attachment": "POST",
    "/applications/{application_id}/entitlements": "POST",
    "/applications/{application_id}/entitlements/{entitlement_id}": "GET DELETE",
    "/applications/{application_id}/entitlements/{entitlement_id}/consume": "POST",
    "/applications/{application_id}/role-connections/metadata": "PUT",
    "/channels/{channel_id}/followers": "POST",
    "/channels/{channel_id}/recipients/{user_id}": "PUT DELETE",
    "/channels/{channel_id}/send-soundboard-sound": "POST",
    "/channels/{channel_id}/voice-status": "PUT",
    "/guilds/{guild_id}/incident-actions": "PUT",
    "/guilds/{guild_id}/integrations/{integration_id}": "DELETE",
    "/guilds/{guild_id}/members/{user_id}": "PUT",
    "/guilds/{guild_id}/messages/search": "GET",
    "/guilds/{guild_id}/new-member-welcome": "GET",
    "/guilds/{guild_id}/onboarding": "PUT",
    "/guilds/{guild_id}/requests": "GET",
    "/guilds/{guild_id}/requests/{request_id}": "PATCH",
    "/guilds/{guild_id}/scheduled-events/{guild_scheduled_event_id}/exceptions": "POST",
    "/guilds/{guild_id}/scheduled-events/{guild_scheduled_event_id}/exceptions/{exception_id}": "PATCH DELETE",
    "/guilds/{guild_id}/scheduled-events/{guild_scheduled_event_id}/users/counts": "GET",
    "/guilds/{guild_id}/scheduled-events/{guild_scheduled_event_id}/{guild_scheduled_event_exception_id}/users": "GET",
    "/guilds/{guild_id}/soundboard-sounds": "POST",
    "/guilds/{guild_id}/soundboard-sounds/{sound_id}": "GET PATCH DELETE",
    "/guilds/{guild_id}/stickers": "POST",
    "/guilds/{guild_id}/stickers/{sticker_id}": "PATCH DELETE",
    "/guilds/{guild_id}/templates": "POST",
    "/guilds/{guild_id}/templates/{code}": "PUT PATCH DELETE",
    "/guilds/{guild_id}/voice-states/@me": "PATCH",
    "/guilds/{guild_id}/voice-states/{user_id}": "PATCH",
    "/guilds/{guild_id}/welcome-screen": "PATCH",
    "/guilds/{guild_id}/widget": "PATCH",
    "/guilds/{guild_id}/widget.png": "GET",
    "/invites/{code}/target-users": "GET PUT",
    "/invites/{code}/target-users/job-status": "GET",
    "/lobbies": "POST PUT",
    "/lobbies/{lobby_id}": "GET PATCH DELETE",
    "/lobbies/{lobby_id}/channel-linking": "PATCH",
    "/lobbies/{lobby_id}/members/@me": "DELETE",
    "/lobbies/{lobby_id}/members/@me/invites": "POST",
    "/lobbies/{lobby_id}/members/bulk": "POST",
    "/lobbies/{lobby_id}/members/{user_id}": "PUT DELETE",
    "/lobbies/{lobby_id}/members/{user_id}/invites": "POST",
    "/lobbies/{lobby_id}/messages": "GET POST",
    "/lobbies/{lobby_id}/messages/{message_id}/moderation-metadata": "PUT",
    "/oauth2/@me": "GET",
    "/oauth2/keys": "GET",
    "/oauth2/userinfo": "GET",
    "/partner-sdk/dms/{user_id_1}/{user_id_2}/messages/{message_id}/moderation-metadata": "PUT",
    "/partner-sdk/provisional-accounts/unmerge": "POST",
    "/partner-sdk/provisional-accounts/unmerge/bot": "POST",
    "/partner-sdk/token": "POST",
    "/partner-sdk/token/bot": "POST",
    "/skus/{sku_id}/subscriptions": "GET",
    "/skus/{sku_id}/subscriptions/{subscription_id}": "GET",
    "/stage-instances": "POST",
    "/stage-instances/{channel_id}": "GET PATCH DELETE",
    "/users/@me/applications/{application_id}/entitlements": "GET",
    "/users/@me/applications/{application_id}/role-connection": "GET PUT DELETE",
    "/users/@me/connections": "GET",
    "/users/@me/guilds/{guild_id}/member": "GET",
    "/webhooks/{webhook_id}/{webhook_token}/github": "POST",
}


def _refuse(call: Call) -> None:
    message = f"{NOT_BUILT}: Discord has {call.route.key}, but this sandbox does not do it"
    raise DiscordError(0, message, status=NOT_BUILT)


_REST = Router()
for _template, _methods in UNBUILT.items():
    for _method in _methods.split():
        _REST.add(_method, _template)(_refuse)


def find(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """The route for a request, be it one that only says that it is not built; 404 or 405 where there is none."""
    try:
        return ROUTER.find(method, path)
    except DiscordError as unknown:
        try:
            return _REST.find(method, path)
        except DiscordError:
            raise unknown from None
