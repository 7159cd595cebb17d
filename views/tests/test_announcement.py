"""Settings come back from their announcements as they were, and from nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from views.announcement import Announcement, TooLarge, key_from, newest, read, sign

KEY = key_from("token")
IDS = st.integers(1, 2**63)
VALUES = st.dictionaries(
    st.sampled_from(["llm", "gateway", "executor"]),
    st.dictionaries(
        st.text(st.characters(categories=["Ll"]), min_size=1, max_size=8),
        st.one_of(
            st.booleans(),
            st.integers(-(2**53), 2**53),
            st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
            st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), max_size=4),
        ),
        max_size=4,
    ),
)
ANNOUNCEMENTS = st.builds(
    Announcement,
    guild_id=IDS,
    channel_id=IDS,
    scope_kind=st.integers(1, 4),
    scope_id=IDS,
    version=st.integers(1, 10**6),
    values=VALUES,
)


@given(ANNOUNCEMENTS, st.text(max_size=30))
def test_what_was_announced_is_read_back(announcement: Announcement, around: str) -> None:
    try:
        text = f"{around} ||{sign(announcement, KEY)}|| {around}"
    except TooLarge:
        return
    assert read(text, announcement.guild_id, announcement.channel_id, KEY) == announcement


@given(ANNOUNCEMENTS, st.data())
def test_an_altered_line_is_not_read(announcement: Announcement, data: st.DataObject) -> None:
    line = sign(announcement, KEY)
    at = data.draw(st.integers(4, len(line) - 1))
    other = data.draw(st.sampled_from("ABCxyz019_-").filter(lambda char: char != line[at]))
    altered = line[:at] + other + line[at + 1 :]
    assert read(altered, announcement.guild_id, announcement.channel_id, KEY) is None


@given(ANNOUNCEMENTS)
def test_a_line_from_elsewhere_or_by_another_key_is_not_read(announcement: Announcement) -> None:
    line = sign(announcement, KEY)
    guild, channel = announcement.guild_id, announcement.channel_id
    assert read(line, guild + 1, channel, KEY) is None
    assert read(line, guild, channel + 1, KEY) is None
    assert read(line, guild, channel, key_from("another token")) is None


@given(st.text(max_size=300))
def test_any_text_is_survived(text: str) -> None:
    assert read(text, 1, 2, KEY) is None


@given(st.permutations([1, 2, 3, 4, 5]))
def test_the_highest_version_of_each_scope_counts(order: list[int]) -> None:
    found = [Announcement(1, 2, kind, 9, version, {}) for version in order for kind in (1, 3)]
    assert {scope: latest.version for scope, latest in newest(found).items()} == {(1, 9): 5, (3, 9): 5}


def test_what_does_not_fit_into_a_message_is_refused() -> None:
    with pytest.raises(TooLarge):
        sign(Announcement(1, 2, 1, 1, 1, {"llm": {"key": "x" * 2000}}), KEY)
