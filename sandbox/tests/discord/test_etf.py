"""Erlang's external term format: what is written is read again, and what is none is refused."""

import pytest

from sandbox.discord.gateway import etf

VALUES = [
    None,
    True,
    False,
    0,
    255,
    256,
    -1,
    (1 << 31) - 1,
    -(1 << 31),
    1 << 63,
    -(1 << 70),
    1.5,
    "",
    "gr\u00fc\u00df \U0001f600",
    [],
    [1, [], [None, "a"]],
    {},
    {"op": 2, "d": {"token": "t", "shard": [0, 1], "intents": 1 << 25}},
]


@pytest.mark.parametrize("value", VALUES)
def test_written_and_read_again(value: object) -> None:
    assert etf.unpack(etf.pack(value)) == value


@pytest.mark.parametrize(
    ("term", "value"),
    [
        (b"\x83k\x00\x03\x01\x02\x03", [1, 2, 3]),  # a list of bytes, as Erlang writes a string
        (b"\x83d\x00\x04true", True),
        (b"\x83d\x00\x03abc", "abc"),
        (b"\x83h\x02a\x01a\x02", [1, 2]),
        (b"\x83c1.50000000000000000000e+00\x00\x00\x00\x00\x00", 1.5),
    ],
)
def test_what_other_writers_use(term: bytes, value: object) -> None:
    assert etf.unpack(term) == value


@pytest.mark.parametrize(
    "term",
    [
        b"",
        b"a\x01",  # no version
        b"\x83",
        b"\x83a\x01a\x02",  # two terms
        b"\x83m\x00\x00\x00\x09abc",  # ends early
        b"\x83l\xff\xff\xff\xff",  # a list of four thousand million
        b"\x83t\x00\x00\x00\x01jj",  # a key that is a list
        b"\x83\xff",
        b"\x83" + b"l\x00\x00\x00\x01" * 500 + b"j" * 501,
        b"\x83m\x00\x00\x00\x01\xff",  # no UTF-8
    ],
)
def test_what_is_no_term(term: bytes) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        etf.unpack(term)
