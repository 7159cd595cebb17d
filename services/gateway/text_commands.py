"""Text commands such as `!ask`, for those who come from older bots.

Pictures and plans always take a press: with it Discord says what a person may. All answers are posted by executor.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from guildhall.executor.v1 import notice_pb2, notice_pb2_grpc, reply_pb2, reply_pb2_grpc
from guildhall.llm.v1 import conversation_pb2, conversation_pb2_grpc

from chassis.errors import GuildhallError, PermissionDenied
from chassis.scoped import Place
from services.gateway.addressing import TextCommand
from services.gateway.analytics.activity import Outcome
from services.gateway.analytics.recorder import ActivityRecorder, outcome_of
from services.gateway.context import Services
from services.gateway.events import Message
from services.gateway.guild_settings import GuildSettings
from services.gateway.handover import Question, called, from_message
from services.gateway.model_names import ModelNames
from services.gateway.text_settings import TextSettings
from services.gateway.typed import Answer, Typed
from services.gateway.writers import Writers
from views.catalogue import Catalogue
from views.components import button, row
from views.custom_id import encode
from views.lists import within
from views.markdown import escaped, shortened
from views.messages import message as made

_log = structlog.get_logger(__name__)
_DEADLINE = 1.0
DRAW, PLAN = "image.typed", "manage.typed"
_LONGEST_WISH = 1_500
# Which feature of the configuration a command takes; the others are for everybody, or for who may change settings.
_FEATURES = {"ask": "ask", "image": "image", "neon": "plan"}


class TextCommands:
    """Carries text commands out."""

    def __init__(
        self,
        services: Services,
        texts: Catalogue,
        guild_settings: GuildSettings,
        *,
        models: ModelNames,
        writers: Writers,
        activity: ActivityRecorder,
    ) -> None:
        self._services = services
        self._activity = activity
        self._texts = texts
        self._guild_settings = guild_settings
        self._writers = writers
        settings = TextSettings(services, texts, guild_settings, models, writers)
        self._commands: dict[str, Callable[[Typed], Awaitable[Answer]]] = {
            "ask": self._ask,
            "help": self._help,
            "status": settings.status,
            "autorespond": settings.auto_respond,
            "thinking": settings.thinking,
            "model": settings.model,
            "provider": settings.provider,
            "prompt": settings.prompt,
            "history": self._history,
            "clear": self._clear,
            "image": self._image,
            "neon": self._neon,
        }

    def knows(self, name: str) -> bool:
        """Whether there is such a text command."""
        return name in self._commands

    async def carry_out(
        self, message: Message, place: Place, command: TextCommand, *, in_conversation: bool
    ) -> Question | None:
        """Carries one out; gives the question where it asks one. Never raises."""
        locale = message.author.locale
        typed = Typed(message, place, command.rest, in_conversation)
        outcome = Outcome.DONE
        try:
            await self._require(command.name, typed)
            answer = await self._commands[command.name](typed)
        except GuildhallError as error:
            outcome = outcome_of(error)
            key = f"error.{error.reason.lower()}"
            answer = made(self._texts.text(locale, key if self._texts.has(key) else "error.internal"))
        self._activity.note(message.author, message.guild_id, f"!{command.name}", outcome)
        if answer is None or isinstance(answer, Question):
            return answer
        await self._post(message, answer)
        return None

    async def _require(self, name: str, typed: Typed) -> None:
        feature = _FEATURES.get(name, "")
        if feature and await self._writers.granted(typed.message.author, typed.place, feature) is None:
            raise PermissionDenied(f"{feature} is not for this person", reason="FEATURE_FORBIDDEN")

    async def _post(self, message: Message, body: Mapping[str, Any]) -> None:
        stub = self._services.stub(notice_pb2_grpc.NoticeServiceStub, "executor")
        request = notice_pb2.PostNoticeRequest(
            event_id=message.message_id,
            guild_id=message.guild_id,
            channel_id=message.channel_id,
            reply_to_message_id=message.message_id,
            discord_json=json.dumps(body).encode(),
        )
        try:
            await called(stub.PostNotice(request, timeout=_DEADLINE))
        except GuildhallError as error:
            _log.warning("text command not answered", message_id=message.message_id, reason=error.reason)

    async def _ask(self, typed: Typed) -> Answer:
        if not typed.rest and not typed.message.attachments:
            return made(self._texts.text(typed.locale, "error.empty_prompt"))
        return from_message(typed.message, typed.place, in_conversation=typed.in_conversation, prompt=typed.rest)

    async def _help(self, typed: Typed) -> Answer:
        return made(self._texts.text(typed.locale, "text_command.help"))

    async def _history(self, typed: Typed) -> Answer:
        stub = self._services.stub(conversation_pb2_grpc.ConversationServiceStub, "llm")
        request = conversation_pb2.GetConversationRequest(conversation_id=await self._here(typed))
        answer = await called(stub.GetConversation(request, timeout=_DEADLINE))
        turns = answer.conversation.turns[-5:]
        rows = [f"> {escaped(shortened(turn.inputs[0].text if turn.inputs else '', 150))}" for turn in turns]
        head = self._texts.text(typed.locale, "text_command.history", turns=len(answer.conversation.turns))
        return made(within([head, *rows]))

    async def _clear(self, typed: Typed) -> Answer:
        stub = self._services.stub(conversation_pb2_grpc.ConversationServiceStub, "llm")
        request = conversation_pb2.ClearConversationRequest(conversation_id=await self._here(typed))
        answer = await called(stub.ClearConversation(request, timeout=_DEADLINE))
        return made(self._texts.text(typed.locale, "conversation.cleared", turns=answer.cleared_turns))

    async def _here(self, typed: Typed) -> str:
        """The conversation that stands where the message was written."""
        stub = self._services.stub(reply_pb2_grpc.ReplyServiceStub, "executor")
        request = reply_pb2.FindConversationRequest(channel_id=typed.message.channel_id)
        answer = await called(stub.FindConversation(request, timeout=_DEADLINE))
        return str(answer.conversation_id)

    async def _image(self, typed: Typed) -> Answer:
        return self._wish(typed, DRAW, "text_command.draw")

    async def _neon(self, typed: Typed) -> Answer:
        return self._wish(typed, PLAN, "text_command.plan")

    def _wish(self, typed: Typed, action: str, key: str) -> Answer:
        """A button that carries a wish out for whoever presses it; the message itself carries the wish."""
        wish = typed.rest.replace("`", "'")[:_LONGEST_WISH]
        if not wish:
            return made(self._texts.text(typed.locale, "error.empty_prompt"))
        text = f"{self._texts.text(typed.locale, 'text_command.wish')}\n```\n{wish}\n```"
        return made(text, components=[row(button(encode(action), self._texts.text(typed.locale, key)))])
