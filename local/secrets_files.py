"""Keys and tokens that are made once on this machine and kept in the run folder, readable by this user alone."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from local.paths import RunFolder

SERVICES = ("ratelimit", "board", "llm", "executor", "gateway")


def make_caller_keys(folder: RunFolder) -> Path:
    """One signing key per service, for the callers that services vouch for; gives their folder."""
    keys = folder.keys / "callers"
    keys.mkdir(exist_ok=True, mode=0o700)
    for service in SERVICES:
        kept(keys / f"{service}.key")
    return keys


def kept(path: Path) -> str:
    """The secret in that file; made if it is not there yet."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    secret = secrets.token_hex(32)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret + "\n")
    return secret
