"""Reading request bodies: JSON, multipart with `payload_json` and `files[n]`, forms."""

import json
import re
from typing import Any

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from sandbox.discord.core.message_form import Upload
from sandbox.discord.errors import DiscordError, FormErrors
from sandbox.discord.limits import SIZES

Named = dict[str, list[Upload]]
_FILE = re.compile(r"files?\[(\d+)\]|file(\d*)")


async def read_body(request: web.Request) -> tuple[Any, list[Upload], Named]:
    """The JSON, the numbered files, and files under other names."""
    if not request.body_exists:
        return None, [], {}
    if request.content_length is not None and request.content_length > SIZES.request_bytes:
        raise DiscordError(40005)
    kind = request.content_type
    if kind.startswith("multipart/"):
        return await _multipart(request)
    raw = await request.read()
    if not raw:
        return None, [], {}
    if kind == "application/x-www-form-urlencoded":
        fields = dict(await request.post())
        whole = fields.get("payload_json")
        return (parse(whole) if isinstance(whole, str) else fields), [], {}
    if kind != "application/json":
        errors = FormErrors()
        errors.add((), "CONTENT_TYPE_INVALID", "Expected \"Content-Type\" header to be one of {'application/json'}.")
        errors.raise_if_any()
    return parse(raw), [], {}


def parse(raw: bytes | str) -> Any:
    """JSON, strictly; 50109."""
    try:
        value = json.loads(raw)
        # Half a surrogate pair is JSON but no text: it could not be sent on.
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise DiscordError(50109) from error
    return value


async def _multipart(request: web.Request) -> tuple[Any, list[Upload], Named]:
    body: Any = None
    fields: dict[str, str] = {}
    uploads: list[Upload] = []
    named: Named = {}
    try:
        reader = await request.multipart()
        while (part := await reader.next()) is not None:
            if not isinstance(part, BodyPartReader):
                raise DiscordError(50046)
            name = part.name or ""
            data = bytes(await part.read(decode=True))
            if name == "payload_json":
                body = parse(data)
            elif part.filename is not None:
                _file(name, part, data, uploads, named)
            else:
                fields[name] = data.decode("utf-8", "replace")
    except (ValueError, AssertionError, HttpProcessingError) as error:
        raise DiscordError(50109, "The request body is no valid multipart form.") from error
    return (fields or None) if body is None else body, uploads, named


def _file(name: str, part: BodyPartReader, data: bytes, uploads: list[Upload], named: Named) -> None:
    kind = part.headers.get("Content-Type", "")
    match = _FILE.fullmatch(name)
    if match:
        index = int(match[1] or match[2] or 0)
        uploads.append(Upload(index, part.filename or "file", kind, data))
    else:
        key = name[6:-1] if name.startswith("files[") and name.endswith("]") else name
        named.setdefault(key, []).append(Upload(len(named), part.filename or "file", kind, data))
