"""The menus in which people see and change settings: `/settings`, `/preferences`, and the button under an answer.

A menu carries all it needs in its custom_ids. Who may change what is decided by the service that keeps the value.
"""

from collections.abc import Callable
from typing import Any

from chassis.errors import InvalidArgument
from services.gateway import announcements
from services.gateway.context import Context
from services.gateway.menu_drawing import CHOOSE, INHERIT, SET, SHOW, TOGGLE, draw
from services.gateway.menu_items import BY_NAME, KINDS, ME, Item, plain_value, scope_of
from services.gateway.scoped_client import Plain, update


async def choose(context: Context) -> None:
    """A value was chosen in a select."""
    level, page, item = _addressed(context)
    chosen = context.selected
    if item.channels == 1:
        value: Plain = chosen[0] if chosen else ""
    elif item.channels:
        value = chosen
    else:
        value = None if chosen[:1] == (INHERIT,) else "".join(chosen[:1])
    await _change(context, level, page, item, value)


async def toggle(context: Context) -> None:
    """A switch was pressed; its custom_id says what it shall be, so that two presses at once agree."""
    level, page, item = _addressed(context)
    await _change(context, level, page, item, context.custom_id.argument(3) == "on")


async def set_value(context: Context) -> None:
    """A button that sets one value was pressed."""
    level, name, value = (context.custom_id.argument(index) for index in range(3))
    item = BY_NAME[name]
    if level not in item.levels:
        raise InvalidArgument("this can't be set there", reason="SETTING_INVALID")
    held = await update(context, item.service, scope_of(context.place, level), {item.key: plain_value(name, value)})
    await context.respond(context.text("settings.set", name=context.text(f"settings.name.{item.key}")))
    await announcements.announce(context, held)


async def show(context: Context) -> None:
    """Another page or level was asked for."""
    level, page = context.custom_id.argument(0), context.custom_id.argument(1)
    await context.update(await draw(context, level if level in KINDS else ME, int(page) if page.isdecimal() else 0))


async def _change(context: Context, level: str, page: int, item: Item, value: Plain) -> None:
    scope = scope_of(context.place, level)
    if value is None:
        held = await update(context, item.service, scope, {}, [item.key])
    else:
        held = await update(context, item.service, scope, {item.key: value})
    await context.update(await draw(context, level, page))
    await announcements.announce(context, held)


def _addressed(context: Context) -> tuple[str, int, Item]:
    custom_id = context.custom_id
    level, page = custom_id.argument(0), custom_id.argument(1)
    return level, int(page) if page.isdecimal() else 0, BY_NAME[custom_id.argument(2)]


Handlers = dict[str, Callable[[Context], Any]]
COMPONENTS: Handlers = {CHOOSE: choose, TOGGLE: toggle, SHOW: show, SET: set_value}
