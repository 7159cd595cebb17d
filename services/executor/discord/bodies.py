"""What a call carries, as aiohttp takes it: JSON, or a form with files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import JsonPayload

from services.executor.jobs.model import Fence, LeaseLost


@dataclass(frozen=True)
class File:
    """A file to upload."""

    name: str
    content: bytes
    media_type: str = "text/plain; charset=utf-8"


def body_of(body: Any, files: Sequence[File], fence: Fence | None) -> dict[str, Any]:
    """A call's body as arguments for aiohttp; none where there is none."""
    if not files:
        if body is None:
            return {}
        return {"json": body} if fence is None else {"data": _WhileOurs(body, fence)}
    form = aiohttp.FormData()
    form.add_field("payload_json", _json(body or {}), content_type="application/json")
    for index, file in enumerate(files):
        form.add_field(f"files[{index}]", file.content, filename=file.name, content_type=file.media_type)
    return {"data": form}


class _WhileOurs(JsonPayload):
    """JSON that is only sent while the lease lasts.

    Where tasks do not start eagerly (before Python 3.12), aiohttp sends a body a turn of the loop after the call was
    begun. A process that stands still in between would send it when it wakes up, long after another owner has found
    that the call did not happen: no timer is looked at before. The head waits for the body, so nothing was sent yet.
    """

    def __init__(self, body: Any, fence: Fence) -> None:
        super().__init__(body)
        self._fence = fence

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        if self._fence.remaining() <= 0:
            raise LeaseLost(self._fence.name)
        await super().write_with_length(writer, content_length)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
