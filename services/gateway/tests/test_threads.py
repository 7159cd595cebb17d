"""The bot's threads are known from events alone, and what is stored restores the same knowledge."""

from typing import Any

from services.gateway.threads import Change, ThreadIndex

BOT, GUILD = 7, 1


def thread(thread_id: int, *, owner: int = BOT, parent: int = 20, archived: bool = False) -> dict[str, Any]:
    return {
        "id": str(thread_id),
        "guild_id": str(GUILD),
        "parent_id": str(parent),
        "owner_id": str(owner),
        "type": 11,
        "thread_metadata": {"archived": archived},
    }


def stored(*changes: Change) -> dict[str, str]:
    found: dict[str, str] = {}
    for change in changes:
        for key in change.remove:
            found.pop(key, None)
        found |= change.set
    return found


def test_only_the_bots_own_active_threads_are_conversations() -> None:
    index = ThreadIndex(BOT)
    index.thread_seen(thread(100))
    index.thread_seen(thread(101, owner=8))
    index.thread_seen(thread(102, archived=True))
    assert [index.owned(each) for each in (100, 101, 102, 20)] == [True, False, False, False]
    assert index.parent(100) == 20


def test_the_threads_of_others_are_known_by_the_channel_above_them() -> None:
    index = ThreadIndex(BOT)
    change = index.thread_seen(thread(101, owner=8))
    assert change.set == {"t-101": f"20:{GUILD}"}
    restored = ThreadIndex(BOT)
    restored.restore(stored(change))
    assert (restored.parent(101), restored.owned(101)) == (20, False)
    assert restored.standing(lambda _: True, []).set == change.set
    assert restored.thread_removed(101).remove == ("t-101",)
    assert restored.parent(101) == 0


def test_an_archived_thread_comes_back_with_its_next_update() -> None:
    index = ThreadIndex(BOT)
    index.thread_seen(thread(100))
    assert index.thread_seen(thread(100, archived=True)).remove == ("t100",)
    assert not index.owned(100)
    assert index.thread_seen(thread(100)).set == {"t100": f"20:{GUILD}"}
    assert index.owned(100)


def test_posts_in_forums_are_no_conversations() -> None:
    index = ThreadIndex(BOT)
    index.channel_seen({"id": "20", "type": 15, "guild_id": str(GUILD)})
    index.thread_seen(thread(100))
    assert not index.owned(100)
    index.channel_removed(20)
    assert not index.owned(100)


def test_a_guilds_snapshot_replaces_what_was_known_of_it() -> None:
    index = ThreadIndex(BOT)
    index.thread_seen(thread(100))
    index.thread_seen(thread(101))
    change = index.guild_snapshot({"id": str(GUILD), "channels": [], "threads": [thread(101), thread(103)]})
    assert set(change.remove) == {"t100"}
    assert [index.owned(each) for each in (100, 101, 103)] == [False, True, True]


def test_a_list_sync_speaks_for_the_channels_it_names() -> None:
    index = ThreadIndex(BOT)
    index.thread_seen(thread(100, parent=20))
    index.thread_seen(thread(101, parent=21))
    index.list_sync({"guild_id": str(GUILD), "channel_ids": ["20"], "threads": [thread(102, parent=20)]})
    assert [index.owned(each) for each in (100, 101, 102)] == [False, True, True]


def test_what_is_stored_restores_what_was_known() -> None:
    index = ThreadIndex(BOT)
    changes = [
        index.channel_seen({"id": "30", "type": 15, "guild_id": str(GUILD)}),
        index.thread_seen(thread(100)),
        index.thread_seen(thread(101, parent=30)),
        index.thread_seen(thread(102)),
        index.thread_removed(102),
    ]
    restored = ThreadIndex(BOT)
    restored.restore(stored(*changes))
    assert [restored.owned(each) for each in (100, 101, 102)] == [True, False, False]
    assert restored.guild_removed(GUILD).remove == ("t100", "t101", "f30")
