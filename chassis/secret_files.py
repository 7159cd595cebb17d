"""Secrets that are made once on a machine and kept in files that their owner alone may read."""

import os
import secrets
from pathlib import Path

SECRET_BYTES = 32


def kept(path: Path) -> str:
    """The secret in a file, in hex; made if it is not there yet. Of several that make it at once, one does."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    secret = secrets.token_hex(SECRET_BYTES)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secret + "\n")
    return secret
