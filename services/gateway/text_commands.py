"""Text commands such as `!ask`, for those who come from older bots.

A message carries a person's roles and no permissions. What changes something is done at once where executor's copy of
the guild, or Discord when asked, says for certain what the person may; else the answer is a button, for with a press
Discord says it. Pictures and plans always take a press. All answers are posted by executor.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog
from guildhall.executor.v1 import mirror_pb2, mirror_pb2_grpc, notice_pb2, notice_pb2_grpc, reply_pb2, reply_pb2_grpc
from guildhall.llm.v1 import conversation_pb2, conversation_pb2_grpc

from chassis.caller import acting_for
from chassis.errors import GuildhallError
from chassis.scoped import Place, Scope, ScopeKind
from services.gateway.addressing import TextCommand
from services.gateway.analytics.activity import Outcome
from services.gateway.analytics.recorder import ActivityRecorder, outcome_of
from services.gateway.announcements import announce_at
from services.gateway.context import Services
from services.gateway.events import Message
from services.gateway.guild_settings import AUTO_RESPOND, LANGUAGE, GuildSettings
from services.gateway.handover import Question, called, from_message
from services.gateway.menus import CHANNEL, plain_value, set_button
from services.gateway.model_names import ModelNames
from services.gateway.scoped_client import change, values_in_force
from views.catalogue import Catalogue
from views.components import button, row
from views.custom_id import encode
from views.lists import within
from views.markdown import escaped, shortened
from views.messages import message as made

_log = structlog.get_logger(__name__)
_DEADLINE = 1.0
# executor may have to ask Discord.
_CERTAIN_DEADLINE = 5.0
DRAW, PLAN = "image.typed", "manage.typed"
_LONGEST_WISH = 1_500
_ON, _OFF = ("on", "an", "1"), ("off", "aus", "0")


@dataclass(frozen=True, slots=True)
class Typed:
    """One use of a text command."""

    message: Message
    place: Place
    rest: str
    locale: str


Answer = Mapping[str, Any] | Question | None


class TextCommands:
    """Carries text commands out."""

    def __init__(
        self,
        services: Services,
        texts: Catalogue,
        guild_settings: GuildSettings,
        models: ModelNames,
        activity: ActivityRecorder,
    ) -> None:
        self._services = services
        self._activity = activity
        self._texts = texts
        self._guild_settings = guild_settings
        self._models = models
        self._commands: dict[str, Callable[[Typed], Awaitable[Answer]]] = {
            "ask": self._ask,
            "help": self._help,
            "status": self._status,
            "autorespond": self._auto_respond,
            "thinking": self._thinking,
            "model": self._model,
            "provider": self._provider,
            "prompt": self._prompt,
            "history": self._history,
            "clear": self._clear,
            "image": self._image,
            "neon": self._neon,
        }

    def knows(self, name: str) -> bool:
        """Whether there is such a text command."""
        return name in self._commands

    async def carry_out(self, message: Message, place: Place, command: TextCommand) -> Question | None:
        """Carries one out; gives the question where it asks one. Never raises."""
        locale = self._guild_settings.text(place, LANGUAGE)
        typed = Typed(message, place, command.rest, locale)
        outcome = Outcome.DONE
        try:
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
        in_conversation = not typed.message.guild_id or bool(typed.place.thread_id)
        return from_message(typed.message, in_conversation=in_conversation, prompt=typed.rest)

    async def _help(self, typed: Typed) -> Answer:
        return made(self._texts.text(typed.locale, "text_command.help"))

    async def _status(self, typed: Typed) -> Answer:
        values = await values_in_force(self._services, typed.place, _DEADLINE)
        rows = [
            f"**{self._texts.text(typed.locale, f'settings.name.{key}')}**: {escaped(_plain(value))}"
            for key, value in values.items()
            if self._texts.has(f"settings.name.{key}")
        ]
        return made(within([self._texts.text(typed.locale, "settings.title.channel"), *rows]))

    async def _auto_respond(self, typed: Typed) -> Answer:
        wanted = typed.rest.lower()
        if wanted in _ON + _OFF:
            return await self._set(typed, "gateway.auto_respond", "on" if wanted in _ON else "off")
        on = self._guild_settings.flag(typed.place, AUTO_RESPOND)
        return self._shown(
            typed, "auto_respond", self._texts.text(typed.locale, f"settings.value.{'on' if on else 'off'}")
        )

    async def _thinking(self, typed: Typed) -> Answer:
        wanted = typed.rest.lower()
        if wanted in _ON + _OFF:
            return await self._set(typed, "llm.thinking", "medium" if wanted in _ON else "off")
        return await self._set_or_show(typed, "thinking", typed.rest.lower())

    async def _model(self, typed: Typed) -> Answer:
        return await self._set_or_show(typed, "model", typed.rest)

    async def _provider(self, typed: Typed) -> Answer:
        wanted = typed.rest.lower()
        model = next((name for name in self._models.names if name.partition("/")[0] == wanted), "")
        if wanted and not model:
            providers = sorted({name.partition("/")[0] for name in self._models.names})
            return made(self._texts.text(typed.locale, "text_command.providers", providers=", ".join(providers)))
        return await self._set_or_show(typed, "model", model)

    async def _prompt(self, typed: Typed) -> Answer:
        return await self._set_or_show(typed, "prompt", typed.rest)

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

    async def _set_or_show(self, typed: Typed, key: str, wanted: str) -> Answer:
        if wanted:
            return await self._set(typed, f"llm.{key}", wanted)
        values = await values_in_force(self._services, typed.place, _DEADLINE)
        return self._shown(typed, key, _plain(values.get(key)))

    def _shown(self, typed: Typed, key: str, value: str) -> Mapping[str, Any]:
        name = self._texts.text(typed.locale, f"settings.name.{key}")
        return made(f"**{name}**: {escaped(value) or self._texts.text(typed.locale, 'settings.value.default')}")

    async def _set(self, typed: Typed, item: str, value: str) -> Mapping[str, Any]:
        """Sets a value for the channel, if the person may. Where nobody is certain of that, it is a button's to do:
        Discord says what a person may with a press."""
        if not typed.message.guild_id:
            return made(self._texts.text(typed.locale, "text_command.in_guilds_only"))
        permissions = await self._permissions(typed)
        if permissions is None:
            return self._offer(typed, item, value)
        service, _, key = item.partition(".")
        scope = Scope(ScopeKind.CHANNEL, typed.place.guild_id, typed.place.channel_id)
        with acting_for(replace(typed.message.author, permissions=permissions)):
            held = await change(self._services, service, scope, {key: plain_value(item, value)}, deadline=_DEADLINE)
        self._guild_settings.learn(service, held)
        await announce_at(self._services, typed.message.message_id, typed.message.channel_id, held, deadline=_DEADLINE)
        name = self._texts.text(typed.locale, f"settings.name.{key}")
        return made(self._texts.text(typed.locale, "settings.set", name=name))

    async def _permissions(self, typed: Typed) -> int | None:
        """What the person may in the channel; None where neither executor's copy of the guild nor Discord says."""
        author = typed.message.author
        request = mirror_pb2.GetPermissionsRequest(
            guild_id=typed.place.guild_id,
            channel_id=typed.place.channel_id,
            user_id=author.user_id,
            role_ids=author.role_ids,
        )
        stub = self._services.stub(mirror_pb2_grpc.MirrorServiceStub, "executor")
        try:
            answer = await called(stub.GetPermissions(request, timeout=_CERTAIN_DEADLINE))
        except GuildhallError as error:
            _log.info("permissions not known", reason=error.reason)
            return None
        return int(answer.permissions) if answer.certain else None

    def _offer(self, typed: Typed, item: str, value: str) -> Mapping[str, Any]:
        """A button that sets a value, for whoever presses it and may."""
        name = self._texts.text(typed.locale, f"settings.name.{item.partition('.')[2]}")
        label = self._texts.text(typed.locale, "text_command.set", name=name, value=shortened(value, 40))
        text = self._texts.text(typed.locale, "text_command.offer")
        return made(text, components=[row(set_button(CHANNEL, item, value, label))])


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "" if value is None else str(value)
