"""The bot in Discord: the order in which it starts and stops.

Start: who we are, which intents we may have, where we were (journals), then the shards; commands are registered beside
them. Stop: the connections first, so that nothing new comes in, then what is being handed over, then the journals.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence

import aiohttp
import structlog

from chassis.runtime import JSON, Runtime
from services.gateway import client as discord_client
from services.gateway import presence
from services.gateway.client import Application, Client, Misconfigured, Recommended
from services.gateway.fleet import check_shards
from services.gateway.parts import Connections, Parts
from services.gateway.reaching import Reaching
from services.gateway.registration import register
from services.gateway.settings import GatewaySettings
from views.catalogue import texts

_log = structlog.get_logger(__name__)

_DRAIN = 5.0
_MIRROR_DRAIN = 2.0


class Bot:
    """Everything between Discord and the other services."""

    def __init__(self, runtime: Runtime[GatewaySettings]) -> None:
        self._runtime = runtime
        self._settings = runtime.settings
        self._health = runtime.health("discord")
        self._health.not_serving("not connected yet")
        self._reached = Reaching(self._health).reached
        self._parts = Parts(runtime)
        self._client: Client | None = None
        self._connections: Connections | None = None
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Lives until cancelled. Returns early only where Discord refuses for good; one logged line says what to do."""
        try:
            await self._live()
        except* Misconfigured as refused:
            for error in _each(refused):
                self._health.not_serving(str(error))
                _log.critical(str(error))

    async def stop(self) -> None:
        """Leaves Discord so that the sessions can be resumed, with everything handed over and written down."""
        self._stopping.set()
        if self._connections is not None:
            await self._connections.fleet.close()
            await self._connections.intake.drain(_DRAIN)
            await self._connections.fleet.save(_MIRROR_DRAIN)
        if self._client is not None:
            await self._client.http.close()

    def status(self) -> Mapping[str, JSON]:
        """How each shard is, for operators."""
        feeds = self._connections.fleet.feeds.items() if self._connections is not None else ()
        return {
            "shards": [
                {
                    "shard": shard.shard_id,
                    "of": shard.shard_count,
                    "connected": shard.connected,
                    "latency_ms": round(shard.latency * 1000, 1) if shard.connected else None,
                    "handing_over": shard.journal.outstanding,
                    "mirror_waiting": feed.waiting,
                }
                for shard, feed in feeds
            ],
            "commands": len(self._parts.registry.commands),
        }

    async def _live(self) -> None:
        access = self._settings.current.discord
        token = access.token.get_secret_value()
        about = await self._reached(lambda: discord_client.application(access.api_base, token))
        client = self._client = self._make_client(access.api_base, about)
        await self._reached(lambda: discord_client.login(client, token))
        self._settings.subscribe(lambda _, new: discord_client.use_token(client, new.discord.token))

        async def where() -> Recommended:
            return await discord_client.recommended(client)

        recommended = (await self._reached(where)).shards
        # What is said in a channel means what its settings make of it, from the first event on.
        await self._parts.guild_settings.known()
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
            self._connections = self._parts.connections(
                client, session, bot_id=about.bot_id, shards=recommended, where=where
            )
            fleet = self._connections.fleet
            self._settings.guard(lambda new: check_shards(new, recommended))
            group.create_task(self._register(client, about))
            group.create_task(fleet.run())
            group.create_task(presence.show(fleet, self._health, self._settings, self._runtime.clock))
            await self._stopping.wait()
            # Background work that ends takes the process with it; this one ends with the process.
            await asyncio.Event().wait()

    def _make_client(self, api_base: str, about: Application) -> Client:
        intents, missing = discord_client.intents(self._settings.current.intents, about.flags)
        for label in missing:
            _log.warning(f"the bot does without the {label}: it is not turned on in the developer portal")
        return discord_client.create(api_base, intents)

    async def _register(self, client: Client, about: Application) -> None:
        payload, store = self._parts.registry.payload(texts()), self._parts.store(about.bot_id)

        async def send(commands: list[dict[str, object]]) -> object:
            return await client.http.bulk_upsert_global_commands(about.application_id, commands)  # type: ignore[arg-type]

        async def fetch() -> Sequence[Mapping[str, object]]:
            return await client.http.get_global_commands(about.application_id, with_localizations=False)

        await self._reached(lambda: register(payload, store, send, fetch))


def _each(group: BaseExceptionGroup[Misconfigured]) -> Iterator[Misconfigured]:
    """What was raised, however deep in groups of groups it lies."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _each(error)
        else:
            yield error
