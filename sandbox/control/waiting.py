"""Waiting for a condition, so that tests never sleep."""

from collections.abc import Callable
from typing import Any

from aiohttp import web

from sandbox.control import view
from sandbox.control.context import Control, answers
from sandbox.discord import render
from sandbox.discord.checks.fields import Fields, read
from sandbox.discord.core import messages
from sandbox.discord.core.access import Actor
from sandbox.discord.core.options import find_user
from sandbox.discord.entities import JSON, Message, MessageFlag
from sandbox.discord.errors import DiscordError
from sandbox.discord.gateway.audience import permits
from sandbox.discord.rest.bodies import read_body

Check = Callable[[], Any]
_LONGEST = 300.0


def add_routes(app: web.Application, control: Control) -> None:
    """Mounts `POST /control/wait`."""

    async def wait(request: web.Request) -> Any:
        body, _, _ = await read_body(request)
        fields = read(body)
        kind = fields.choice("for", _CHECKS.keys(), required=True)
        seconds = fields.raw("timeout")
        patience = float(seconds) if isinstance(seconds, int | float) else 10.0
        fields.done()
        check, last = _CHECKS[kind](control, fields)
        fields.done()
        found = await control.until(check, min(patience, _LONGEST))
        if found is None:
            raise DiscordError(0, f"Waited {patience:g} s in vain for a {kind}", status=408, extra={"last": last()})
        return found

    app.router.add_post("/control/wait", answers(wait))


def _message(control: Control, fields: Fields) -> tuple[Check, Check]:
    world = control.world
    user_id = find_user(world, fields.raw("as", required=True))
    wanted_channel = str(fields.raw("channel", required=True))
    fields.done()
    author = fields.raw("author")
    author_id = find_user(world, author) if author else None
    after = fields.snowflake("after", default=0)
    one = fields.snowflake("id")
    count = fields.integer("count", low=1, default=1)
    component = fields.text("component")

    def fits(message: Message) -> bool:
        return (
            message.id > after
            and (one is None or message.id == one)
            and (author_id is None or message.author_id == author_id)
            and ("content" not in fields.body or message.content == fields.body["content"])
            and ("contains" not in fields.body or fields.body["contains"] in _text(message))
            and (not fields.body.get("settled") or not message.flags & MessageFlag.LOADING)
            and (component is None or _has_component(message.components, component))
        )

    def found() -> list[JSON]:
        try:
            channel = control.channel(wanted_channel, user_id)
        except DiscordError:
            return []
        seen = messages.history(world, Actor(user_id), channel.id, after=after, limit=1000) if after else None
        newest = seen if seen is not None else messages.history(world, Actor(user_id), channel.id, limit=1000)
        return [render.message(world, m, reader_id=user_id) for m in reversed(newest) if fits(m)]

    def check() -> Any:
        hits = found()
        return {"messages": hits} if len(hits) >= count else None

    def last() -> Any:
        try:
            channel = control.channel(wanted_channel, user_id)
        except DiscordError as error:
            return str(error)
        return [
            {"id": str(m.id), "author_id": str(m.author_id), "content": m.content[:200], "flags": m.flags}
            for m in messages.history(world, Actor(user_id), channel.id, limit=10)
        ]

    return check, last


def _text(message: Message) -> str:
    """Everything that is written on a message: content, embeds, components."""

    def walk(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [text for inner in value.values() for text in walk(inner)]
        if isinstance(value, list | tuple):
            return [text for inner in value for text in walk(inner)]
        return [value] if isinstance(value, str) else []

    return "\n".join([message.content, *walk(message.embeds), *walk(message.components)])


def _has_component(items: Any, prefix: str) -> bool:
    if isinstance(items, dict):
        return str(items.get("custom_id", "")).startswith(prefix) or any(
            _has_component(v, prefix) for v in items.values()
        )
    if isinstance(items, list | tuple):
        return any(_has_component(item, prefix) for item in items)
    return False


def _thread(control: Control, fields: Fields) -> tuple[Check, Check]:
    world = control.world
    message = fields.snowflake("message")
    parent = fields.raw("parent")

    def found() -> list[JSON]:
        return [
            render.thread(t)
            for guild in world.guilds.values()
            for t in guild.threads.values()
            if (message is None or t.id == message)
            and (not parent or str(parent) in (str(t.parent_id), world.channels[t.parent_id or 0].name))
            and ("name" not in fields.body or t.name == fields.body["name"])
            and ("contains" not in fields.body or fields.body["contains"] in t.name)
        ]

    return lambda: {"thread": found()[-1]} if found() else None, lambda: [
        t.name for g in world.guilds.values() for t in g.threads.values()
    ]


def _interaction(control: Control, fields: Fields) -> tuple[Check, Check]:
    world = control.world
    number = fields.snowflake("id", required=True, default=0)
    state = fields.text("state", default="acknowledged")
    fields.done()
    record = world.interactions.get(number)
    if record is None:
        raise DiscordError(10062)

    def check() -> Any:
        fits = record.state == state and (not fields.body.get("modal") or record.modal is not None)
        return view.interaction(world, record) if fits else None

    return check, lambda: view.interaction(world, record)


def _session(control: Control, fields: Fields) -> tuple[Check, Check]:
    user = fields.raw("user")
    user_id = find_user(control.world, user) if user else None
    count = fields.integer("count", low=1, default=1)

    def found() -> list[JSON]:
        return [
            s.shown()
            for s in control.hub.sessions.values()
            if s.connected and s.ready and (user_id is None or s.bot_id == user_id)
        ]

    return lambda: {"sessions": found()} if len(found()) >= count else None, lambda: [
        s.shown() for s in control.hub.sessions.values()
    ]


def _commands(control: Control, fields: Fields) -> tuple[Check, Check]:
    names = set(fields.items("names", required=True) or [])

    def known() -> set[str]:
        return {c.definition["name"] for c in control.world.commands.values()}

    return lambda: {"names": sorted(known())} if names <= known() else None, lambda: sorted(known())


def _request(control: Control, fields: Fields) -> tuple[Check, Check]:
    since = fields.integer("since", low=0, default=0)
    count = fields.integer("count", low=1, default=1)

    def found() -> list[JSON]:
        return [
            entry.shown()
            for entry in control.rest.log.entries
            if entry.number > since
            and fields.body.get("method") in (None, entry.method)
            and fields.body.get("route") in (None, entry.route)
            and fields.body.get("status") in (None, entry.status)
        ]

    return lambda: {"requests": found()} if len(found()) >= count else None, lambda: found()[-5:]


def _event(control: Control, fields: Fields) -> tuple[Check, Check]:
    world = control.world
    user_id = find_user(world, fields.raw("as", required=True))
    name = fields.text("name", required=True)
    since = fields.integer("since", low=0, default=0)
    match = fields.raw("match") or {}

    def check() -> Any:
        for event in control.events:
            meant = event.number > since and event.name == name and permits(world, event, user_id)
            if meant and all(event.data.get(key) == value for key, value in match.items()):
                return {"event": event.data, "n": event.number}
        return None

    return check, lambda: [e.name for e in list(control.events)[-10:]]


_CHECKS: dict[str, Callable[[Control, Fields], tuple[Check, Check]]] = {
    "message": _message,
    "thread": _thread,
    "interaction": _interaction,
    "session": _session,
    "commands": _commands,
    "request": _request,
    "event": _event,
}
