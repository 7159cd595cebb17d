"""What an interaction is answered with, and how far that is: one first answer, then edits and follow-ups.

Where a service has to be waited for, the interaction is held: acknowledged before its handler knows the answer. What
the handler says then goes where a deferral leaves room for it.
https://discord.com/developers/docs/interactions/receiving-and-responding
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chassis.errors import FailedPrecondition
from services.gateway.callbacks import Callbacks, CallbackType, File
from services.gateway.command import Choice
from services.gateway.events import Interaction, InteractionKind
from views.markdown import shortened
from views.messages import EPHEMERAL, message

CHOICES_LIMIT, CHOICE_LENGTH = 25, 100


@dataclass
class Answering:
    """The answer to one interaction."""

    interaction: Interaction
    callbacks: Callbacks = field(repr=False)
    acknowledged: bool = field(default=False, init=False)
    _held: CallbackType | None = field(default=None, init=False)
    _held_private: bool = field(default=True, init=False)
    _in_place: bool = field(default=True, init=False)
    _holding: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, repr=False)

    def expect(self, *, private: bool) -> None:
        """Says beforehand that the answer will be a message of its own and who will see it, should it be held.

        Commands are taken to be answered privately, components in the message that carries them.
        """
        self._held_private, self._in_place = private, False

    async def hold(self) -> None:
        """Acknowledges, where that was not done yet, for a handler that has to wait."""
        async with self._holding:
            if self.acknowledged or self.interaction.kind is InteractionKind.AUTOCOMPLETE:
                return
            if self._in_place and self.interaction.message:
                self._held = CallbackType.DEFERRED_UPDATE
                await self._first(self._held)
            else:
                self._held = CallbackType.DEFERRED_MESSAGE
                await self._first(self._held, {"flags": EPHEMERAL} if self._held_private else {})

    async def respond(self, body: Mapping[str, Any] | str, *, private: bool = True, files: Sequence[File] = ()) -> None:
        """Says something: as the first answer, or after a deferral in its place."""
        made = message(body) if isinstance(body, str) else dict(body)
        if not self.acknowledged:
            if private:
                made["flags"] = made.get("flags", 0) | EPHEMERAL
            await self._first(CallbackType.MESSAGE, made, files)
        elif self._held is CallbackType.DEFERRED_UPDATE:
            await self.follow_up(made, private=private, files=files)
        elif self._held is CallbackType.DEFERRED_MESSAGE and private and not self._held_private:
            # Everybody sees that the bot thinks; what it says is for one alone.
            self._held = CallbackType.DEFERRED_UPDATE
            await self.callbacks.delete(self.interaction)
            await self.follow_up(made, files=files)
        else:
            await self.callbacks.edit(self.interaction, made, files)

    async def defer(self, *, private: bool) -> None:
        """Acknowledges; the answer follows. Whether it is private is fixed now."""
        if self._held is None:
            await self._first(CallbackType.DEFERRED_MESSAGE, {"flags": EPHEMERAL} if private else {})

    async def defer_update(self) -> None:
        """Acknowledges a component; its message stays as it is."""
        if self._held is None:
            await self._first(CallbackType.DEFERRED_UPDATE)

    async def update(self, body: Mapping[str, Any]) -> None:
        """Replaces the message that carries the component."""
        if self._held is None:
            await self._first(CallbackType.UPDATE, body)
        else:
            await self.callbacks.edit(self.interaction, body)

    async def modal(self, modal: Mapping[str, Any]) -> None:
        """Opens a modal. FailedPrecondition (HELD) where the interaction was held: Discord opens none after that."""
        if self._held is not None:
            raise FailedPrecondition("a modal can't be opened any more", reason="HELD")
        await self._first(CallbackType.MODAL, modal)

    async def choose(self, choices: Sequence[Choice]) -> None:
        """Offers choices to an autocomplete, as many as Discord takes."""
        offered = [
            {"name": shortened(choice.label, CHOICE_LENGTH), "value": choice.value}
            for choice in choices
            if 1 <= len(choice.value) <= CHOICE_LENGTH and choice.label.strip()
        ]
        await self._first(CallbackType.CHOICES, {"choices": offered[:CHOICES_LIMIT]})

    async def follow_up(
        self, body: Mapping[str, Any] | str, *, private: bool = True, files: Sequence[File] = ()
    ) -> None:
        """Says something more after the first answer."""
        made = message(body) if isinstance(body, str) else dict(body)
        if private:
            made["flags"] = made.get("flags", 0) | EPHEMERAL
        await self.callbacks.follow_up(self.interaction, made, files)

    def vanish(self, after: float) -> None:
        """Removes the first answer after some seconds, without making anybody wait for it."""
        # What was held in place has the message that carries the component for its first answer.
        if self._held is not CallbackType.DEFERRED_UPDATE:
            self.callbacks.vanish(self.interaction, after)

    async def _first(
        self, kind: CallbackType, data: Mapping[str, Any] | None = None, files: Sequence[File] = ()
    ) -> None:
        self.acknowledged = True
        await self.callbacks.first(self.interaction, kind, data, files)
