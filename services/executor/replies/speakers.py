"""Who an answer's messages come from: the bot itself, or a persona, which speaks by a webhook of the channel.

A persona is a prompt for which the configuration names how it appears. Its messages are the webhook's: only the webhook
can edit them, and Discord does not know their nonces, so one that may have been sent is always looked for first.
https://docs.discord.com/developers/resources/webhook
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from chassis.scoped import Place
from services.executor.discord.api import Body, DiscordApi, Scope
from services.executor.discord.bodies import File
from services.executor.discord.errors import DiscordError, Refused
from services.executor.discord.identity import BotIdentity
from services.executor.discord.permits import Priority
from services.executor.discord.webhooks import WebhookApi
from services.executor.replies.settings import Persona

_log = structlog.get_logger(__name__)

_HOOK_NAME = "Guildhall"
_USUAL = "default"


@dataclass(frozen=True)
class Voice:
    """How an answer is spoken, as it is remembered."""

    persona: str = ""
    """The prompt whose persona speaks; empty for the bot itself."""
    hook_channel_id: int = 0
    """The channel whose webhook it speaks by; 0 for the bot itself."""


@dataclass(frozen=True)
class Webhook:
    """A webhook of the bot's."""

    webhook_id: int
    token: str = field(repr=False)


class Speaker(Protocol):
    """Sends, edits and deletes an answer's messages; the arguments are those of `DiscordApi`."""

    author_id: int
    """Whose messages they are."""
    knows_nonces: bool
    """Whether Discord gives the first message back for a repeated nonce."""
    by_webhook: bool
    """Whether the messages are a webhook's, which somebody may delete at any time."""

    async def send(
        self, scope: Scope, channel_id: int, body: Body, *, nonce: str, priority: Priority, files: Sequence[File] = ()
    ) -> dict[str, Any]:
        """Sends a message."""
        ...

    async def edit(
        self,
        scope: Scope,
        channel_id: int,
        message_id: int,
        body: Body,
        *,
        priority: Priority,
        files: Sequence[File] = (),
        max_wait: float | None = None,
    ) -> None:
        """Edits one."""
        ...

    async def delete(self, scope: Scope, channel_id: int, message_id: int) -> None:
        """Deletes one."""
        ...

    async def recent(self, scope: Scope, channel_id: int, *, after: int, limit: int = 50) -> list[dict[str, Any]]:
        """Messages after a snowflake, oldest first."""
        ...


class BotSpeaker:
    """The bot itself."""

    knows_nonces, by_webhook = True, False

    def __init__(self, api: DiscordApi, identity: BotIdentity) -> None:
        self.author_id = identity.user_id
        self.send = api.send
        self.edit = api.edit
        self.delete = api.delete
        self.recent = api.recent


class PersonaSpeaker:
    """A persona."""

    knows_nonces, by_webhook = False, True

    def __init__(
        self, api: DiscordApi, hooks: WebhookApi, webhook: Webhook, persona: Persona | None, *, hook_channel_id: int
    ) -> None:
        self._hooks = hooks
        self._webhook = webhook
        self._persona = persona
        self._hook_channel_id = hook_channel_id
        self.author_id = webhook.webhook_id
        self.delete = api.delete
        self.recent = api.recent

    async def send(
        self, scope: Scope, channel_id: int, body: Body, *, nonce: str, priority: Priority, files: Sequence[File] = ()
    ) -> dict[str, Any]:
        """Sends a message under the persona's name."""
        looks: dict[str, str] = {}
        if self._persona is not None:
            looks["username"] = self._persona.name
            if self._persona.avatar_url:
                looks["avatar_url"] = self._persona.avatar_url
        # A webhook's message is no reply: Discord takes no reference from it.
        said = {key: value for key, value in body.items() if key != "message_reference"}
        return await self._hooks.send(
            scope,
            self._webhook.webhook_id,
            self._webhook.token,
            {**said, **looks},
            thread_id=self._thread(channel_id),
            priority=priority,
            files=files,
        )

    async def edit(
        self,
        scope: Scope,
        channel_id: int,
        message_id: int,
        body: Body,
        *,
        priority: Priority,
        files: Sequence[File] = (),
        max_wait: float | None = None,
    ) -> None:
        """Edits a message of the webhook's."""
        await self._hooks.edit(
            scope,
            self._webhook.webhook_id,
            self._webhook.token,
            message_id,
            body,
            thread_id=self._thread(channel_id),
            priority=priority,
            files=files,
            max_wait=max_wait,
        )

    def _thread(self, channel_id: int) -> int:
        return channel_id if channel_id != self._hook_channel_id else 0


class Speakers:
    """Finds who speaks."""

    def __init__(
        self,
        api: DiscordApi,
        webhooks: WebhookApi,
        identity: BotIdentity,
        personas: Mapping[str, Persona],
        prompt_in_force: Callable[[Place], str],
    ) -> None:
        """`prompt_in_force` gives the name of the prompt that is set for a place; empty for the usual one."""
        self._api = api
        self._webhooks = webhooks
        self._identity = identity
        self._personas = personas
        self._prompt_in_force = prompt_in_force
        self._hooks: dict[int, Webhook] = {}

    def voice(self, prompt: str, place: Place, hook_channel_id: int) -> Voice:
        """How an answer is spoken; `prompt` is the one that was asked for, empty for the one in force."""
        if not self._personas or not hook_channel_id:
            return Voice()
        name = prompt or self._prompt_in_force(place) or _USUAL
        return Voice(name, hook_channel_id) if name in self._personas else Voice()

    async def speaker(self, scope: Scope, voice: Voice) -> Speaker:
        """Who speaks so. Where the bot may have no webhook, the bot itself does."""
        if not voice.hook_channel_id:
            return BotSpeaker(self._api, self._identity)
        try:
            webhook = self._hooks.get(voice.hook_channel_id) or await self._hook(scope, voice.hook_channel_id)
        except Refused as refusal:
            _log.info("persona.no_webhook", channel_id=voice.hook_channel_id, why=str(refusal))
            return BotSpeaker(self._api, self._identity)
        self._hooks[voice.hook_channel_id] = webhook
        persona = self._personas.get(voice.persona)
        return PersonaSpeaker(self._api, self._webhooks, webhook, persona, hook_channel_id=voice.hook_channel_id)

    def renewal(self, scope: Scope, voice: Voice) -> Callable[[Refused], Awaitable[Speaker]]:
        """Who speaks so once the webhook was refused: a new one, or the bot itself where it may have none."""

        async def renew(refusal: Refused) -> Speaker:
            self.forget(voice, refusal)
            return await self.speaker(scope, voice)

        return renew

    def forget(self, voice: Voice, error: DiscordError) -> None:
        """Looks for the webhook anew next time, because it was refused: somebody may have deleted it."""
        if isinstance(error, Refused) and error.token_dead:
            self._hooks.pop(voice.hook_channel_id, None)

    async def _hook(self, scope: Scope, channel_id: int) -> Webhook:
        for hook in await self._webhooks.of_channel(scope, channel_id):
            if int((hook.get("user") or {}).get("id") or 0) == self._identity.user_id and hook.get("token"):
                return Webhook(int(hook["id"]), str(hook["token"]))
        made = await self._webhooks.create(scope, channel_id, _HOOK_NAME)
        return Webhook(int(made["id"]), str(made["token"]))
