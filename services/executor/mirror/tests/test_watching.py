"""Watchers hear of every change at least once, in the state that it led to."""

from collections.abc import AsyncIterator

from services.executor.mirror import keys
from services.executor.mirror.change import Change
from services.executor.mirror.tests.conftest import GUILD, RAIDER, Copies, page, person, snapshot
from services.executor.mirror.watching import Told


async def until(watch: AsyncIterator[Told], kind: str) -> list[Told]:
    """What is told up to and with the first of a kind."""
    told = []
    async for one in watch:
        told.append(one)
        if one.kind == kind:
            return told
    raise AssertionError(f"no {kind} in {told}")


async def guild(copies: Copies) -> int:
    feed = await copies.feeds.open("0/1", "s", gap=False, members_told=True)
    await copies.store.apply(feed, 1, Change(GUILD, snapshot=snapshot()))
    await copies.store.apply(feed, 2, Change(GUILD, pages=(page("n", 0, 1, person(1), person(2)),)))
    await copies.store.finish_filling(GUILD)
    return feed.epoch


async def test_a_watcher_begins_anew_and_goes_on_where_it_was(copies: Copies) -> None:
    await guild(copies)
    first = copies.changes.watch("", 30)
    assert [one.kind for one in await until(first, "current")] == ["reset", "current"]
    feed = await copies.feeds.get("0/1")
    assert feed is not None
    await copies.store.apply(feed, 3, Change(GUILD, members=(person(1, RAIDER),), removed=(2,)))
    await copies.changes.announce(GUILD, [1, 2])
    changed = (await until(first, "changed"))[-1]
    assert changed.members == (person(1, RAIDER),) and changed.removed == (2,) and changed.generation == 1
    revision = (await until(first, "current"))[-1].revision
    await first.aclose()  # type: ignore[attr-defined]
    await copies.changes.announce(GUILD, [1])
    second = await until(copies.changes.watch(revision, 30), "changed")
    assert "reset" not in [one.kind for one in second]


async def test_a_revision_that_is_not_known_any_more_begins_anew(copies: Copies) -> None:
    await guild(copies)
    await copies.changes.refilled(GUILD)
    watch = copies.changes.watch("", 30)
    revision = (await until(watch, "current"))[-1].revision
    for strange in ("", "nonsense", "a.b-c", revision.replace(revision[:4], "0000"), f"{revision.split('.')[0]}.1-1"):
        assert (await until(copies.changes.watch(strange, 30), "current"))[0].kind == "reset"
    await copies.client.delete(keys.CHANGES, keys.CHANGES_TOKEN)
    assert (await until(copies.changes.watch(revision, 30), "current"))[0].kind == "reset"
    assert (await until(watch, "reset"))[-1].kind == "reset", "also one that was watching"


async def test_a_refilled_guild_is_told_once_and_instead_of_its_members(copies: Copies) -> None:
    await guild(copies)
    watch = copies.changes.watch("", 30)
    await until(watch, "current")
    await copies.changes.announce(GUILD, [1])
    await copies.changes.refilled(GUILD)
    await copies.changes.announce(GUILD, [2])
    told = [one for one in await until(watch, "refilled") if one.kind != "current"]
    assert told[-1].generation == 1 and all(one.kind in ("refilled", "changed") for one in told)
