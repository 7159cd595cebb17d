"""How frames travel: as JSON or in Erlang's format, plain or as one compressed stream over the whole connection.

Source: https://discord.com/developers/docs/events/gateway#encoding-and-compression
"""

import json
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import zstandard

from sandbox.discord.gateway import etf

Squeeze = Callable[[bytes], bytes]


def _zlib() -> Squeeze:
    stream = zlib.compressobj()
    return lambda data: stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH)


def _zstd() -> Squeeze:
    stream = zstandard.ZstdCompressor().compressobj()
    return lambda data: stream.compress(data) + stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)


COMPRESSIONS: Final[Mapping[str, Callable[[], Squeeze]]] = {"zlib-stream": _zlib, "zstd-stream": _zstd}
ENCODINGS: Final = ("json", "etf")


class Wire:
    """One connection's encoding and compression; a stream's state makes it good for that connection alone."""

    def __init__(self, encoding: str = "json", compression: str = "") -> None:
        self._erlang = encoding == "etf"
        self._squeeze = COMPRESSIONS[compression]() if compression else None

    @staticmethod
    def problem(encoding: str, compression: str) -> str | None:
        """Why a connection cannot be had this way; None where it can."""
        if compression and compression not in COMPRESSIONS:
            known = ", ".join(COMPRESSIONS)
            return f"The sandbox's gateway has no transport compression {compression!r}; use one of {known}, or none."
        if encoding not in ENCODINGS:
            return f"The sandbox's gateway has no encoding {encoding!r}; use one of {', '.join(ENCODINGS)}."
        return None

    def outgoing(self, text: str) -> str | bytes:
        """A frame, given as JSON, as it is sent: text in a text message, bytes in a binary one."""
        if not self._erlang and self._squeeze is None:
            return text
        data = etf.pack(json.loads(text)) if self._erlang else text.encode()
        return data if self._squeeze is None else self._squeeze(data)

    def incoming(self, raw: str | bytes) -> Any:
        """What a client sent; `ValueError` where it is no such frame. Clients never compress."""
        return etf.unpack(raw) if self._erlang and isinstance(raw, bytes) else json.loads(raw)
