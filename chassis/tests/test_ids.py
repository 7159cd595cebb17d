import re
import uuid

from hypothesis import given
from hypothesis import strategies as st

from chassis.ids import ID_LENGTH, id_time, is_id, new_id

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _as_uuid(identifier: str) -> uuid.UUID:
    number = 0
    for character in identifier:
        number = number * 62 + _ALPHABET.index(character)
    return uuid.UUID(int=number)


def test_an_id_fits_a_nonce_and_is_a_uuid_of_version_7() -> None:
    identifier = new_id(1_700_000_000.123)
    assert re.fullmatch(r"[0-9A-Za-z]{22}", identifier)
    found = _as_uuid(identifier)
    assert (found.version, found.variant) == (7, uuid.RFC_4122)
    assert found.int >> 80 == 1_700_000_000_123


@given(st.floats(0, 2**47 / 1000), st.floats(0.001, 1e6))
def test_ids_sort_by_time_and_tell_it(moment: float, later: float) -> None:
    first, second = new_id(moment), new_id(moment + later)
    assert first < second
    assert abs(id_time(first) - moment) <= 0.001


def test_no_two_are_alike() -> None:
    assert len({new_id(5.0) for _ in range(10_000)}) == 10_000


@given(st.text(max_size=30))
def test_what_is_no_id_is_told_apart(text: str) -> None:
    if is_id(text):
        assert len(text) == ID_LENGTH
        assert _as_uuid(text).version == 7


def test_a_number_over_128_bits_is_no_id() -> None:
    assert not is_id("z" * 22)
    assert is_id(new_id())
