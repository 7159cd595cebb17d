"""Sending a message exactly once, whichever attempt it is, and what a refusal says of the place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chassis.clock import Clock
from services.executor.discord.api import DiscordApi, Scope, snowflake_at
from services.executor.discord.bodies import File
from services.executor.discord.errors import Code, Refused
from services.executor.discord.identity import BotIdentity
from services.executor.discord.permits import Priority
from services.executor.jobs.model import Job, Journal
from services.executor.replies.speakers import Speaker
from services.executor.replies.state import Part, ReplyState, load, save

_CLOCK_SLACK_SECONDS = 10.0
_HEAD_CHARS = 40

Body = dict[str, Any]


class PlaceGone(Exception):
    """The channel or thread of the answer is not there for the bot any more; `reason` is UPPER_SNAKE."""

    def __init__(self, channel_id: int, reason: str = "THREAD_GONE") -> None:
        super().__init__(f"{reason}: {channel_id}")
        self.reason = reason


def place_gone(refusal: Refused, channel_id: int) -> PlaceGone | None:
    """What a refusal says of the place; None where it is about something else."""
    if refusal.code == Code.UNKNOWN_CHANNEL:
        return PlaceGone(channel_id)
    if refusal.code == Code.THREAD_LOCKED:
        return PlaceGone(channel_id, "THREAD_LOCKED")
    return PlaceGone(channel_id, "PLACE_FORBIDDEN") if refusal.forbidden else None


async def send_once(
    api: DiscordApi | Speaker,
    scope: Scope,
    journal: Journal,
    state: ReplyState,
    part: Part,
    *,
    channel_id: int,
    body: Body,
    nonce: str,
    priority: Priority,
    files: list[File],
    bot_id: int,
    now: float,
    nonce_trust: float,
) -> str:
    """Sends a message exactly once, whichever attempt this is; gives the content that stands in Discord."""
    if part.intended and now - part.intended > nonce_trust:
        known = {other.message_id for other in [state.opening, *state.parts] if other.message_id}
        after = snowflake_at(part.intended - _CLOCK_SLACK_SECONDS)
        for candidate in await api.recent(scope, channel_id, after=after):
            mine = int(candidate["author"]["id"]) == bot_id and int(candidate["id"]) not in known
            if mine and (candidate.get("nonce") == nonce or str(candidate["content"]).startswith(part.head)):
                part.message_id = int(candidate["id"])
                await save(journal, state)
                return str(candidate["content"])
    part.intended = now
    part.head = str(body.get("content", ""))[:_HEAD_CHARS]
    await save(journal, state)
    sent = await api.send(scope, channel_id, body, nonce=nonce, priority=priority, files=files)
    part.message_id = int(sent["id"])
    await save(journal, state)
    return str(sent["content"])


class JobMessages:
    """Sends the one message that a job is about, exactly once."""

    def __init__(self, api: DiscordApi, identity: BotIdentity, clock: Clock, *, nonce_trust: float) -> None:
        """`nonce_trust` is how many seconds Discord is trusted to know a nonce."""
        self._api = api
        self._identity = identity
        self._clock = clock
        self._nonce_trust = nonce_trust

    async def send(
        self,
        job: Job,
        journal: Journal,
        scope: Scope,
        channel_id: int,
        body: Body,
        *,
        mark: str,
        priority: Priority,
        files: Sequence[File] = (),
    ) -> int:
        """Sends it, where no earlier attempt did; gives its id. `mark` ends its nonce: one letter for each kind."""
        state = await load(journal)
        if not state.opening.message_id:
            await send_once(
                self._api,
                scope,
                journal,
                state,
                state.opening,
                channel_id=channel_id,
                body=body,
                nonce=f"{job.job_id}{mark}",
                priority=priority,
                files=list(files),
                bot_id=self._identity.user_id,
                now=self._clock.now(),
                nonce_trust=self._nonce_trust,
            )
        return state.opening.message_id
