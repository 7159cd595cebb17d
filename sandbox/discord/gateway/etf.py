"""Erlang's external term format, as far as the gateway uses it: maps, lists, binaries, numbers, atoms.

Source: https://www.erlang.org/doc/apps/erts/erl_ext_dist and
https://discord.com/developers/docs/events/gateway#encoding-and-compression. `nil`, `true` and `false` travel as atoms,
text as binaries; integers beyond 32 bits as big integers. Reading is bounded by the frame's size and by depth.
"""

import struct
from typing import Any, Final

_VERSION: Final = 131
_SMALL_INTEGER, _INTEGER, _NEW_FLOAT, _FLOAT = 97, 98, 70, 99
_ATOM, _SMALL_ATOM, _ATOM_UTF8, _SMALL_ATOM_UTF8 = 100, 115, 118, 119
_SMALL_TUPLE, _LARGE_TUPLE, _NIL, _STRING, _LIST, _BINARY = 104, 105, 106, 107, 108, 109
_SMALL_BIG, _LARGE_BIG, _MAP = 110, 111, 116
_ATOMS: Final[dict[str, Any]] = {"nil": None, "null": None, "true": True, "false": False}
_DEEPEST: Final = 64


def pack(value: Any) -> bytes:
    """A JSON value as a term."""
    out = bytearray([_VERSION])
    _write(out, value)
    return bytes(out)


def unpack(data: bytes) -> Any:
    """A term as a JSON value; `ValueError` where it is none, or not of the kinds above."""
    if not data or data[0] != _VERSION:
        raise ValueError("no term of version 131")
    reader = _Reader(data)
    value = reader.term(0)
    if reader.at != len(data):
        raise ValueError("more than one term")
    return value


def _write(out: bytearray, value: Any) -> None:
    if value is None or isinstance(value, bool):
        name = {None: b"nil", True: b"true", False: b"false"}[value]
        out += bytes([_SMALL_ATOM, len(name)]) + name
    elif isinstance(value, int):
        _integer(out, value)
    elif isinstance(value, float):
        out += struct.pack(">Bd", _NEW_FLOAT, value)
    elif isinstance(value, str):
        raw = value.encode()
        out += struct.pack(">BI", _BINARY, len(raw)) + raw
    elif isinstance(value, list):
        if value:
            out += struct.pack(">BI", _LIST, len(value))
            for item in value:
                _write(out, item)
        out.append(_NIL)
    elif isinstance(value, dict):
        out += struct.pack(">BI", _MAP, len(value))
        for key, item in value.items():
            _write(out, key)
            _write(out, item)
    else:
        raise TypeError(f"{type(value).__name__} is no JSON")


def _integer(out: bytearray, value: int) -> None:
    if 0 <= value <= 0xFF:
        out += bytes([_SMALL_INTEGER, value])
    elif -(1 << 31) <= value < 1 << 31:
        out += struct.pack(">Bi", _INTEGER, value)
    else:
        size = (abs(value).bit_length() + 7) // 8
        out += bytes([_SMALL_BIG, size, value < 0]) + abs(value).to_bytes(size, "little")


class _Reader:
    """Reads terms one after another; everything is checked against what is left."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 1

    def _take(self, size: int) -> bytes:
        end = self.at + size
        if end > len(self._data):
            raise ValueError("the term ends early")
        found = self._data[self.at : end]
        self.at = end
        return found

    def _number(self, size: int) -> int:
        return int.from_bytes(self._take(size), "big")

    def term(self, depth: int) -> Any:
        """The next one."""
        if depth > _DEEPEST:
            raise ValueError("nested too deeply")
        tag = self._number(1)
        if tag == _SMALL_INTEGER:
            return self._number(1)
        if tag == _INTEGER:
            return int.from_bytes(self._take(4), "big", signed=True)
        if tag == _NEW_FLOAT:
            return struct.unpack(">d", self._take(8))[0]
        if tag == _FLOAT:
            return float(self._take(31).rstrip(b"\0"))
        if tag in (_ATOM, _ATOM_UTF8, _SMALL_ATOM, _SMALL_ATOM_UTF8):
            name = self._take(self._number(1 if tag in (_SMALL_ATOM, _SMALL_ATOM_UTF8) else 2)).decode()
            return _ATOMS.get(name, name)
        if tag == _BINARY:
            return self._take(self._number(4)).decode()
        if tag == _STRING:
            return list(self._take(self._number(2)))
        if tag in (_SMALL_BIG, _LARGE_BIG):
            size = self._number(1 if tag == _SMALL_BIG else 4)
            negative = self._number(1)
            value = int.from_bytes(self._take(size), "little")
            return -value if negative else value
        return self._collection(tag, depth)

    def _collection(self, tag: int, depth: int) -> Any:
        if tag == _NIL:
            return []
        if tag in (_SMALL_TUPLE, _LARGE_TUPLE):
            return [self.term(depth + 1) for _ in range(self._count(1 if tag == _SMALL_TUPLE else 4))]
        if tag == _LIST:
            items = [self.term(depth + 1) for _ in range(self._count(4))]
            if self.term(depth + 1) != []:
                raise ValueError("a list's tail is another list's end")
            return items
        if tag == _MAP:
            found = {}
            for _ in range(self._count(4)):
                key = self.term(depth + 1)
                if type(key) not in (str, int):
                    raise ValueError("a key is text")
                found[str(key)] = self.term(depth + 1)
            return found
        raise ValueError(f"no term has the tag {tag}")

    def _count(self, size: int) -> int:
        """How many items follow: never more than there are bytes left."""
        count = self._number(size)
        if count > len(self._data) - self.at:
            raise ValueError("the term ends early")
        return count
