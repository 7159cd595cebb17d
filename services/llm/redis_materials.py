"""Attachments in Redis, each a hash with a TTL."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

from redis.asyncio import Redis

from chassis.settings import Live
from services.llm.materials import Material
from services.llm.settings import LlmSettings


class RedisMaterials:
    """Where attachments are kept for a while."""

    def __init__(self, redis: Redis, settings: Live[LlmSettings]) -> None:
        self._redis: Any = redis  # typed for both ways of decoding; the clients here give bytes
        self._settings = settings

    async def save(self, material: Material) -> None:
        """Keeps an attachment, in place of one of the same id."""
        key = _key(material.attachment_id)
        fields: dict[str, Any] = {
            "filename": material.filename,
            "kind": material.kind,
            "media_type": material.media_type,
            "data": material.data,
            "text": material.text,
            "cut": int(material.cut),
        }
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(key)
            pipe.hset(key, mapping=fields)
            pipe.expire(key, round(self._settings.current.attachments.ttl))
            await pipe.execute()

    async def load(self, attachment_ids: Collection[str]) -> dict[str, Material]:
        """See MaterialStore."""
        wanted = list(dict.fromkeys(attachment_ids))
        async with self._redis.pipeline(transaction=False) as pipe:
            for attachment_id in wanted:
                pipe.hgetall(_key(attachment_id))
            answers = cast(list[dict[bytes, bytes]], await pipe.execute())
        return {
            attachment_id: _decode(attachment_id, fields)
            for attachment_id, fields in zip(wanted, answers, strict=True)
            if fields
        }


def _key(attachment_id: str) -> str:
    return f"llm:attachment:{{{attachment_id}}}"


def _decode(attachment_id: str, fields: dict[bytes, bytes]) -> Material:
    return Material(
        attachment_id,
        fields[b"filename"].decode(),
        "image" if fields[b"kind"] == b"image" else "text",
        fields[b"media_type"].decode(),
        fields[b"data"],
        fields[b"text"].decode(),
        fields[b"cut"] == b"1",
    )
