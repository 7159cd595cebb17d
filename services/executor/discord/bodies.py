"""What a call carries, as aiohttp takes it: JSON, or a form with files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp


@dataclass(frozen=True)
class File:
    """A file to upload."""

    name: str
    content: bytes
    media_type: str = "text/plain; charset=utf-8"


def body_of(body: Any, files: Sequence[File]) -> dict[str, Any]:
    """A call's body as arguments for aiohttp; none where there is none."""
    if not files:
        return {} if body is None else {"json": body}
    form = aiohttp.FormData()
    form.add_field("payload_json", _json(body or {}), content_type="application/json")
    for index, file in enumerate(files):
        form.add_field(f"files[{index}]", file.content, filename=file.name, content_type=file.media_type)
    return {"data": form}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
