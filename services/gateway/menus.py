"""The menus in which people see and change settings: `/settings`, `/preferences`, and the button under an answer.

One table says what can be set where; a menu is drawn from it and from what is in force, and carries all it needs in its
custom_ids. Who may change what is decided by the service that keeps the value.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from guildhall.llm.v1 import model_pb2, model_pb2_grpc

from chassis.errors import GuildhallError, InvalidArgument
from chassis.scoped import Place, Scope, ScopeKind
from services.gateway import announcements
from services.gateway.context import Context
from services.gateway.guild_settings import IMAGE_MODES, LANGUAGES
from services.gateway.handover import called
from services.gateway.scoped_client import InForce, Plain, in_force, update
from views import components
from views.custom_id import encode
from views.markdown import escaped
from views.messages import message

_log = structlog.get_logger(__name__)

CHOOSE, TOGGLE, SHOW, SET = "settings.choose", "settings.toggle", "settings.show", "settings.set"
_OFFER_SECONDS = 0.7
_DEFAULT = "-"
_LONGEST_VALUE = 50

ME, THREAD, CHANNEL, GUILD = "me", "thread", "channel", "guild"
_KINDS = {ME: ScopeKind.PERSON, THREAD: ScopeKind.THREAD, CHANNEL: ScopeKind.CHANNEL, GUILD: ScopeKind.GUILD}


@dataclass(frozen=True, slots=True)
class Item:
    """Something that can be set in a menu: a choice among texts, a switch, or channels of the guild."""

    service: str
    key: str
    levels: tuple[str, ...]
    page: int = 0
    choices: tuple[str, ...] = ()
    switch: bool = False
    channels: int = 0
    """How many channels may be chosen; 0 where it is no choice of channels."""


ITEMS = (
    Item("llm", "model", (ME, THREAD, CHANNEL, GUILD)),
    Item("llm", "prompt", (ME, THREAD, CHANNEL, GUILD)),
    Item("llm", "thinking", (ME, THREAD, CHANNEL, GUILD), choices=("off", "low", "medium", "high", "max")),
    Item("gateway", "auto_respond", (THREAD, CHANNEL), switch=True),
    Item("gateway", "paused", (CHANNEL, GUILD), switch=True),
    Item("executor", "footer", (ME, CHANNEL, GUILD), switch=True),
    Item("executor", "reactions", (CHANNEL, GUILD), switch=True),
    Item("llm", "contexts", (ME,), switch=True),
    Item("gateway", "language", (ME, GUILD), page=1, choices=LANGUAGES),
    Item("gateway", "images", (CHANNEL, GUILD), page=1, choices=IMAGE_MODES),
    Item("executor", "error_policy", (CHANNEL, GUILD), page=1, choices=("reply", "reaction", "silent")),
    Item("executor", "thinking_shown", (CHANNEL, GUILD), page=1, choices=("collapsed", "hidden")),
    Item("gateway", "allowed_channels", (GUILD,), page=2, channels=25),
    Item("executor", "log_channel", (GUILD,), page=2, channels=1),
)
_BY_NAME = {f"{item.service}.{item.key}": item for item in ITEMS}


async def conversation_menu(context: Context) -> dict[str, Any]:
    """Model, prompt and thinking of the conversation at hand."""
    return await draw(context, THREAD if context.interaction.in_thread else ME, 0)


async def draw(context: Context, level: str, page: int) -> dict[str, Any]:
    """One page of a menu."""
    shown = [item for item in ITEMS if level in item.levels]
    pages = sorted({item.page for item in shown})
    page = page if page in pages else pages[0]
    place = _place(context, level)
    values, models, prompts = await asyncio.gather(in_force(context, place), _models(context), _prompts(context))
    lines = [context.text(f"settings.title.{level}")]
    lines += [_line(context, item, values[item.service].get(item.key), level) for item in shown]
    rows: list[dict[str, Any]] = []
    switches: list[dict[str, Any]] = []
    for item in shown:
        held = values[item.service].get(item.key)
        if item.page != page or held is None:
            continue
        if item.switch:
            switches.append(_switch(context, item, held, level, page))
        elif item.channels:
            rows.append(components.row(_channels(context, item, held, level, page)))
        else:
            offered = {"model": models, "prompt": prompts}.get(item.key) or _named(context, item)
            rows.append(components.row(_select(context, item, held, level, page=page, offered=offered)))
    if switches:
        rows.append(components.row(*switches))
    if buttons := _tabs(context, level, page, pages):
        rows.append(components.row(*buttons))
    return message("\n".join(lines), components=rows[: components.ROWS_LIMIT], private=True)


async def choose(context: Context) -> None:
    """A value was chosen in a select."""
    level, page, item = _addressed(context)
    chosen = context.selected
    if item.channels == 1:
        value: Plain = chosen[0] if chosen else ""
    elif item.channels:
        value = chosen
    else:
        value = None if chosen[:1] == (_DEFAULT,) else "".join(chosen[:1])
    await _change(context, level, page, item, value)


async def toggle(context: Context) -> None:
    """A switch was pressed; its custom_id says what it shall be, so that two presses at once agree."""
    level, page, item = _addressed(context)
    await _change(context, level, page, item, context.custom_id.argument(3) == "on")


def set_button(level: str, name: str, value: str, label: str) -> dict[str, Any]:
    """A button that sets one value. A value that does not fit into it is one that no item takes."""
    return components.button(encode(SET, level, name, value[:_LONGEST_VALUE]), label)


def plain_value(name: str, value: str) -> Plain:
    """A value that was typed or carried by a button, as the service keeps it. KeyError for what no menu has."""
    return value == "on" if _BY_NAME[name].switch else value


async def set_value(context: Context) -> None:
    """A button that sets one value was pressed."""
    level, name, value = (context.custom_id.argument(index) for index in range(3))
    item = _BY_NAME[name]
    if level not in item.levels:
        raise InvalidArgument("this can't be set there", reason="SETTING_INVALID")
    held = await update(context, item.service, _scope(context, level), {item.key: plain_value(name, value)})
    await context.respond(context.text("settings.set", name=context.text(f"settings.name.{item.key}")))
    await announcements.announce(context, held)


async def show(context: Context) -> None:
    """Another page or level was asked for."""
    level, page = context.custom_id.argument(0), context.custom_id.argument(1)
    await context.update(await draw(context, level if level in _KINDS else ME, int(page) if page.isdecimal() else 0))


async def _change(context: Context, level: str, page: int, item: Item, value: Plain) -> None:
    scope = _scope(context, level)
    if value is None:
        held = await update(context, item.service, scope, {}, [item.key])
    else:
        held = await update(context, item.service, scope, {item.key: value})
    await context.update(await draw(context, level, page))
    await announcements.announce(context, held)


def _addressed(context: Context) -> tuple[str, int, Item]:
    custom_id = context.custom_id
    level, page = custom_id.argument(0), custom_id.argument(1)
    return level, int(page) if page.isdecimal() else 0, _BY_NAME[custom_id.argument(2)]


def _place(context: Context, level: str) -> Place:
    place = context.place
    if level == ME:
        return Place(user_id=place.user_id)
    return Place(
        guild_id=place.guild_id,
        category_id=place.category_id if level != GUILD else 0,
        channel_id=place.channel_id if level != GUILD else 0,
        thread_id=place.thread_id if level == THREAD else 0,
    )


def _scope(context: Context, level: str) -> Scope:
    place = context.place
    found = {ME: place.user_id, THREAD: place.thread_id, CHANNEL: place.channel_id, GUILD: place.guild_id}
    return Scope(_KINDS[level], 0 if level == ME else place.guild_id, found[level])


def _line(context: Context, item: Item, held: InForce | None, level: str) -> str:
    name = context.text(f"settings.name.{item.key}")
    if held is None:
        return f"{name}: {context.text('settings.value.unknown')}"
    if isinstance(held.value, bool):
        value = context.text("settings.value.on" if held.value else "settings.value.off")
    elif item.channels:
        chosen = held.value if isinstance(held.value, tuple) else (str(held.value),) if held.value else ()
        value = " ".join(f"<#{channel}>" for channel in chosen) or context.text("settings.value.none")
    elif item.choices and held.value:
        value = context.text(f"settings.choice.{item.key}.{held.value}")
    else:
        value = escaped(str(held.value)) if held.value else context.text("settings.value.default")
    if held.source is _KINDS[level]:
        return f"**{name}**: {value}"
    source = context.text(f"settings.source.{held.source.name.lower() if held.source else 'default'}")
    return f"**{name}**: {value} ({source})"


def _select(
    context: Context, item: Item, held: InForce, level: str, *, page: int, offered: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    own = held.source is _KINDS[level]
    options = [components.option(_DEFAULT, context.text("settings.value.inherit"), chosen=not own)]
    options += [
        components.option(value, label, chosen=own and held.value == value)
        for value, label in offered
        if len(value) <= components.OPTION_LABEL_LIMIT
    ]
    return components.select(
        encode(CHOOSE, level, page, f"{item.service}.{item.key}"),
        options,
        placeholder=context.text(f"settings.name.{item.key}"),
    )


def _switch(context: Context, item: Item, held: InForce, level: str, page: int) -> dict[str, Any]:
    on = bool(held.value)
    return components.button(
        encode(TOGGLE, level, page, f"{item.service}.{item.key}", "off" if on else "on"),
        context.text(f"settings.name.{item.key}"),
        style=components.SUCCESS if on else components.SECONDARY,
    )


def _channels(context: Context, item: Item, held: InForce, level: str, page: int) -> dict[str, Any]:
    chosen = held.value if isinstance(held.value, tuple) else (str(held.value),) if held.value else ()
    return components.channel_select(
        encode(CHOOSE, level, page, f"{item.service}.{item.key}"),
        placeholder=context.text(f"settings.name.{item.key}"),
        chosen=chosen,
        most=item.channels,
    )


def _tabs(context: Context, level: str, page: int, pages: Sequence[int]) -> list[dict[str, Any]]:
    tabs = [
        components.button(encode(SHOW, level, each), context.text(f"settings.page.{each}"), disabled=each == page)
        for each in pages
        if len(pages) > 1
    ]
    other = {CHANNEL: GUILD, GUILD: CHANNEL}.get(level)
    if other is not None:
        tabs.append(components.button(encode(SHOW, other, 0, "level"), context.text(f"settings.level.{other}")))
    return tabs


def _named(context: Context, item: Item) -> list[tuple[str, str]]:
    return [(value, context.text(f"settings.choice.{item.key}.{value}")) for value in item.choices]


async def _models(context: Context) -> list[tuple[str, str]]:
    stub = context.services.stub(model_pb2_grpc.ModelServiceStub, "llm")
    try:
        answer = await called(stub.ListModels(model_pb2.ListModelsRequest(only_allowed=True), timeout=_OFFER_SECONDS))
    except GuildhallError as error:
        # A provider that is slow to say what it offers is no reason to have no menu.
        _log.info("models not offered", reason=error.reason)
        return []
    return [(model.name, model.label or model.name) for model in answer.models]


async def _prompts(context: Context) -> list[tuple[str, str]]:
    stub = context.services.stub(model_pb2_grpc.ModelServiceStub, "llm")
    answer = await called(stub.ListPrompts(model_pb2.ListPromptsRequest(), timeout=context.timeout))
    return [(prompt.name, prompt.label or prompt.name) for prompt in answer.prompts if prompt.allowed]


Handlers = dict[str, Callable[[Context], Any]]
COMPONENTS: Handlers = {CHOOSE: choose, TOGGLE: toggle, SHOW: show, SET: set_value}
