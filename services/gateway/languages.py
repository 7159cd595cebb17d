"""In which language somebody is spoken to: the one set by them or their guild, else that of their Discord.

Discord says a person's language with each interaction and never with a message. So the last one that it said is kept
for a while, and who asks by a message is answered as they were when they used a command or pressed a button.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from chassis.caller import Person
from chassis.person_data import Forgotten
from chassis.runtime import JSON
from chassis.scoped import Place
from chassis.settings import Live
from services.gateway.guild_settings import LANGUAGE, GuildSettings
from services.gateway.settings import GatewaySettings

_log = structlog.get_logger(__name__)

_DAY = 86_400
_AT_HAND = 10_000
_PATIENCE = 0.5


class LocaleStore:
    """What Discord said of people's languages, for a while: Redis, with the latest of them at hand.

    gateway:locale:{<person>}   string: Discord's name of the language
    """

    def __init__(self, redis: Redis, settings: Live[GatewaySettings]) -> None:
        self._redis = redis
        self._settings = settings
        self._at_hand: OrderedDict[int, str] = OrderedDict()

    def knows(self, user_id: int, locale: str) -> bool:
        """Whether it is at hand that Discord said this last."""
        return self._at_hand.get(user_id) == locale

    async def keep(self, user_id: int, locale: str) -> None:
        """Keeps what Discord said last. RedisError where the store is away."""
        await self._redis.set(_key(user_id), locale, ex=self._settings.current.locale_days * _DAY)
        self._remember(user_id, locale)

    async def find(self, user_id: int) -> str:
        """What Discord said last; empty where that is not known. RedisError where the store is away."""
        if user_id not in self._at_hand:
            raw = await self._redis.get(_key(user_id))
            if raw is None:
                return ""
            self._remember(user_id, _text(raw))
        self._at_hand.move_to_end(user_id)
        return self._at_hand[user_id]

    async def forget(self, user_id: int) -> int:
        """Forgets it; gives whether there was something, as a number."""
        self._at_hand.pop(user_id, None)
        return int(await self._redis.delete(_key(user_id)))

    def _remember(self, user_id: int, locale: str) -> None:
        self._at_hand[user_id] = locale
        self._at_hand.move_to_end(user_id)
        if len(self._at_hand) > _AT_HAND:
            self._at_hand.popitem(last=False)


class Languages:
    """Says which language to speak to whoever writes. Neither method raises: without the store it is English."""

    def __init__(self, guild_settings: GuildSettings, store: LocaleStore) -> None:
        self._guild_settings = guild_settings
        self._store = store
        self._keeping: set[asyncio.Task[None]] = set()

    def heard(self, person: Person) -> None:
        """Keeps the language that Discord said with an interaction, which waits for nothing of it."""
        if not self._store.knows(person.user_id, person.locale):
            task = asyncio.create_task(self._keep(person.user_id, person.locale))
            self._keeping.add(task)
            task.add_done_callback(self._keeping.discard)

    async def writing(self, person: Person, place: Place) -> Person:
        """Whoever wrote a message, with the language to speak."""
        chosen = self._guild_settings.text(place, LANGUAGE)
        if chosen:
            return replace(person, locale=chosen)
        try:
            async with asyncio.timeout(_PATIENCE):
                return replace(person, locale=await self._store.find(person.user_id))
        except (RedisError, TimeoutError) as error:
            _log.info("language not found", error=type(error).__name__)
            return person

    async def _keep(self, user_id: int, locale: str) -> None:
        try:
            await self._store.keep(user_id, locale)
        except RedisError as error:
            _log.info("language not kept", error=type(error).__name__)


class LocaleOfPerson:
    """What gateway keeps about a person's language: given to them and forgotten."""

    def __init__(self, store: LocaleStore) -> None:
        self._store = store

    async def of_person(self, user_id: int) -> Mapping[str, JSON]:
        """See PersonData."""
        locale = await self._store.find(user_id)
        return {"language_of_discord": locale} if locale else {}

    async def forget_person(self, user_id: int) -> Forgotten:
        """See PersonData."""
        return Forgotten({"language_of_discord": await self._store.forget(user_id)})


def _key(user_id: int) -> str:
    return f"gateway:locale:{{{user_id}}}"


def _text(raw: bytes | str) -> str:
    return raw.decode() if isinstance(raw, bytes) else raw
