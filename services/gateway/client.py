"""disnake, set up for a gateway that keeps nothing.

Of disnake we use the WebSocket protocol, the REST client for the calls at start-up, and the webhook adapter for answers
to interactions. Its caches stay empty: events are read where they are used (`events`), because a RESUMEd process
would not be told again what a cache should hold. Everything follows `Route.BASE`: another address, another Discord.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import disnake
from disnake.gateway import DiscordWebSocket
from disnake.http import Route
from pydantic import SecretStr

from chassis.errors import FailedPrecondition
from services.gateway.journal import Session
from services.gateway.settings import Intents

# https://discord.com/developers/docs/resources/application#application-object-application-flags
MESSAGE_CONTENT_FLAGS = 1 << 18 | 1 << 19
MEMBERS_FLAGS = 1 << 14 | 1 << 15
PRESENCES_FLAGS = 1 << 12 | 1 << 13

_PRIVILEGED = (
    ("message_content", "MESSAGE CONTENT INTENT", MESSAGE_CONTENT_FLAGS),
    ("members", "SERVER MEMBERS INTENT", MEMBERS_FLAGS),
    ("presences", "PRESENCE INTENT", PRESENCES_FLAGS),
)

Deliver = Callable[[str, Any, int], None]


class Misconfigured(FailedPrecondition):
    """Discord refuses what it was asked for; the message says what to do, in one line."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message, reason=reason)


class Client(disnake.AutoShardedClient):
    """disnake's client without its own way to connect: see `shards`."""

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Does nothing: the permit to identify is had before the connection is opened (see `shards`)."""


@dataclass(frozen=True, slots=True)
class Application:
    """Who we are in Discord."""

    application_id: int
    bot_id: int
    name: str
    flags: int


@dataclass(frozen=True, slots=True)
class Recommended:
    """What Discord recommends for connecting: `GET /gateway/bot`."""

    url: str
    shards: int
    remaining: int
    reset_after: float
    max_concurrency: int


def create(api_base: str, intents: disnake.Intents) -> Client:
    """Makes the client. Call it inside the running loop: disnake binds to it."""
    Route.BASE = api_base.rstrip("/")
    return Client(
        intents=intents,
        max_messages=None,
        chunk_guilds_at_startup=False,
        member_cache_flags=disnake.MemberCacheFlags.none(),
        allowed_mentions=disnake.AllowedMentions.none(),
        gateway_params=disnake.GatewayParams(zlib=api_base.startswith("https://")),
    )


async def application(api_base: str, token: str) -> Application:
    """Checks the token and says who we are. Raises Misconfigured where it is not one, else what aiohttp raises."""
    probe = create(api_base, disnake.Intents.none())
    try:
        await login(probe, token)
        about = await probe.http.application_info()
        return Application(
            application_id=int(about["id"]),
            bot_id=probe.user.id,
            name=probe.user.name,
            flags=int(about.get("flags") or 0),
        )
    finally:
        await probe.http.close()


async def login(client: Client, token: str) -> None:
    """Lets a client make REST calls. Raises Misconfigured where the token is not one."""
    try:
        await client.login(token)
    except disnake.LoginFailure as error:
        raise Misconfigured(
            "Discord does not accept DISCORD_TOKEN: copy the bot's token from the developer portal (Bot, Reset Token).",
            "DISCORD_TOKEN_INVALID",
        ) from error


def use_token(client: Client, token: SecretStr) -> None:
    """Takes another token of the same bot into use, for calls and for connections that begin from now on."""
    client.http.token = token.get_secret_value()


def intents(wanted: Intents, flags: int) -> tuple[disnake.Intents, tuple[str, ...]]:
    """The intents to ask for, and the names of those that were wanted and are not allowed in the developer portal.

    Raises Misconfigured where one is insisted on.
    """
    chosen = disnake.Intents.none()
    chosen.guilds = chosen.guild_messages = chosen.dm_messages = True
    chosen.moderation = chosen.emojis_and_stickers = True
    missing: list[str] = []
    for name, label, mask in _PRIVILEGED:
        wish = getattr(wanted, name)
        if wish == "off":
            continue
        if flags & mask or wish == "on":
            setattr(chosen, name, True)
        if not flags & mask:
            missing.append(label)
            if wish == "on":
                raise Misconfigured(intent_missing(label, name), "INTENT_MISSING")
    return chosen, tuple(missing)


def without_privileged(client: Client, wanted: Intents) -> tuple[str, ...]:
    """Takes the privileged intents off that Discord does not allow any more; what to do about each that was taken off.

    Those that the configuration insists on stay, so the next try is refused for good.
    """
    chosen = client._connection._intents
    taken = [
        (name, label) for name, label, _ in _PRIVILEGED if getattr(chosen, name) and getattr(wanted, name) == "auto"
    ]
    for name, _ in taken:
        setattr(chosen, name, False)
    return tuple(intent_missing(label, name) for name, label in taken)


def intent_missing(label: str, name: str) -> str:
    """The one line that says what to do about an intent."""
    return (
        f"Discord does not allow this bot the {label}: turn it on in the developer portal (Bot, Privileged Gateway "
        f"Intents), or set gateway.intents.{name} to off."
    )


async def recommended(client: Client) -> Recommended:
    """Asks Discord where and with how many shards to connect."""
    shards, url, limit = await client.http.get_bot_gateway(
        encoding=client.gateway_params.encoding, zlib=client.gateway_params.zlib
    )
    return Recommended(
        url=url,
        shards=int(shards),
        remaining=int(limit["remaining"]),
        reset_after=limit["reset_after"] / 1000,
        max_concurrency=int(limit["max_concurrency"]),
    )


async def open_socket(
    client: Client, shard: tuple[int, int], url: str, session: Session | None, deliver: Deliver
) -> DiscordWebSocket:
    """Connects a shard and sends RESUME for a session, else IDENTIFY. Events go to `deliver(name, data, sequence)`.

    `shard` is its id and the number of shards, as Discord's `shard` field has them.
    """
    shard_id, shard_count = shard
    socket = await _socket_of(shard_count).from_client(
        client,
        gateway=url,
        shard_id=shard_id,
        session=session.session_id if session else None,
        sequence=session.sequence if session else None,
        resume=session is not None,
    )
    # from_client reads HELLO and nothing more, so no event has passed by yet.
    socket._discord_parsers = _Tap(socket, deliver)  # type: ignore[assignment]
    return socket


@functools.cache
def _socket_of(count: int) -> type[DiscordWebSocket]:
    """disnake's connection for a shard of so many. A client of disnake's has one number for all its shards."""

    class Socket(DiscordWebSocket):
        async def identify(self) -> None:
            self.shard_count = count
            await super().identify()

    return Socket


class _Tap:
    """Stands where disnake looks up its parser of an event, and passes every event on with its sequence."""

    def __init__(self, socket: DiscordWebSocket, deliver: Deliver) -> None:
        self._socket = socket
        self._deliver = deliver

    def __getitem__(self, event: str) -> Callable[[Any], None]:
        return lambda data: self._deliver(event, data, self._socket.sequence or 0)
