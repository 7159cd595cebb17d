"""The keys with which services vouch for whom they call.

`<folder>/<service>.key` holds the keys of one service, one per line in hex, the newest first. A service signs with the
first line of its own file and accepts every line of the caller's, so a key is rotated by putting a new line on top,
waiting until every replica has read it, and removing the old one. A file is read again when it has changed.
"""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import structlog

from chassis.secret_files import SECRET_BYTES, kept

KEY_BYTES = SECRET_BYTES
_log = structlog.stdlib.get_logger(__name__)


class MissingKeyError(LookupError):
    """There is no usable key for a service."""


class KeyRing(Protocol):
    """The keys of each service, newest first."""

    def keys(self, service: str) -> Sequence[bytes]:
        """All keys that are accepted of a service; none where it is unknown."""
        ...


class FolderKeyRing:
    """Keys from files, looked at again every `look_again` seconds: soon enough for a folder that Kubernetes swaps."""

    def __init__(self, folder: Path, *, look_again: float = 1.0) -> None:
        self._folder = folder
        self._look_again = look_again
        self._known: dict[str, tuple[float, object, Sequence[bytes]]] = {}
        self._refused: dict[str, object] = {}
        """What was wrong with a file, so that it is said once."""

    def keys(self, service: str) -> Sequence[bytes]:
        """All keys of a service. A file that can't be read, or is half written, leaves the keys that were known."""
        looked, stamp, keys = self._known.get(service, (0.0, None, ()))
        now = time.monotonic()
        if stamp is not None and now - looked < self._look_again:
            return keys
        path = self._folder / f"{service}.key"
        new_stamp: object = None
        try:
            found = path.stat()
            new_stamp = (found.st_mtime_ns, found.st_ino, found.st_size)
            if new_stamp != stamp:
                keys = parse_keys(path.read_text(encoding="ascii"))
                stamp = new_stamp
        except (OSError, ValueError) as error:
            if keys and self._refused.get(service) != new_stamp:
                # Never what stands in it, which may be a key after all.
                _log.warning("callers.key_refused", file=str(path), why=type(error).__name__)
            self._refused[service] = new_stamp
            return keys
        self._known[service] = (now, stamp, keys)
        return keys


def parse_keys(text: str) -> tuple[bytes, ...]:
    """The keys of one file. ValueError where a line is not a key."""
    lines = [line.strip() for line in text.splitlines()]
    keys = tuple(bytes.fromhex(line) for line in lines if line and not line.startswith("#"))
    if not keys or any(len(key) < KEY_BYTES for key in keys):
        raise ValueError(f"a key file has at least one line of {KEY_BYTES * 2} hex digits")
    return keys


def ensure_keys(folder: Path, services: Iterable[str]) -> None:
    """Makes a key for each service that has none; readable by their owner alone."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for service in services:
        kept(folder / f"{service}.key")


def valid_service_name(service: str) -> bool:
    """Whether a name from outside may be used to look for a file."""
    return service.isascii() and service.replace("-", "").replace("_", "").isalnum()
