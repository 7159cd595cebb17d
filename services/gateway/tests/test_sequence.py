"""The low-water mark never passes an event that is not handed over, and reaches the end once all are."""

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.sequence import Watermark


@given(st.data())
def test_position_is_the_end_of_the_unbroken_run(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, 50))
    gaps = data.draw(st.lists(st.integers(1, 3), max_size=20))
    sequences, at = [], start
    for gap in gaps:
        at += gap
        sequences.append(at)
    order = data.draw(st.permutations(sequences))
    watermark = Watermark(start)
    for sequence in sequences:
        watermark.begin(sequence)
    ended: set[int] = set()
    for sequence in order:
        watermark.done(sequence)
        ended.add(sequence)
        open_ones = [each for each in sequences if each not in ended]
        run = [each for each in sequences if not open_ones or each < open_ones[0]]
        assert watermark.position == (run[-1] if run else start)
    assert watermark.outstanding == 0


def test_a_repeat_changes_nothing() -> None:
    watermark = Watermark(5)
    watermark.begin(4)
    watermark.begin(6)
    watermark.begin(6)
    assert not watermark.done(4)
    assert watermark.done(6)
    assert not watermark.done(6)
    assert watermark.position == 6
