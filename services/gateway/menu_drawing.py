"""How the menus of settings look: drawn from the table of what can be set and from what is in force."""

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog
from guildhall.llm.v1 import model_pb2, model_pb2_grpc

from chassis.errors import GuildhallError
from services.gateway.context import Context
from services.gateway.handover import called
from services.gateway.menu_items import CHANNEL, GUILD, ITEMS, KINDS, ME, THREAD, Item, place_of
from services.gateway.scoped_client import InForce, in_force
from views import components
from views.custom_id import encode
from views.markdown import shortened
from views.messages import message
from views.setting_texts import value_text

_log = structlog.get_logger(__name__)

CHOOSE, TOGGLE, SHOW, SET = "settings.choose", "settings.toggle", "settings.show", "settings.set"
INHERIT = "-"
_OFFER_SECONDS = 0.7
_LONGEST_VALUE = 50


async def conversation_menu(context: Context) -> dict[str, Any]:
    """Model, prompt and thinking of the conversation at hand."""
    return await draw(context, THREAD if context.interaction.in_thread else ME, 0)


async def draw(context: Context, level: str, page: int) -> dict[str, Any]:
    """One page of a menu."""
    shown = [item for item in ITEMS if level in item.levels]
    pages = sorted({item.page for item in shown})
    page = page if page in pages else pages[0]
    place = place_of(context.place, level)
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


def set_button(level: str, name: str, value: str, label: str) -> dict[str, Any]:
    """A button that sets one value. A value that does not fit into it is one that no item takes."""
    return components.button(encode(SET, level, name, value[:_LONGEST_VALUE]), label)


def _line(context: Context, item: Item, held: InForce | None, level: str) -> str:
    name = context.text(f"settings.name.{item.key}")
    if held is None:
        return f"{name}: {context.text('settings.value.unknown')}"
    value = value_text(context.text, item.key, held.value)
    if held.source is KINDS[level]:
        return f"**{name}**: {value}"
    source = context.text(f"settings.source.{held.source.name.lower() if held.source else 'default'}")
    return f"**{name}**: {value} ({source})"


def _select(
    context: Context, item: Item, held: InForce, level: str, *, page: int, offered: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    own = held.source is KINDS[level]
    name = context.text(f"settings.name.{item.key}")
    inherit = (INHERIT, context.text("settings.value.inherit"), not own)
    options = [
        # What is chosen hides the placeholder, so it says itself what it is about.
        components.option(
            value, shortened(f"{name}: {label}", components.OPTION_LABEL_LIMIT) if chosen else label, chosen=chosen
        )
        for value, label, chosen in (
            inherit,
            *((value, label, own and held.value == value) for value, label in offered),
        )
        if len(value) <= components.OPTION_LABEL_LIMIT
    ]
    return components.select(
        encode(CHOOSE, level, page, f"{item.service}.{item.key}"),
        options,
        placeholder=name,
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
