"""Ids: UUIDv7 (RFC 9562) written as 22 base62 characters.

Short enough for a Discord nonce (25 characters) and, with room for a verb, a custom_id (100). The alphabet is in ASCII
order and the width is fixed, so ids sort by the millisecond in which they were made.
"""

import secrets
import time

ID_LENGTH = 22
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUES = {character: value for value, character in enumerate(_ALPHABET)}
_VERSION = 7
_VARIANT = 0b10


def new_id(now: float | None = None) -> str:
    """A new id; `now` is Unix seconds and defaults to the machine's clock."""
    milliseconds, fraction = divmod((time.time() if now is None else now) * 1000, 1)
    # The fraction of the millisecond stands in rand_a (RFC 9562, 6.2, method 3), so ids of one burst still sort.
    number = (int(milliseconds) & (1 << 48) - 1) << 80
    number |= _VERSION << 76 | int(fraction * (1 << 12)) << 64
    number |= _VARIANT << 62 | secrets.randbits(62)
    return _encode(number)


def id_time(identifier: str) -> float:
    """When an id was made, in Unix seconds to the millisecond. ValueError for what `new_id` never gives."""
    return (_decode(identifier) >> 80) / 1000


def is_id(text: str) -> bool:
    """Whether a text from outside has the form of an id."""
    try:
        number = _decode(text)
    except ValueError:
        return False
    return number >> 76 & 0xF == _VERSION and number >> 62 & 0b11 == _VARIANT


def _encode(number: int) -> str:
    characters = []
    for _ in range(ID_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        characters.append(_ALPHABET[digit])
    return "".join(reversed(characters))


def _decode(text: str) -> int:
    if len(text) != ID_LENGTH:
        raise ValueError(f"an id has {ID_LENGTH} characters, this has {len(text)}")
    number = 0
    for character in text:
        if character not in _VALUES:
            raise ValueError("an id has letters and digits only")
        number = number * len(_ALPHABET) + _VALUES[character]
    if number >> 128:
        raise ValueError("an id is a number of 128 bits")
    return number
