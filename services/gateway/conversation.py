"""Which messages are meant for the bot, and how they reach executor.

In a thread of the bot's, in a direct message, and where a channel is set to auto-respond, everything is meant for it,
unless the message addresses other people. Elsewhere it is a mention, a reply to the bot, a model called by its name, or
a text command. A message can't be asked to come again, so its hand-over is repeated until it succeeds or patience ends;
until then it does not count as taken, and a restarted gateway gets it again.
"""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace

import structlog
from opentelemetry.context import Context as TraceContext
from opentelemetry.trace import SpanKind

from chassis.caller import Person, acting_for
from chassis.clock import Clock
from chassis.errors import DeadlineExceeded, GuildhallError, PermissionDenied, Unavailable
from chassis.scoped import Place
from chassis.settings import Live
from chassis.telemetry import tracer
from services.gateway.addressing import TextCommand, addressed, asks_for_picture, text_command
from services.gateway.cleaning import cleaned
from services.gateway.events import Message
from services.gateway.guild_settings import AUTO_RESPOND, IMAGES, PREFIX, GuildSettings
from services.gateway.handover import Denied, HandOver, Question, from_message
from services.gateway.languages import Languages
from services.gateway.loop_guard import LoopGuard
from services.gateway.model_names import ModelNames
from services.gateway.notices import Notices
from services.gateway.patience import Patience, patient
from services.gateway.settings import GatewaySettings
from services.gateway.text_commands import TextCommands
from services.gateway.threads import ThreadIndex
from services.gateway.writers import Writers

_log = structlog.get_logger(__name__)

_FIRST_RETRY, _LONGEST_RETRY = 0.1, 5.0
_DEFAULT_PREFIX = "!"

Meaning = Question | TextCommand | None


class Conversations:
    """Takes messages that are meant for the bot to executor."""

    def __init__(
        self,
        *,
        bot_id: int,
        threads: ThreadIndex,
        hand_over: HandOver,
        notices: Notices,
        text_commands: TextCommands,
        writers: Writers,
        guild_settings: GuildSettings,
        languages: Languages,
        models: ModelNames,
        settings: Live[GatewaySettings],
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self._bot_id = bot_id
        self._threads = threads
        self._hand_over = hand_over
        self._notices = notices
        self._text_commands = text_commands
        self._writers = writers
        self._guild_settings = guild_settings
        self._languages = languages
        self._models = models
        self._settings = settings
        self._clock = clock
        self._rng = rng
        self._guard = LoopGuard(settings.current.loop_guard, clock)
        self._mention = re.compile(rf"<@!?{bot_id}>")

    def meaning(self, message: Message) -> Meaning:
        """What a message wants of the bot; None where nothing."""
        if message.author_is_bot or message.author.user_id == self._bot_id:
            self._guard.bot_spoke(message.channel_id, message.message_id)
            return None
        self._guard.person_spoke(message.channel_id)
        place = self._place(message.channel_id, message.author)
        if self._guard.quiet(message.channel_id) or not self._guild_settings.open_for_answers(place):
            return None
        command = text_command(message.content.strip(), self._prefix(place))
        if command is not None and self._text_commands.knows(command.name):
            return command
        return self._question(message, place)

    def changed(self, message: Message) -> Question | None:
        """The question that a changed message asks now; None where it asks nothing of the bot."""
        if message.author_is_bot or message.author.user_id == self._bot_id:
            return None
        place = self._place(message.channel_id, message.author)
        if not self._guild_settings.open_for_answers(place):
            return None
        if text_command(message.content.strip(), self._prefix(place)) is not None:
            return None
        return self._question(message, place)

    async def hand_over_change(self, question: Question, edit_id: int) -> bool:
        """Hands over what a question was changed to; false where that was given up. Never raises."""
        asker = await self._languages.writing(question.person, self._place(question.channel_id, question.person))
        question = replace(question, person=asker)
        with (
            tracer().start_as_current_span("message changed", context=TraceContext(), kind=SpanKind.SERVER),
            acting_for(asker),
        ):
            return await self._patiently(
                question, lambda: self._hand_over.changed(question, edit_id, self._settings.current.deadlines.answer)
            )

    def _place(self, channel_id: int, author: Person) -> Place:
        """Where a message was written, as far as settings go."""
        parent = self._threads.parent(channel_id)
        return Place(
            guild_id=author.guild_id,
            channel_id=parent or channel_id,
            thread_id=channel_id if parent else 0,
            user_id=author.user_id,
        )

    async def handle(self, message: Message, meaning: Question | TextCommand) -> bool:
        """Hands one message over; false where that was given up. Never raises."""
        place = self._place(message.channel_id, message.author)
        author = await self._languages.writing(message.author, place)
        message = replace(message, author=author)
        with (
            tracer().start_as_current_span("message", context=TraceContext(), kind=SpanKind.SERVER),
            acting_for(author),
        ):
            if isinstance(meaning, Question):
                asked = replace(meaning, person=author)
                return await self._patiently(asked, lambda: self._take(asked, message, place))
            question = await self._carried_out(message, place, meaning)
            return True if question is None else await self._patiently(question, lambda: self._submit(question))

    async def _take(self, question: Question, message: Message, place: Place) -> None:
        """Does with a question whatever its asker may have done with it. GuildhallError where that can't be."""
        wanted = await self._permitted(question, place)
        if isinstance(wanted, TextCommand):
            await self._carried_out(message, place, wanted)
        elif wanted is not None:
            await self._submit(wanted)

    async def _carried_out(self, message: Message, place: Place, command: TextCommand) -> Question | None:
        with patient(Patience(self._clock, self._settings.current.deadlines)):
            own = self._own(message)
            return await self._text_commands.carry_out(message, place, command, in_conversation=own)

    async def _permitted(self, question: Question, place: Place) -> Meaning:
        """What becomes of a question by what its asker may; None where they only talk in a channel that is answered."""
        asker = await self._writers.granted(question.person, place, "ask")
        if asker is None:
            if self._guild_settings.flag(place, AUTO_RESPOND):
                return None
            raise PermissionDenied("asking is not for this person", reason="FEATURE_FORBIDDEN")
        question = replace(question, person=asker)
        if not question.prompt or self._guild_settings.text(place, IMAGES) == "never":
            return question
        return self._with_pictures(question, place) if await self._writers.granted(asker, place, "image") else question

    def _question(self, message: Message, place: Place) -> Question | None:
        called = self._bot_id in message.mentions
        if self._addresses_others(message) and not called:
            return None
        content = cleaned(self._mention.sub("", message.content))
        model, prompt = addressed(content, self._models.names)
        own = self._own(message)
        auto = bool(message.guild_id) and self._guild_settings.flag(place, AUTO_RESPOND)
        replied = message.reply_to_author == self._bot_id
        if not (own or auto or called or replied or model):
            return None
        quotes = not (own or auto)
        if not prompt and called and quotes:
            # A mention and nothing else in a reply: what it replies to is the question.
            prompt, message = cleaned(message.reply_text), replace(message, reply_text="")
        if not prompt and not message.attachments and not (quotes and message.reply_attachments):
            # Nothing to read: a sticker alone, or a bot without the message-content intent.
            return None
        return from_message(
            message,
            place,
            in_conversation=own or auto,
            prompt=prompt,
            model=model,
            quotes=quotes,
            command_prefix=self._prefix(place),
        )

    def _own(self, message: Message) -> bool:
        """Whether a message stands in a thread of the bot's that is a conversation, or in a direct message."""
        return not message.guild_id or self._threads.owned(message.channel_id)

    def _prefix(self, place: Place) -> str:
        return self._guild_settings.text(place, PREFIX) if place.guild_id else _DEFAULT_PREFIX

    def _with_pictures(self, question: Question, place: Place) -> Meaning:
        """What becomes of a question where pictures are made of messages."""
        mode = self._guild_settings.text(place, IMAGES)
        if mode == "auto":
            return replace(question, pictures=True)
        if mode == "always":
            return replace(question, draws=True)
        return TextCommand("image", question.prompt) if asks_for_picture(question.prompt) else question

    def _addresses_others(self, message: Message) -> bool:
        others = message.mentions - {self._bot_id, message.author.user_id}
        to_another = message.reply_to_author not in (0, self._bot_id, message.author.user_id)
        return bool(others) or to_another or message.mentions_everyone or message.mentions_roles

    async def _submit(self, question: Question) -> None:
        settings = self._settings.current
        with acting_for(question.person):
            outcome = await self._hand_over.submit(question, settings.ask_limits, settings.deadlines)
            if isinstance(outcome, Denied):
                await self._notices.denied(question, outcome)

    async def _patiently(self, question: Question, attempt: Callable[[], Awaitable[None]]) -> bool:
        """Repeats a hand-over until it succeeds, is refused, or patience ends; whether it is settled."""
        give_up = self._clock.monotonic() + self._settings.current.hand_over_patience
        delay = _FIRST_RETRY
        while True:
            try:
                await attempt()
            except (Unavailable, DeadlineExceeded) as error:
                if self._clock.monotonic() + delay > give_up:
                    _log.error("message not handed over", message_id=question.event_id, reason=error.reason)
                    return False
                _log.info("message waits", message_id=question.event_id, reason=error.reason, why=str(error))
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
