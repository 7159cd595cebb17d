"""Where every event of every shard comes in, and which of them become work.

The tables below say what each event means here, `mirror` which ones executor's mirror is told of. An event counts as
taken (and its sequence may be saved) once its work has handed it over, or the mirror has it; events that mean nothing
count at once. Listeners hand over and return: none waits for a model, the end of a job, or a database.
"""

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import structlog

from chassis.clock import Clock
from services.gateway import events
from services.gateway.claims import Claims
from services.gateway.conversation import Conversations
from services.gateway.events import DEFAULT_MESSAGE, REPLY_MESSAGE, snowflake_time
from services.gateway.journal import Event
from services.gateway.lanes import Lanes, Work
from services.gateway.mirror_feed import MirrorFeed
from services.gateway.router import Router
from services.gateway.shards import Shard
from services.gateway.threads import Change, ThreadIndex

_log = structlog.get_logger(__name__)

# Discord tells the person that the app did not respond after this; a repeat that is older would surprise them.
INTERACTION_LIFETIME = 3.0


class Intake:
    """Takes events from shards."""

    def __init__(
        self,
        *,
        router: Router,
        conversations: Conversations,
        feeds: Mapping[Shard, MirrorFeed],
        threads: ThreadIndex,
        claims: Claims,
        clock: Clock,
    ) -> None:
        self._router = router
        self._conversations = conversations
        self._feeds = feeds
        self._threads = threads
        self._claims = claims
        self._clock = clock
        self._lanes = Lanes()
        self._work: Mapping[str, Callable[[Shard, Any, Event], bool]] = {
            "INTERACTION_CREATE": self._interaction,
            "MESSAGE_CREATE": self._message,
            "MESSAGE_UPDATE": self._message_changed,
        }
        self._index: Mapping[str, Callable[[Any], Change]] = {
            "GUILD_CREATE": threads.guild_snapshot,
            "GUILD_DELETE": self._guild_gone,
            "THREAD_CREATE": threads.thread_seen,
            "THREAD_UPDATE": threads.thread_seen,
            "THREAD_DELETE": lambda thread: threads.thread_removed(int(thread["id"])),
            "THREAD_LIST_SYNC": threads.list_sync,
            "CHANNEL_CREATE": threads.channel_seen,
            "CHANNEL_UPDATE": threads.channel_seen,
            "CHANNEL_DELETE": lambda channel: threads.channel_removed(int(channel["id"])),
        }

    def deliver(self, shard: Shard, name: str, data: Any, sequence: int) -> None:
        """Takes one event. Never raises: an event that can't be read is logged and counts as taken."""
        event = shard.journal.begin(sequence)
        if self._understood(name, lambda: self._tell_mirror(shard, name, data, event)):
            return
        if not self._understood(name, lambda: self._handed_over_later(shard, name, data, event)):
            event.done()

    def _tell_mirror(self, shard: Shard, name: str, data: Any, event: Event) -> bool:
        if index := self._index.get(name):
            shard.journal.changed(index(data))
        return self._feeds[shard].take(name, data, event)

    def _handed_over_later(self, shard: Shard, name: str, data: Any, event: Event) -> bool:
        work = self._work.get(name)
        return work is not None and work(shard, data, event)

    @staticmethod
    def _understood(name: str, take: Callable[[], bool]) -> bool:
        try:
            return take()
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            # The payload itself may hold what people wrote: only its kind is logged.
            _log.error("event not understood", event_name=name, error=type(error).__name__)
            return False

    async def drain(self, patience: float) -> None:
        """Waits for what is being handed over, at most so many seconds."""
        await self._lanes.drain(patience)

    def _guild_gone(self, guild: Any) -> Change:
        # An outage is no farewell: the guild and its threads come back.
        return Change() if guild.get("unavailable") else self._threads.guild_removed(int(guild["id"]))

    def _interaction(self, shard: Shard, data: Any, event: Event) -> bool:
        interaction = events.interaction(data)
        if shard.replaying and self._clock.now() - snowflake_time(interaction.interaction_id) > INTERACTION_LIFETIME:
            _log.info("interaction expired while the gateway was away")
            return False

        async def work() -> None:
            await self._router.handle(interaction)
            event.done()

        self._put(("interaction", interaction.interaction_id), interaction.interaction_id, event, work)
        return True

    def _message(self, shard: Shard, data: Any, event: Event) -> bool:
        if data.get("type", DEFAULT_MESSAGE) not in (DEFAULT_MESSAGE, REPLY_MESSAGE):
            return False
        message = events.message(data)
        meaning = self._conversations.meaning(message)
        if meaning is None:
            return False

        async def work() -> None:
            if not await self._conversations.handle(message, meaning):
                self._claims.give_back(message.message_id)
            event.done()

        self._put(("channel", message.channel_id), message.message_id, event, work)
        return True

    def _message_changed(self, shard: Shard, data: Any, event: Event) -> bool:
        # What Discord adds to a message itself, such as a preview of a link, carries no time of an edit.
        if not data.get("edited_timestamp") or data.get("type", DEFAULT_MESSAGE) not in (
            DEFAULT_MESSAGE,
            REPLY_MESSAGE,
        ):
            return False
        message = events.message(data)
        question = self._conversations.changed(message)
        edit_id = events.edit_id(message.message_id, data["edited_timestamp"])
        if question is None:
            return False

        async def work() -> None:
            if not await self._conversations.hand_over_change(question, edit_id):
                self._claims.give_back(edit_id)
            event.done()

        self._put(("channel", message.channel_id), edit_id, event, work)
        return True

    def _put(self, lane: Hashable, event_id: int, event: Event, work: Work) -> None:
        """Puts what an event wants done into its lane, once."""

        async def wait_for_the_first() -> None:
            event.done()

        # What comes twice (repeated by a session, or told by two) is handed over when the first of them is, and must
        # not count as taken before: this process may die meanwhile, and only who was not told it yet is told again.
        self._lanes.put(lane, work if self._claims.take(event_id) else wait_for_the_first)
