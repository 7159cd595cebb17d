"""Direct messages about the board, at once or gathered; whoever closed theirs is mentioned in the request's post."""

from __future__ import annotations

from typing import Any

import structlog
from guildhall.board.v1 import event_pb2
from pydantic import BaseModel, ConfigDict

from chassis.clock import Clock
from services.executor.board.calls import BoardCalls
from services.executor.board.reader import BoardReader
from services.executor.board.record import BoardRecord
from services.executor.discord.api import Scope
from services.executor.discord.errors import Code, Refused
from services.executor.discord.permits import Priority
from services.executor.jobs.model import Job, Journal
from services.executor.replies.sending import JobMessages
from views.board.notices import digest, direct_message
from views.messages import message

_log = structlog.get_logger(__name__)

DIRECT = "board.direct"
GATHERED = "board.gathered"
_CHOSEN = "chosen"


class Direct(BaseModel):
    """The payload of a message that is sent at once."""

    model_config = ConfigDict(frozen=True)

    guild_id: int
    user_id: int
    said: str
    event: str
    """The event, serialized, in hexadecimal digits."""


class Gathered(BaseModel):
    """The payload of a message that holds what was gathered."""

    model_config = ConfigDict(frozen=True)

    user_id: int


def gathered_name(guild_id: int, sequence: int, request_id: str) -> str:
    """What a gathered notice is called: the event that it is of, and the request that it is about."""
    return f"{guild_id}/{sequence}/{request_id}"


def _event_of(name: str) -> tuple[int, int]:
    guild_id, sequence = name.split("/")[:2]
    return int(guild_id), int(sequence)


class Sender:
    """Sends one message to one person, once."""

    def __init__(self, messages: JobMessages, calls: BoardCalls) -> None:
        self._messages = messages
        self._calls = calls

    async def send(self, job: Job, journal: Journal, scope: Scope, channel_id: int, body: dict[str, Any]) -> None:
        """Sends into a channel; the job's journal knows whether it was done before."""
        await self._messages.send(job, journal, scope, channel_id, body, mark="b", priority=Priority.BULK)

    async def send_direct(self, job: Job, journal: Journal, scope: Scope, user_id: int, body: dict[str, Any]) -> bool:
        """Sends to a person; False where their direct messages are closed to the bot."""
        try:
            channel_id = await self._calls.direct_channel(scope, user_id)
            await self.send(job, journal, scope, channel_id, body)
        except Refused as refusal:
            if refusal.code == Code.DIRECT_MESSAGES_CLOSED or refusal.gone:
                return False
            raise
        return True

    async def mention(
        self, job: Job, journal: Journal, scope: Scope, *, thread_id: int, user_id: int, said: str
    ) -> None:
        """Says something in a request's post to a person whose direct messages are closed."""
        body = message(said)
        # The one mention that pings: exactly this person, by the bot's own hand, never by what somebody wrote.
        body["allowed_mentions"] = {"parse": [], "users": [str(user_id)]}
        try:
            await self.send(job, journal, scope, thread_id, body)
        except Refused as refusal:
            _log.info("board.nobody_reached", job_id=job.job_id, user_id=user_id, why=str(refusal))


class DirectJobs:
    """Runs jobs of messages that are sent at once. Is a `JobKind`."""

    name = DIRECT

    def __init__(self, sender: Sender, reader: BoardReader, record: BoardRecord) -> None:
        self._sender = sender
        self._reader = reader
        self._record = record

    async def run(self, job: Job, journal: Journal) -> None:
        """Sends one message, or mentions the person in the request's post."""
        order = Direct.model_validate_json(job.payload)
        event = event_pb2.BoardEvent.FromString(bytes.fromhex(order.event))
        text = self._reader.text(order.guild_id, order.user_id)
        scope = Scope(journal.fence, order.guild_id)
        professions = await self._reader.professions(order.guild_id)
        body = direct_message(event, order.said, text, professions)
        if await self._sender.send_direct(job, journal, scope, order.user_id, body):
            return
        post = await self._record.shown(f"post:{event.request.request_id}")
        if post is None:
            _log.info("board.nobody_reached", job_id=job.job_id, user_id=order.user_id)
            return
        mention = text("board.thread_mention", user_id=order.user_id, said=order.said)
        await self._sender.mention(job, journal, scope, thread_id=post.message_id, user_id=order.user_id, said=mention)

    async def give_up(self, job: Job, journal: Journal, reason: str) -> None:
        """There is nobody to tell that somebody could not be told, but the log."""
        _log.error("board.message_given_up", job_id=job.job_id, reason=reason)


class GatheredJobs:
    """Runs jobs of gathered messages. Is a `JobKind`."""

    name = GATHERED

    def __init__(self, sender: Sender, reader: BoardReader, record: BoardRecord, clock: Clock) -> None:
        self._sender = sender
        self._reader = reader
        self._record = record
        self._clock = clock

    async def run(self, job: Job, journal: Journal) -> None:
        """Sends what was gathered until now. Which notices that is stands in the journal before it is sent."""
        order = Gathered.model_validate_json(job.payload)
        gathered = await self._record.gathered(order.user_id)
        chosen = (await journal.read()).get(_CHOSEN)
        if chosen is None:
            names = await self._chosen(order.user_id, gathered)
            if not names:
                return
            await journal.write({_CHOSEN: "\n".join(names)})
        else:
            names = chosen.decode().split("\n")
        notices = [gathered[name] for name in names if name in gathered]
        if notices:
            await self._say(job, journal, order.user_id, names, notices)
        await self._record.sent(order.user_id, names)

    async def _chosen(self, user_id: int, gathered: dict[str, str]) -> list[str]:
        """The notices to be sent now, by what the person wants by now; none where they are not to be disturbed."""
        names = sorted(gathered, key=_event_of)
        unwanted = [name for name in names if self._reader.wants(_event_of(name)[0], user_id) == "none"]
        await self._record.sent(user_id, unwanted)
        names = [name for name in names if name not in unwanted]
        now = self._clock.now()
        guilds = {_event_of(name)[0] for name in names}
        later = max((self._reader.undisturbed_until(now, guild_id, user_id) for guild_id in guilds), default=now)
        if later > now:
            await self._record.put_off(user_id, later)
            return []
        return names

    async def _say(self, job: Job, journal: Journal, user_id: int, names: list[str], notices: list[str]) -> None:
        """Tells a person directly or, where that is closed, in the post of the latest request that has one."""
        text = self._reader.text(0, user_id)
        body, scope = digest(notices, text), Scope(journal.fence)
        if await self._sender.send_direct(job, journal, scope, user_id, body):
            return
        for name in reversed(names):
            guild_id, request_id = _event_of(name)[0], name.split("/")[-1]
            post = await self._record.shown(f"post:{request_id}")
            if post is not None:
                said = text("board.thread_mention", user_id=user_id, said=body["content"])
                scope = Scope(journal.fence, guild_id)
                await self._sender.mention(job, journal, scope, thread_id=post.message_id, user_id=user_id, said=said)
                return
        _log.info("board.nobody_reached", job_id=job.job_id, user_id=user_id)

    async def give_up(self, job: Job, journal: Journal, reason: str) -> None:
        """There is nobody to tell that somebody could not be told, but the log."""
        _log.error("board.digest_given_up", job_id=job.job_id, reason=reason)
