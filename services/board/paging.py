"""Page tokens (AIP-158): opaque, bound to the list they were made for, and good for nothing else."""

import base64
import binascii
import hashlib
import struct
from collections.abc import Sequence

from chassis.errors import InvalidArgument

_DIGEST = 8


class BadTokenError(InvalidArgument):
    """The token is not ours, or was made for another list."""

    def __init__(self, message: str) -> None:
        super().__init__(message, reason="PAGE_TOKEN_INVALID", fields={"page_token": message})


def make_token(list_of: str, after: Sequence[int]) -> str:
    """A token for what follows `after` in the list that `list_of` describes."""
    packed = struct.pack(f">{len(after)}q", *after)
    return base64.urlsafe_b64encode(_digest(list_of, packed) + packed).decode("ascii").rstrip("=")


def read_token(list_of: str, token: str, lengths: Sequence[int]) -> tuple[int, ...]:
    """What `make_token` was given. BadTokenError for anything else."""
    digest, packed = _unwrapped(token)
    if len(packed) % 8 or len(packed) // 8 not in lengths or digest != _digest(list_of, packed):
        raise BadTokenError("the page token was made for another list")
    return struct.unpack(f">{len(packed) // 8}q", packed)


def _digest(list_of: str, packed: bytes) -> bytes:
    return hashlib.blake2s(packed + list_of.encode(), digest_size=_DIGEST, person=b"page").digest()


def make_text_token(list_of: str, after: Sequence[str]) -> str:
    """A token for what follows some texts, none of which has a NUL in it."""
    packed = "\0".join(after).encode()
    return base64.urlsafe_b64encode(_digest(list_of, packed) + packed).decode("ascii").rstrip("=")


def read_text_token(list_of: str, token: str, *, parts: int) -> tuple[str, ...]:
    """What `make_text_token` was given. BadTokenError for anything else."""
    digest, packed = _unwrapped(token)
    if digest != _digest(list_of, packed):
        raise BadTokenError("the page token was made for another list")
    found = tuple(packed.decode().split("\0"))
    if len(found) != parts:
        raise BadTokenError("the page token was made for another list")
    return found


def _unwrapped(token: str) -> tuple[bytes, bytes]:
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadTokenError("the page token cannot be read") from error
    return raw[:_DIGEST], raw[_DIGEST:]
