"""The text commands that show or set something for the channel: `!status`, `!autorespond`, `!thinking`, `!model`,
`!provider`, `!prompt`.

What changes something is done at once where it is certain what the person may; else the answer is a button, for with a
press Discord says it.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from chassis.caller import acting_for
from chassis.scoped import Scope, ScopeKind
from services.gateway.announcements import announce_at
from services.gateway.context import Services
from services.gateway.guild_settings import AUTO_RESPOND, GuildSettings
from services.gateway.menu_drawing import set_button
from services.gateway.menu_items import CHANNEL, plain_value
from services.gateway.model_names import ModelNames
from services.gateway.scoped_client import change, values_in_force
from services.gateway.typed import Answer, Typed
from services.gateway.writers import Writers
from views.catalogue import Catalogue
from views.components import row
from views.lists import within
from views.markdown import shortened
from views.messages import message as made
from views.setting_texts import value_text

_DEADLINE = 1.0
_ON, _OFF = ("on", "an", "1"), ("off", "aus", "0")


class TextSettings:
    """Shows and sets."""

    def __init__(
        self, services: Services, texts: Catalogue, guild_settings: GuildSettings, models: ModelNames, writers: Writers
    ) -> None:
        self._services = services
        self._texts = texts
        self._guild_settings = guild_settings
        self._models = models
        self._writers = writers

    async def status(self, typed: Typed) -> Answer:
        """`!status`: what is set here."""
        values = await values_in_force(self._services, typed.place, _DEADLINE)
        rows = [
            f"**{self._texts.text(typed.locale, f'settings.name.{key}')}**: {self._value(typed, key, value)}"
            for key, value in values.items()
            if self._texts.has(f"settings.name.{key}")
        ]
        return made(within([self._texts.text(typed.locale, "settings.title.channel"), *rows]))

    async def auto_respond(self, typed: Typed) -> Answer:
        """`!autorespond [on|off]`."""
        wanted = typed.rest.lower()
        if wanted in _ON + _OFF:
            return await self._set(typed, "gateway.auto_respond", "on" if wanted in _ON else "off")
        on = self._guild_settings.flag(typed.place, AUTO_RESPOND)
        return self._shown(typed, "auto_respond", on)

    async def thinking(self, typed: Typed) -> Answer:
        """`!thinking [on|off]`, or a level."""
        wanted = typed.rest.lower()
        if wanted in _ON + _OFF:
            return await self._set(typed, "llm.thinking", "medium" if wanted in _ON else "off")
        return await self._set_or_show(typed, "thinking", typed.rest.lower())

    async def model(self, typed: Typed) -> Answer:
        """`!model [name]`."""
        return await self._set_or_show(typed, "model", typed.rest)

    async def provider(self, typed: Typed) -> Answer:
        """`!provider [name]`: the first model of it."""
        wanted = typed.rest.lower()
        model = next((name for name in self._models.names if name.partition("/")[0] == wanted), "")
        if wanted and not model:
            providers = sorted({name.partition("/")[0] for name in self._models.names})
            return made(self._texts.text(typed.locale, "text_command.providers", providers=", ".join(providers)))
        return await self._set_or_show(typed, "model", model)

    async def prompt(self, typed: Typed) -> Answer:
        """`!prompt [name]`."""
        return await self._set_or_show(typed, "prompt", typed.rest)

    async def _set_or_show(self, typed: Typed, key: str, wanted: str) -> Answer:
        if wanted:
            return await self._set(typed, f"llm.{key}", wanted)
        values = await values_in_force(self._services, typed.place, _DEADLINE)
        return self._shown(typed, key, values.get(key))

    def _shown(self, typed: Typed, key: str, value: object) -> Mapping[str, Any]:
        name = self._texts.text(typed.locale, f"settings.name.{key}")
        return made(f"**{name}**: {self._value(typed, key, value)}")

    def _value(self, typed: Typed, key: str, value: object) -> str:
        return value_text(partial(self._texts.text, typed.locale), key, value)

    async def _set(self, typed: Typed, item: str, value: str) -> Mapping[str, Any]:
        """Sets a value for the channel, if the person may. Where nobody is certain of that, it is a button's to do:
        Discord says what a person may with a press."""
        if not typed.message.guild_id:
            return made(self._texts.text(typed.locale, "text_command.in_guilds_only"))
        permissions = await self._writers.permissions(typed.message.author, typed.place)
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

    def _offer(self, typed: Typed, item: str, value: str) -> Mapping[str, Any]:
        """A button that sets a value, for whoever presses it and may."""
        name = self._texts.text(typed.locale, f"settings.name.{item.partition('.')[2]}")
        label = self._texts.text(typed.locale, "text_command.set", name=name, value=shortened(value, 40))
        text = self._texts.text(typed.locale, "text_command.offer")
        return made(text, components=[row(set_button(CHANNEL, item, value, label))])
