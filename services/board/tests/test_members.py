"""The board's copy of members: what is told meanwhile is newer than any page, and a lookup costs next to nothing."""

import time

from services.board.members import Members

GUILD = 1


def filled(members: Members, roles: dict[int, tuple[int, ...]], *, guild_id: int = GUILD, whole: bool = True) -> None:
    loading = members.begin(guild_id)
    loading.add(roles)
    members.finish(guild_id, loading, generation=1, whole=whole)
    members.up_to_date(True)


def test_joining_leaving_and_changing_roles_are_known_at_once() -> None:
    members = Members(lambda: 10)
    filled(members, {1: (5,), 2: ()})
    members.changed(GUILD, {2: (5, 6), 3: ()}, [1])
    assert [members.is_member(GUILD, user) for user in (1, 2, 3, 4)] == [False, True, True, False]
    assert members.roles(GUILD, 2) == (5, 6) and members.roles(GUILD, 1) is None


def test_nothing_is_certain_before_a_copy_is_whole_or_while_nobody_tells() -> None:
    members = Members(lambda: 10)
    assert members.is_member(GUILD, 1) is None
    filled(members, {1: ()}, whole=False)
    assert members.is_member(GUILD, 1) is True and members.is_member(GUILD, 2) is None
    assert members.doubtful == [GUILD] and not members.knows(GUILD)
    members.confirm(GUILD, 7)
    assert not members.knows(GUILD), "another copy was meant"
    members.confirm(GUILD, 1)
    assert members.knows(GUILD) and members.is_member(GUILD, 2) is False
    members.up_to_date(False)
    assert members.is_member(GUILD, 2) is None and members.is_member(GUILD, 1) is None


def test_what_is_told_while_a_guild_is_read_outlasts_its_pages() -> None:
    members = Members(lambda: 10)
    filled(members, {1: (), 2: ()})
    loading = members.begin(GUILD)
    loading.add({1: (), 2: (), 3: ()})
    members.changed(GUILD, {1: (9,)}, [3])
    loading.add({4: ()})
    members.changed(GUILD, {}, [4])
    members.finish(GUILD, loading, generation=2, whole=True)
    assert {user: members.roles(GUILD, user) for user in (1, 2, 3, 4)} == {1: (9,), 2: (), 3: None, 4: None}


def test_a_reading_that_was_overtaken_changes_nothing() -> None:
    members = Members(lambda: 10)
    old, new = members.begin(GUILD), members.begin(GUILD)
    old.add({1: ()})
    new.add({2: ()})
    members.finish(GUILD, new, generation=2, whole=True)
    members.finish(GUILD, old, generation=1, whole=True)
    assert members.roles(GUILD, 2) == () and members.roles(GUILD, 1) is None
    given_up = members.begin(GUILD)
    members.give_up(GUILD, given_up)
    members.finish(GUILD, given_up, generation=3, whole=True)
    assert members.roles(GUILD, 2) == ()


def test_guilds_are_bounded_and_forgotten() -> None:
    members = Members(lambda: 2)
    for guild_id in (1, 2, 3):
        filled(members, {1: ()}, guild_id=guild_id)
    assert members.guilds == [2, 3]
    members.forget(2)
    assert members.guilds == [3] and members.count == 1


def test_a_lookup_among_fifty_thousand_takes_less_than_a_millisecond() -> None:
    members = Members(lambda: 10)
    filled(members, {user: (user % 7, 100) for user in range(50_000)})
    slowest = 0.0
    for user in range(0, 100_000, 37):
        started = time.perf_counter()
        members.is_member(GUILD, user)
        members.roles(GUILD, user)
        slowest = max(slowest, time.perf_counter() - started)
    assert slowest < 0.001 or _median(members) < 0.0001


def _median(members: Members) -> float:
    """The machine may have stopped in a single one of thousands of lookups; half of them it can't have."""
    times = []
    for user in range(1_000):
        started = time.perf_counter()
        members.roles(GUILD, user)
        times.append(time.perf_counter() - started)
    return sorted(times)[500]
