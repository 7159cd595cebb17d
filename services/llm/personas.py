"""Personas that guilds add in Discord, kept in Redis: one hash for a guild.

Every question looks for one, so what was found, or that there is none, is remembered for a moment: a change is seen at
once by the replica that made it, and by the others within REMEMBERED seconds.
"""

from __future__ import annotations

import json
import re
from typing import Any

from redis.asyncio import Redis

from chassis.clock import Clock
from chassis.errors import FailedPrecondition, InvalidArgument
from chassis.settings import Live
from services.llm.conversation import clean
from services.llm.lru import LruCache
from services.llm.preferences import Persona
from services.llm.problems import prompt_unknown
from services.llm.settings import LlmSettings

REMEMBERED = 1.0
"""Seconds."""
REMEMBERED_PERSONAS, REMEMBERED_BYTES = 2_000, 4 * 2**20
NONE = b""
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


class RedisPersonas:
    """The personas of all guilds."""

    def __init__(self, redis: Redis, settings: Live[LlmSettings], clock: Clock) -> None:
        self._redis: Any = redis  # typed for both ways of decoding; the clients here give bytes
        self._settings = settings
        self._recent = LruCache(clock, entries=REMEMBERED_PERSONAS, max_bytes=REMEMBERED_BYTES)
        self._changes = 0

    async def find(self, guild_id: int, name: str) -> Persona | None:
        """See Personas. Only a name that a persona may have is looked for."""
        if not guild_id or not NAME.fullmatch(name):
            return None
        place = f"{guild_id}/{name}"
        value = self._recent.get(place)
        if value is None:
            changes = self._changes
            value = await self._redis.hget(_key(guild_id), name) or NONE
            if changes == self._changes:
                self._recent.put(place, value, REMEMBERED)
        return _decode(guild_id, name, value) if value != NONE else None

    async def all(self, guild_id: int) -> list[Persona]:
        """A guild's personas by name."""
        fields = await self._redis.hgetall(_key(guild_id)) if guild_id else {}
        return sorted(
            (_decode(guild_id, key.decode(), value) for key, value in fields.items()), key=lambda each: each.name
        )

    async def put(self, persona: Persona) -> Persona:
        """Keeps a persona. Raises InvalidArgument (INVALID_PERSONA), FailedPrecondition (TOO_MANY_PERSONAS)."""
        settings = self._settings.current
        text = clean(persona.text)
        wrong = {}
        if not NAME.fullmatch(persona.name):
            wrong["prompt.name"] = "1 to 32 of a to z, 0 to 9, - and _"
        if not text or len(text) > settings.max_persona_chars:
            wrong["prompt.text"] = f"1 to {settings.max_persona_chars} characters"
        if wrong:
            raise InvalidArgument(
                "The persona can't be kept: " + "; ".join(f"{key}: {what}" for key, what in wrong.items()) + ".",
                reason="INVALID_PERSONA",
                fields=wrong,
            )
        key = _key(persona.guild_id)
        if not await self._redis.hexists(key, persona.name) and await self._redis.hlen(key) >= settings.max_personas:
            raise FailedPrecondition(
                f"There are {settings.max_personas} personas already; take one away first.", reason="TOO_MANY_PERSONAS"
            )
        label = clean(persona.label)[:80] or persona.name
        kept = Persona(persona.name, text, label, clean(persona.description)[:200], persona.guild_id)
        await self._redis.hset(key, kept.name, json.dumps([kept.text, kept.label, kept.description]))
        self._forget()
        return kept

    async def delete(self, guild_id: int, name: str) -> None:
        """Takes a persona away. Raises NotFound (PROMPT_UNKNOWN)."""
        gone = await self._redis.hdel(_key(guild_id), name)
        self._forget()
        if not gone:
            raise prompt_unknown(name)

    def _forget(self) -> None:
        self._changes += 1
        self._recent.clear()


def _key(guild_id: int) -> str:
    return f"llm:personas:{{{guild_id}}}"


def _decode(guild_id: int, name: str, value: bytes) -> Persona:
    text, label, description = json.loads(value)
    return Persona(name, text, label, description, guild_id)
