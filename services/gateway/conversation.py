"""Which messages are meant for the bot, and how they reach executor.

In a thread of the bot's and in a direct message everything is meant for it, unless the message addresses other people.
A message can't be asked to come again, so its hand-over is repeated until it succeeds or patience ends; until then it
does not count as taken, and a restarted gateway gets it again.
"""

import asyncio
import random
import re

import structlog
from opentelemetry.context import Context as TraceContext
from opentelemetry.trace import SpanKind

from chassis.caller import acting_for
from chassis.clock import Clock
from chassis.errors import DeadlineExceeded, GuildhallError, Unavailable
from chassis.settings import Live
from chassis.telemetry import tracer
from services.gateway.cleaning import cleaned
from services.gateway.events import Message
from services.gateway.handover import Denied, HandOver, Question, from_message
from services.gateway.notices import Notices
from services.gateway.settings import GatewaySettings
from services.gateway.threads import ThreadIndex

_log = structlog.get_logger(__name__)

_FIRST_RETRY, _LONGEST_RETRY = 0.1, 5.0


class Conversations:
    """Takes messages that are meant for the bot to executor."""

    def __init__(
        self,
        *,
        bot_id: int,
        threads: ThreadIndex,
        hand_over: HandOver,
        notices: Notices,
        settings: Live[GatewaySettings],
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self._bot_id = bot_id
        self._threads = threads
        self._hand_over = hand_over
        self._notices = notices
        self._settings = settings
        self._clock = clock
        self._rng = rng
        self._mention = re.compile(rf"<@!?{bot_id}>")

    def concerned(self, message: Message) -> bool:
        """Whether a message is meant for the bot."""
        if message.author_is_bot or message.author.user_id == self._bot_id:
            return False
        if message.guild_id and not self._threads.owned(message.channel_id):
            return False
        return self._bot_id in message.mentions or not self._addresses_others(message)

    async def handle(self, message: Message) -> bool:
        """Hands one message over; false where that was given up. Never raises."""
        prompt = cleaned(self._mention.sub("", message.content))
        if not prompt and not message.attachments:
            # Nothing to read: a sticker alone, or a bot without the message-content intent.
            return True
        question = from_message(message, in_conversation=True, prompt=prompt)
        with (
            tracer().start_as_current_span("message", context=TraceContext(), kind=SpanKind.SERVER),
            acting_for(message.author),
        ):
            return await self._submit(question)

    def _addresses_others(self, message: Message) -> bool:
        others = message.mentions - {self._bot_id, message.author.user_id}
        return bool(others) or message.mentions_everyone or message.mentions_roles

    async def _submit(self, question: Question) -> bool:
        settings = self._settings.current
        give_up = self._clock.monotonic() + settings.hand_over_patience
        delay = _FIRST_RETRY
        while True:
            try:
                outcome = await self._hand_over.submit(question, settings.ask_limits, settings.deadlines)
                if isinstance(outcome, Denied):
                    await self._notices.denied(question, outcome)
            except (Unavailable, DeadlineExceeded) as error:
                if self._clock.monotonic() + delay > give_up:
                    _log.error("message not handed over", message_id=question.event_id, reason=error.reason)
                    return False
                await asyncio.sleep(self._rng.uniform(delay / 2, delay))
                delay = min(_LONGEST_RETRY, delay * 2)
            except GuildhallError as error:
                _log.info("message refused", message_id=question.event_id, reason=error.reason)
                await self._notices.failed(question, error)
                return True
            except Exception:  # noqa: BLE001 - a message that fails must not stop the others of its channel
                _log.exception("message could not be handed over", message_id=question.event_id)
                return False
            else:
                return True
