"""Page tokens (AIP-158): opaque, bound to the list they were made for, and good for nothing else."""

import base64
import binascii
import hashlib
import struct
from collections.abc import Sequence

_DIGEST = 8


class BadTokenError(ValueError):
    """The token is not ours, or was made for another list."""


def make_token(list_of: str, after: Sequence[int]) -> str:
    """A token for what follows `after` in the list that `list_of` describes."""
    packed = struct.pack(f">{len(after)}q", *after)
    return base64.urlsafe_b64encode(_digest(list_of, packed) + packed).decode("ascii").rstrip("=")


def read_token(list_of: str, token: str, lengths: Sequence[int]) -> tuple[int, ...]:
    """What `make_token` was given. BadTokenError for anything else."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadTokenError("the page token cannot be read") from error
    digest, packed = raw[:_DIGEST], raw[_DIGEST:]
    if len(packed) % 8 or len(packed) // 8 not in lengths or digest != _digest(list_of, packed):
        raise BadTokenError("the page token was made for another list")
    return struct.unpack(f">{len(packed) // 8}q", packed)


def _digest(list_of: str, packed: bytes) -> bytes:
    return hashlib.blake2s(packed + list_of.encode(), digest_size=_DIGEST, person=b"page").digest()
