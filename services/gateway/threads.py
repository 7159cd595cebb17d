"""Which threads the bot owns: a message there continues a conversation.

Discord says so itself (`owner_id`), in the guild's snapshot and in the thread events, so knowing it costs no call. What
a RESUMEd process would not be told again is read back from the store (see `redis_store`).
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

FORUM_TYPES = frozenset({15, 16})


@dataclass(frozen=True, slots=True)
class Change:
    """What an event changed, to be stored: values by key to set, and keys to remove."""

    set: Mapping[str, str] = field(default_factory=dict)
    remove: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.set or self.remove)


class ThreadIndex:
    """The active threads of the bot with their parents, and the forums, whose posts are no conversations."""

    def __init__(self, bot_id: int) -> None:
        self._bot_id = bot_id
        self._threads: dict[int, tuple[int, int]] = {}
        self._forums: dict[int, int] = {}

    def owned(self, channel_id: int) -> bool:
        """Whether the channel is a thread of the bot's that is a conversation."""
        entry = self._threads.get(channel_id)
        return entry is not None and entry[0] not in self._forums

    def parent(self, channel_id: int) -> int:
        """The channel in which one of the bot's threads stands; 0 where it is not known."""
        return self._threads.get(channel_id, (0, 0))[0]

    def restore(self, stored: Mapping[str, str]) -> None:
        """Takes back what was stored: `t<thread>` to `<parent>:<guild>` and `f<forum>` to `<guild>`."""
        for key, value in stored.items():
            if key.startswith("t"):
                parent, _, guild = value.partition(":")
                self._threads[int(key[1:])] = (int(parent), int(guild))
            else:
                self._forums[int(key[1:])] = int(value)

    def standing(self, told_of: Callable[[int], bool], stored: Collection[str]) -> Change:
        """What has to change in what is stored for a shard so that it holds all that is known of its guilds."""
        known = {
            f"t{thread}": f"{parent}:{guild}" for thread, (parent, guild) in self._threads.items() if told_of(guild)
        }
        known |= {f"f{forum}": str(guild) for forum, guild in self._forums.items() if told_of(guild)}
        return Change(known, tuple(set(stored) - known.keys()))

    def guild_snapshot(self, guild: Mapping[str, Any]) -> Change:
        """Takes a GUILD_CREATE: what it does not name is gone."""
        guild_id = int(guild["id"])
        change = self.guild_removed(guild_id)
        gone = set(change.remove)
        added: dict[str, str] = {}
        for channel in guild.get("channels", ()):
            added.update(self.channel_seen(channel, guild_id).set)
        for thread in guild.get("threads", ()):
            added.update(self.thread_seen(thread, guild_id).set)
        return Change(added, tuple(gone - added.keys()))

    def guild_removed(self, guild_id: int) -> Change:
        """Forgets a guild."""
        threads = [thread for thread, (_, guild) in self._threads.items() if guild == guild_id]
        forums = [forum for forum, guild in self._forums.items() if guild == guild_id]
        for thread in threads:
            del self._threads[thread]
        for forum in forums:
            del self._forums[forum]
        return Change(remove=(*(f"t{thread}" for thread in threads), *(f"f{forum}" for forum in forums)))

    def thread_seen(self, thread: Mapping[str, Any], guild_id: int = 0) -> Change:
        """Takes a thread as an event gives it. An archived one is forgotten: its next message revives it first."""
        thread_id = int(thread["id"])
        if int(thread.get("owner_id") or 0) != self._bot_id or thread.get("thread_metadata", {}).get("archived"):
            return self.thread_removed(thread_id)
        entry = (int(thread.get("parent_id") or 0), int(thread.get("guild_id") or guild_id))
        if self._threads.get(thread_id) == entry:
            return Change()
        self._threads[thread_id] = entry
        return Change({f"t{thread_id}": f"{entry[0]}:{entry[1]}"})

    def thread_removed(self, thread_id: int) -> Change:
        """Forgets a thread."""
        if self._threads.pop(thread_id, None) is None:
            return Change()
        return Change(remove=(f"t{thread_id}",))

    def channel_seen(self, channel: Mapping[str, Any], guild_id: int = 0) -> Change:
        """Takes a channel; only forums matter here."""
        channel_id, guild = int(channel["id"]), int(channel.get("guild_id") or guild_id)
        if channel.get("type") not in FORUM_TYPES or self._forums.get(channel_id) == guild:
            return Change()
        self._forums[channel_id] = guild
        return Change({f"f{channel_id}": str(guild)})

    def channel_removed(self, channel_id: int) -> Change:
        """Forgets a channel and the threads in it."""
        threads = [thread for thread, (parent, _) in self._threads.items() if parent == channel_id]
        for thread in threads:
            del self._threads[thread]
        forum = self._forums.pop(channel_id, None)
        return Change(
            remove=(*(f"t{thread}" for thread in threads), *((f"f{channel_id}",) if forum is not None else ()))
        )

    def list_sync(self, event: Mapping[str, Any]) -> Change:
        """Takes a THREAD_LIST_SYNC: the active threads of the named channels, or of the whole guild."""
        guild_id = int(event["guild_id"])
        parents = {int(channel) for channel in event.get("channel_ids") or ()}
        listed = {int(thread["id"]) for thread in event["threads"]}
        gone = [
            thread
            for thread, (parent, guild) in self._threads.items()
            if guild == guild_id and thread not in listed and (not parents or parent in parents)
        ]
        return _joined(
            [self.thread_removed(thread) for thread in gone]
            + [self.thread_seen(thread, guild_id) for thread in event["threads"]]
        )


def _joined(changes: Iterable[Change]) -> Change:
    added: dict[str, str] = {}
    removed: list[str] = []
    for change in changes:
        added.update(change.set)
        removed.extend(change.remove)
    return Change(added, tuple(removed))
