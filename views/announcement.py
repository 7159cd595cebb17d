"""Settings as a message that the bot can read back: what people see, then a signed line for the bot.

The line is `gh1.<payload>.<code>`: the payload is compact JSON in base64url, the code HMAC-SHA256 over guild, channel,
version and payload. Only whoever has the key can have made it; a message that was copied to another channel, changed,
or made up does not verify. Nothing in it is secret.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

PREFIX = "gh1"
_LINE = re.compile(r"\bgh1\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})\b")
_LARGEST_PAYLOAD = 1_600

Values = Mapping[str, Mapping[str, Any]]
"""Values by service and key."""


class TooLarge(ValueError):
    """The settings do not fit into one message."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a scope held at one version."""

    guild_id: int
    channel_id: int
    """The channel that it was posted in."""
    scope_kind: int
    scope_id: int
    version: int
    """Grows with each announcement of the scope."""
    values: Values


def sign(announcement: Announcement, key: bytes) -> str:
    """The signed line. Raises TooLarge."""
    body = {
        "k": announcement.scope_kind,
        "i": str(announcement.scope_id),
        "n": announcement.version,
        "v": announcement.values,
    }
    payload = _encoded(json.dumps(body, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode())
    if len(payload) > _LARGEST_PAYLOAD:
        raise TooLarge(f"the settings take {len(payload)} characters of {_LARGEST_PAYLOAD}")
    code = _code(announcement.guild_id, announcement.channel_id, announcement.version, payload, key)
    return f"{PREFIX}.{payload}.{code}"


def read(text: str, guild_id: int, channel_id: int, key: bytes) -> Announcement | None:
    """The announcement in a message of that channel; None where there is none, or it is not one of ours."""
    match = _LINE.search(text)
    if match is None:
        return None
    payload, code = match.groups()
    try:
        body = json.loads(_decoded(payload))
        announcement = Announcement(
            guild_id=guild_id,
            channel_id=channel_id,
            scope_kind=int(body["k"]),
            scope_id=int(body["i"]),
            version=int(body["n"]),
            values={str(service): dict(values) for service, values in body["v"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        return None
    expected = _code(guild_id, channel_id, announcement.version, payload, key)
    return announcement if hmac.compare_digest(expected, code) else None


def newest(found: Iterable[Announcement]) -> dict[tuple[int, int], Announcement]:
    """The announcement of the highest version of each scope."""
    latest: dict[tuple[int, int], Announcement] = {}
    for announcement in found:
        scope = (announcement.scope_kind, announcement.scope_id)
        if scope not in latest or announcement.version > latest[scope].version:
            latest[scope] = announcement
    return latest


def key_from(secret: str) -> bytes:
    """The key for announcements, made of a secret that outlives the store."""
    return hmac.new(secret.encode(), b"guildhall settings announcements", hashlib.sha256).digest()


def _code(guild_id: int, channel_id: int, version: int, payload: str, key: bytes) -> str:
    signed = f"{guild_id}|{channel_id}|{version}|{payload}".encode()
    return _encoded(hmac.new(key, signed, hashlib.sha256).digest())


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
