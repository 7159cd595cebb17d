"""Copies of guilds: what is told is applied once and in order, and the copy says how certain it is."""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.errors import Aborted, FailedPrecondition, InvalidArgument
from services.executor.mirror import keys
from services.executor.mirror.change import Change
from services.executor.mirror.model import MemberRecord
from services.executor.mirror.state import FeedState
from services.executor.mirror.tests.conftest import GUILD, RAIDER, VETERAN, Copies, page, person, snapshot


async def opened(copies: Copies, session: str = "s", *, gap: bool = False, told: bool = True) -> FeedState:
    feed = await copies.feeds.open("0/1", session, gap=gap, members_told=told)
    await copies.feeds.heard(feed)
    return feed


async def filled(copies: Copies, feed: FeedState, number: int, *members: MemberRecord) -> None:
    await copies.store.apply(feed, number, Change(GUILD, pages=(page(f"n{number}", 0, 1, *members),)))
    assert await copies.store.finish_filling(GUILD) is not None


async def members(copies: Copies) -> dict[int, MemberRecord]:
    return {one.user_id: one for one in await copies.reader.all_members(GUILD, 1_000_000)}


async def test_a_guild_is_whole_once_it_was_told_and_its_members_once_all_pages_are_in(copies: Copies) -> None:
    feed = await opened(copies)
    await copies.store.apply(feed, 1, Change(GUILD, snapshot=snapshot(11, 12)))
    certainty = await copies.reader.certainty(GUILD)
    assert (certainty.guild, certainty.members) == (True, False)
    await copies.store.apply(feed, 2, Change(GUILD, pages=(page("n", 0, 2, person(1, RAIDER), person(2)),)))
    assert await copies.store.finish_filling(GUILD) is None
    await copies.store.apply(feed, 3, Change(GUILD, pages=(page("n", 1, 2, person(3, VETERAN, RAIDER)),)))
    done = await copies.store.finish_filling(GUILD)
    assert done is not None and done.lost == ()
    assert (await copies.reader.certainty(GUILD)).members
    assert await members(copies) == {1: person(1, RAIDER), 2: person(2), 3: person(3, VETERAN, RAIDER)}
    raiders = await copies.reader.page(GUILD, role_id=RAIDER)
    assert {one.user_id for one in raiders.members} == {1, 3}
    copy = await copies.reader.guild(GUILD)
    assert copy is not None and set(copy.channels) == {11, 12} and set(copy.roles) == {GUILD, RAIDER, VETERAN}


async def test_changes_of_things_are_kept_and_what_a_snapshot_does_not_name_is_gone(copies: Copies) -> None:
    feed = await opened(copies)
    await copies.store.apply(feed, 1, Change(GUILD, snapshot=snapshot(11, 12), guild=b'{"name":"New"}'))
    await copies.store.apply(
        feed,
        2,
        Change(
            GUILD,
            guild=b'{"owner_id":"2"}',
            channels={11: b"", 13: b'{"id":"13"}'},
            roles={RAIDER: b""},
            emojis=b'[{"id":"5"}]',
        ),
    )
    copy = await copies.reader.guild(GUILD)
    assert copy is not None
    assert set(copy.channels) == {12, 13} and set(copy.roles) == {GUILD, VETERAN}
    assert copy.guild == b'{"id":"29360128","name":"New","owner_id":"2"}' and copy.emojis == b'[{"id":"5"}]'
    await copies.store.apply(feed, 3, Change(GUILD, snapshot=snapshot(14)))
    copy = await copies.reader.guild(GUILD)
    assert copy is not None and set(copy.channels) == {14}


async def test_a_repeated_and_a_late_batch_change_nothing(copies: Copies) -> None:
    feed = await opened(copies)
    await copies.store.apply(feed, 1, Change(GUILD, snapshot=snapshot()))
    await filled(copies, feed, 2, person(1), person(2))
    await copies.store.apply(feed, 5, Change(GUILD, members=(person(1, RAIDER),)))
    again = await copies.store.apply(feed, 5, Change(GUILD, members=(person(1, VETERAN),)))
    late = await copies.store.apply(feed, 4, Change(GUILD, removed=(2,)))
    assert not again.late and late.late
    assert await members(copies) == {1: person(1, RAIDER), 2: person(2)}


async def test_a_later_feed_supersedes_the_one_before(copies: Copies) -> None:
    first = await opened(copies)
    second = await opened(copies)
    assert second.epoch > first.epoch and second.incarnation == first.incarnation
    with pytest.raises(FailedPrecondition) as refused:
        await copies.feeds.check("0/1", first.epoch)
    assert refused.value.reason == "FEED_SUPERSEDED"
    assert await copies.feeds.check("0/1", second.epoch) == second
    with pytest.raises(FailedPrecondition) as refused:
        await copies.feeds.check("3/4", 1)
    assert refused.value.reason == "FEED_UNKNOWN"


@pytest.mark.parametrize(("session", "gap"), [("another", False), ("s", True)])
async def test_a_new_session_or_a_gap_makes_what_was_whole_uncertain(copies: Copies, session: str, gap: bool) -> None:
    feed = await opened(copies)
    await copies.store.apply(feed, 1, Change(GUILD, snapshot=snapshot()))
    await filled(copies, feed, 2, person(1))
    assert (await copies.reader.certainty(GUILD)).members
    feed = await opened(copies, session, gap=gap)
    certainty = await copies.reader.certainty(GUILD)
    assert (certainty.guild, certainty.members) == (False, False)
    await copies.store.apply(feed, 1, Change(GUILD, snapshot=snapshot()))
    await filled(copies, feed, 2, person(1))
    certainty = await copies.reader.certainty(GUILD)
    assert (certainty.guild, certainty.members) == (True, True)


async def test_nothing_is_certain_once_gateway_is_silent(copies: Copies) -> None:
    feed = await opened(copies)
    await copies.store.apply(feed, 1, Change(GUILD, snapshot=snapshot()))
    copies.clock.advance(copies.settings.fresh_seconds + 1)
    assert not (await copies.reader.certainty(GUILD)).guild
    await copies.feeds.heard(feed)
    assert (await copies.reader.certainty(GUILD)).guild


async def test_without_the_intent_members_are_never_certain_and_seen_ones_are_kept(copies: Copies) -> None:
    feed = await opened(copies, told=False)
    await copies.store.apply(feed, 1, Change(GUILD, snapshot=snapshot(), seen=(person(1, RAIDER),)))
    assert await copies.reader.members(GUILD, [1, 2]) == {1: person(1, RAIDER)}
    assert not (await copies.reader.certainty(GUILD)).members


async def test_who_was_seen_does_not_overrule_who_was_told(copies: Copies) -> None:
    feed = await opened(copies)
    await copies.store.apply(feed, 1, Change(GUILD, snapshot=snapshot()))
    await filled(copies, feed, 2, person(1, RAIDER))
    await copies.store.apply(feed, 3, Change(GUILD, seen=(person(1),)))
    assert await members(copies) == {1: person(1, RAIDER)}


async def test_changes_while_members_are_filled_anew_outlast_older_pages(copies: Copies) -> None:
    feed = await opened(copies)
    await copies.store.apply(feed, 1, Change(GUILD, snapshot=snapshot()))
    await filled(copies, feed, 2, person(1), person(2), person(9))
    await copies.store.apply(feed, 3, Change(GUILD, pages=(page("again", 0, 2, person(1)),)))
    await copies.store.apply(feed, 4, Change(GUILD, members=(person(2, RAIDER), person(4)), removed=(3,)))
    assert set(await members(copies)) == {1, 2, 4, 9}, "the copy in use goes on being told"
    await copies.store.apply(feed, 5, Change(GUILD, pages=(page("again", 1, 2, person(2), person(3)),)))
    done = await copies.store.finish_filling(GUILD)
    assert done is not None and done.lost == (9,)
    assert await members(copies) == {1: person(1), 2: person(2, RAIDER), 4: person(4)}
    left_over = [key async for key in copies.client.scan_iter(match="*:members:1:*")]
    assert left_over == [], "the copy before is removed"


async def test_a_filling_that_was_given_up_leaves_nothing_behind(copies: Copies) -> None:
    feed = await opened(copies)
    await copies.store.apply(feed, 1, Change(GUILD, snapshot=snapshot()))
    await copies.store.apply(feed, 2, Change(GUILD, pages=(page("dead", 0, 9, person(1), person(2)),)))
    await copies.store.apply(feed, 3, Change(GUILD, pages=(page("dead too", 4, 9, person(7)),)))
    await filled(copies, feed, 4, person(1))
    await copies.store.apply(feed, 5, Change(GUILD, pages=(page("dead", 1, 9, person(7)),)))
    assert await members(copies) == {1: person(1)}
    assert len([key async for key in copies.client.scan_iter(match="*:members:*")]) == 1


async def test_a_page_token_of_another_copy_or_of_nobodys_is_refused(copies: Copies) -> None:
    feed = await opened(copies)
    await copies.store.apply(feed, 1, Change(GUILD, snapshot=snapshot(members=1000)))
    await filled(copies, feed, 2, *(person(number) for number in range(1, 500)))
    first = await copies.reader.page(GUILD, size=64)
    assert first.next_token and 0 < len(first.members) < 499
    assert len(await members(copies)) == 499
    await filled(copies, feed, 3, person(1))
    with pytest.raises(Aborted):
        await copies.reader.page(GUILD, token=first.next_token)
    for token in ("x", "1.", ".1", "1.x", "²." + "1", "1" * 40 + ".0"):
        with pytest.raises(InvalidArgument):
            await copies.reader.page(GUILD, token=token)


async def test_a_guild_that_was_left_leaves_nothing_but_the_feed(copies: Copies) -> None:
    feed = await opened(copies)
    await copies.store.apply(feed, 1, Change(GUILD, snapshot=snapshot(11)))
    await filled(copies, feed, 2, person(1))
    await copies.store.apply(feed, 3, Change(GUILD, left=True))
    assert [key async for key in copies.client.scan_iter(match=f"*mirror/{GUILD}*")] == []
    assert await copies.store.guilds() == [] and await copies.reader.guild(GUILD) is None


async def test_what_was_fetched_is_not_kept_where_something_changed_meanwhile(copies: Copies) -> None:
    feed = await opened(copies)
    await copies.store.apply(feed, 1, Change(GUILD, snapshot=snapshot(11)))
    state, _ = await copies.store.state(GUILD)
    await copies.store.apply(feed, 2, Change(GUILD, channels={12: b"{}"}))
    assert not await copies.store.keep_guild(GUILD, state.version, feed, snapshot(99))
    state, _ = await copies.store.state(GUILD)
    assert await copies.store.keep_guild(GUILD, state.version, feed, snapshot(99))
    copy = await copies.reader.guild(GUILD)
    assert copy is not None and set(copy.channels) == {99}


async def test_members_outlive_the_state_that_speaks_of_them(copies: Copies) -> None:
    feed = await opened(copies)
    await copies.store.apply(feed, 1, Change(GUILD, snapshot=snapshot(11)))
    await filled(copies, feed, 2, person(1))
    state = await copies.client.ttl(keys.state(GUILD))
    things = await copies.client.ttl(keys.things(GUILD))
    bucket = await copies.client.ttl(keys.bucket(GUILD, 1, 0))
    assert 0 < state < things <= bucket + 1 and await copies.store.keep_alive(GUILD)
    assert not await copies.store.keep_alive(GUILD + 1)


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(1, 8), st.integers(0, 3)),
        st.tuples(st.just("remove"), st.integers(1, 8), st.just(0)),
        st.tuples(st.just("refill"), st.integers(1, 3), st.just(0)),
        st.tuples(st.just("repeat"), st.just(0), st.just(0)),
        st.tuples(st.just("reopen"), st.just(0), st.just(0)),
    ),
    max_size=25,
)


@given(operations=OPERATIONS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_the_copy_is_what_was_told_whatever_the_order(
    copies: Copies, operations: list[tuple[str, int, int]]
) -> None:
    await copies.client.flushall()
    copies.clock.advance(60)
    feed = await opened(copies)
    await copies.store.apply(feed, 1, Change(GUILD, snapshot=snapshot()))
    truth: dict[int, MemberRecord] = {1: person(1)}
    await filled(copies, feed, 2, person(1))
    number = 2
    last = Change(GUILD)
    for what, first, second in operations:
        number += 1
        if what == "put":
            truth[first] = person(first, *(RAIDER + extra for extra in range(second)))
            last = Change(GUILD, members=(truth[first],))
            await copies.store.apply(feed, number, last)
        elif what == "remove":
            truth.pop(first, None)
            last = Change(GUILD, removed=(first,))
            await copies.store.apply(feed, number, last)
        elif what == "repeat":
            number -= 1
            await copies.store.apply(feed, number, last)
        elif what == "reopen":
            feed, number, last = await opened(copies), 0, Change(GUILD)
        else:
            everybody = list(truth.values())
            nonce = f"fill{feed.epoch}/{number}"
            for index in range(first):
                some = tuple(everybody[index::first])
                await copies.store.apply(feed, number, Change(GUILD, pages=(page(nonce, index, first, *some),)))
                number += 1
            assert await copies.store.finish_filling(GUILD) is not None
            last = Change(GUILD)
    assert await members(copies) == truth
    assert (await copies.reader.certainty(GUILD)).members


async def test_fifty_thousand_members_are_cheap_and_quick(copies: Copies) -> None:
    count = 50_000
    feed = await opened(copies)
    await copies.store.apply(feed, 1, Change(GUILD, snapshot=snapshot(members=count)))
    crowd = [
        MemberRecord(
            80_351_110_224_678_912 + number * 4_194_304,
            f"player_{number}",
            f"Player {number}",
            f"Nick {number}" if number % 3 == 0 else "",
            tuple(RAIDER + role for role in range(number % 5)),
            joined=1_600_000_000 + number,
        )
        for number in range(count)
    ]
    before = int((await copies.client.info("memory"))["used_memory"])
    started = time.perf_counter()
    for index in range(50):
        some = crowd[index * 1000 : index * 1000 + 1000]
        await copies.store.apply(feed, index + 2, Change(GUILD, pages=(page("big", index, 50, *some),)))
    assert await copies.store.finish_filling(GUILD) is not None
    seconds = time.perf_counter() - started
    per_member = (int((await copies.client.info("memory"))["used_memory"]) - before) / count
    assert (per_member < 100, seconds < 60) == (True, True), (per_member, seconds)
    assert len(await members(copies)) == count
    state, _ = await copies.store.state(GUILD)
    assert await copies.client.object("encoding", keys.bucket(GUILD, 1, state.buckets // 2)) == b"listpack"
