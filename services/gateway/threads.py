"""Which threads there are, in which channels, and which of them the bot owns: a message there continues a conversation.

Discord says so itself (`parent_id`, `owner_id`), in the guild's snapshot and in the thread events, and never with a
message; so knowing it costs no call. What a RESUMEd process would not be told again is read back from the store (see
`redis_store`).
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


@dataclass(frozen=True, slots=True)
class _Thread:
    """An active thread: the channel above it, its guild, and whether it is the bot's own."""

    parent_id: int
    guild_id: int
    own: bool

    def key(self, thread_id: int) -> str:
        # A gateway from before other people's threads were known takes the minus for a number that no channel has.
        return f"t{thread_id}" if self.own else f"t-{thread_id}"

    def value(self) -> str:
        return f"{self.parent_id}:{self.guild_id}"


class ThreadIndex:
    """The active threads with the channels above them, and the forums, where the bot's posts are no conversations."""

    def __init__(self, bot_id: int) -> None:
        self._bot_id = bot_id
        self._threads: dict[int, _Thread] = {}
        self._forums: dict[int, int] = {}

    def owned(self, channel_id: int) -> bool:
        """Whether the channel is a thread of the bot's that is a conversation."""
        thread = self._threads.get(channel_id)
        return thread is not None and thread.own and thread.parent_id not in self._forums

    def parent(self, channel_id: int) -> int:
        """The channel in which a thread stands; 0 for what is no active thread."""
        thread = self._threads.get(channel_id)
        return 0 if thread is None else thread.parent_id

    def restore(self, stored: Mapping[str, str]) -> None:
        """Takes back what was stored: `t<thread>`, `t-<thread>` for those of others, to `<parent>:<guild>`, and
        `f<forum>` to `<guild>`."""
        for key, value in stored.items():
            if key.startswith("t"):
                parent, _, guild = value.partition(":")
                thread_id = int(key[1:])
                self._threads[abs(thread_id)] = _Thread(int(parent), int(guild), own=thread_id > 0)
            else:
                self._forums[int(key[1:])] = int(value)

    def standing(self, told_of: Callable[[int], bool], stored: Collection[str]) -> Change:
        """What has to change in what is stored for a shard so that it holds all that is known of its guilds."""
        known = {
            thread.key(thread_id): thread.value()
            for thread_id, thread in self._threads.items()
            if told_of(thread.guild_id)
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
        forgotten = self._forgotten(lambda _, thread: thread.guild_id == guild_id)
        forums = [forum for forum, guild in self._forums.items() if guild == guild_id]
        for forum in forums:
            del self._forums[forum]
        return Change(remove=(*forgotten, *(f"f{forum}" for forum in forums)))

    def thread_seen(self, thread: Mapping[str, Any], guild_id: int = 0) -> Change:
        """Takes a thread as an event gives it. An archived one is forgotten: its next message revives it first."""
        thread_id = int(thread["id"])
        if thread.get("thread_metadata", {}).get("archived"):
            return self.thread_removed(thread_id)
        seen = _Thread(
            parent_id=int(thread.get("parent_id") or 0),
            guild_id=int(thread.get("guild_id") or guild_id),
            own=int(thread.get("owner_id") or 0) == self._bot_id,
        )
        if self._threads.get(thread_id) == seen:
            return Change()
        self._threads[thread_id] = seen
        return Change({seen.key(thread_id): seen.value()})

    def thread_removed(self, thread_id: int) -> Change:
        """Forgets a thread."""
        thread = self._threads.pop(thread_id, None)
        return Change() if thread is None else Change(remove=(thread.key(thread_id),))

    def channel_seen(self, channel: Mapping[str, Any], guild_id: int = 0) -> Change:
        """Takes a channel; only forums matter here."""
        channel_id, guild = int(channel["id"]), int(channel.get("guild_id") or guild_id)
        if channel.get("type") not in FORUM_TYPES or self._forums.get(channel_id) == guild:
            return Change()
        self._forums[channel_id] = guild
        return Change({f"f{channel_id}": str(guild)})

    def channel_removed(self, channel_id: int) -> Change:
        """Forgets a channel and the threads in it."""
        forgotten = self._forgotten(lambda _, thread: thread.parent_id == channel_id)
        forum = self._forums.pop(channel_id, None)
        return Change(remove=(*forgotten, *((f"f{channel_id}",) if forum is not None else ())))

    def list_sync(self, event: Mapping[str, Any]) -> Change:
        """Takes a THREAD_LIST_SYNC: the active threads of the named channels, or of the whole guild."""
        guild_id = int(event["guild_id"])
        parents = {int(channel) for channel in event.get("channel_ids") or ()}
        listed = {int(thread["id"]) for thread in event["threads"]}
        gone = self._forgotten(
            lambda thread_id, thread: (
                thread.guild_id == guild_id and thread_id not in listed and (not parents or thread.parent_id in parents)
            )
        )
        return _joined([Change(remove=gone), *(self.thread_seen(thread, guild_id) for thread in event["threads"])])

    def _forgotten(self, which: Callable[[int, _Thread], bool]) -> tuple[str, ...]:
        """Forgets some threads; gives their keys."""
        found = {thread_id: thread for thread_id, thread in self._threads.items() if which(thread_id, thread)}
        for thread_id in found:
            del self._threads[thread_id]
        return tuple(thread.key(thread_id) for thread_id, thread in found.items())


def _joined(changes: Iterable[Change]) -> Change:
    added: dict[str, str] = {}
    removed: list[str] = []
    for change in changes:
        added.update(change.set)
        removed.extend(change.remove)
    return Change(added, tuple(removed))
