"""Routes by which a test or the page acts as a person.

One class: a table of routes and, below it, a handler of a few lines for each; what they do is in `discord.core`.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import WSMsgType, web

from sandbox.control import view
from sandbox.control.context import Control, answers
from sandbox.discord import render
from sandbox.discord.checks.fields import Fields, as_snowflake, read
from sandbox.discord.core import commands, founding, guilds, interactions, people
from sandbox.discord.core.access import Actor
from sandbox.discord.core.options import find_user
from sandbox.discord.entities import JSON, Channel, Command, Interaction, User
from sandbox.discord.errors import DiscordError, field_error
from sandbox.discord.events import Event
from sandbox.discord.gateway.audience import person_sees
from sandbox.discord.limits import INTERACTIONS
from sandbox.discord.rest.bodies import read_body
from sandbox.discord.rest.pipeline import to_response
from sandbox.discord.rest.router import Call
from sandbox.discord.rest.unbuilt import find
from sandbox.discord.seed import BOT_PERMISSIONS
from sandbox.discord.world import World

_AS = "/control/as/{person}"


class Acting:
    """Everything below /control/as, and the people themselves."""

    def __init__(self, control: Control) -> None:
        self._control = control

    @property
    def _world(self) -> World:
        return self._control.world

    def add_to(self, app: web.Application) -> None:
        """Mounts the routes."""
        table: list[tuple[str, str, Callable[[web.Request], Awaitable[Any]]]] = [
            ("GET", "/control/people", self.people),
            ("POST", "/control/people", self.add_person),
            ("PATCH", "/control/people/{person}", self.edit_person),
            ("GET", _AS + "/guilds", self.guilds),
            ("POST", _AS + "/guilds", self.found),
            ("DELETE", _AS + "/guilds/{guild}", self.close),
            ("GET", _AS + "/dms", self.directs),
            ("GET", _AS + "/channels/{channel}/commands", self.commands),
            ("POST", _AS + "/channels/{channel}/commands", self.use_command),
            ("POST", _AS + "/channels/{channel}/autocomplete", self.autocomplete),
            ("POST", _AS + "/messages/{message}/components", self.use_component),
            ("GET", _AS + "/interactions/{id}", self.interaction),
            ("POST", _AS + "/interactions/{id}/modal", self.submit),
            ("GET", _AS + "/events", self.events),
        ]
        for method, path, handler in table:
            app.router.add_route(method, path, answers(handler))
        app.router.add_route("*", _AS + "/api/{tail:.*}", answers(self.rest))

    # -- people

    async def people(self, _request: web.Request) -> list[JSON]:
        """Everyone."""
        return [render.user(user) for user in self._world.users.values()]

    async def add_person(self, request: web.Request) -> JSON:
        """A new person, who joins guilds."""
        body, _, _ = await read_body(request)
        fields = read(body)
        name = fields.text("username", low=2, high=32, required=True)
        joins = [(g.snowflake("id", required=True), g.items("roles") or []) for g in fields.children("guilds")]
        fields.done()
        if any(user.username == name for user in self._world.users.values()):
            raise field_error("username", "USERNAME_ALREADY_TAKEN", "Username is unavailable.")
        person = User(self._world.new_id(), name, fields.text("global_name"))
        self._world.users[person.id] = person
        for guild_id, wanted in joins:
            guild = self._world.guild(guild_id)
            by_name = {role.name: role.id for role in guild.roles.values()}
            roles = [as_snowflake(r) or by_name.get(str(r), 0) for r in wanted]
            if any(role not in guild.roles for role in roles):
                raise DiscordError(10011)
            guilds.add_member(self._world, guild, person.id, roles)
        return render.user(person)

    async def edit_person(self, request: web.Request) -> JSON:
        """Whether they take direct messages, their language, and the applications that they carry along."""
        body, _, _ = await read_body(request)
        fields = read(body)
        takes = fields.boolean("direct_messages")
        locale = fields.text("locale", low=2, high=10)
        apps = fields.items("apps")
        fields.done()
        person = self._world.users[self._control.person(request)]
        if takes is not None:
            (self._world.closed_direct.discard if takes else self._world.closed_direct.add)(person.id)
        if locale is not None:
            person.locale = locale
        if apps is not None:
            person.apps = {each for each in map(as_snowflake, apps) if each}
        return render.user(person)

    # -- seeing

    async def guilds(self, request: web.Request) -> list[JSON]:
        """What they see."""
        return view.guilds(self._world, self._control.person(request))

    async def found(self, request: web.Request) -> JSON:
        """A new guild of theirs, which bots join on wish."""
        user_id = self._control.person(request)
        body, _, _ = await read_body(request)
        fields = read(body)
        name = fields.text("name", low=1, required=True, default="")
        with_bots = fields.boolean("bots", default=True)
        wished = fields.snowflakes("applications")
        fields.done()
        known = self._world.applications
        if any(number not in known for number in wished or ()):
            raise DiscordError(10002)
        chosen = [known[number] for number in (known if wished is None else dict.fromkeys(wished))]
        guild = founding.found(self._world, user_id, name, chosen if with_bots else [], BOT_PERMISSIONS)
        return view.guild(self._world, guild, user_id)

    async def close(self, request: web.Request) -> JSON:
        """Deletes a guild that they own."""
        founding.close(self._world, self._control.person(request), as_snowflake(request.match_info["guild"]) or 0)
        return {"status": "deleted"}

    async def directs(self, request: web.Request) -> list[JSON]:
        """Their direct channels."""
        return view.direct(self._world, self._control.person(request))

    # -- any REST route as that person

    async def rest(self, request: web.Request) -> web.StreamResponse:
        """One of Discord's own routes, done as the person."""
        actor = Actor(self._control.person(request), None)
        body, uploads, _ = await read_body(request)
        tail = request.match_info["tail"]
        path = "/" + (tail.split("/", 1)[1] if tail.startswith(("v10/", "v9/")) else tail)
        if path.startswith("/channels/"):
            head, _, rest = path.removeprefix("/channels/").partition("/")
            if as_snowflake(head) is None:
                path = f"/channels/{self._control.channel(head, actor.user_id).id}" + (f"/{rest}" if rest else "")
        route, params = find(request.method, path)
        call = Call(self._world, actor, route, params, dict(request.query), body, uploads)
        reply = self._control.rest.perform(call)
        return to_response(reply, {})

    # -- interactions

    def _channel(self, request: web.Request, user_id: int) -> Channel:
        return self._control.channel(request.match_info["channel"], user_id)

    async def commands(self, request: web.Request) -> list[JSON]:
        """The commands they may use there."""
        user_id = self._control.person(request)
        kind = request.query.get("type")
        found = commands.usable(
            self._world, self._channel(request, user_id), user_id, int(kind) if kind and kind.isdecimal() else None
        )
        return [render.command(command) for command in found]

    def _find(self, channel: Channel, user_id: int, fields: Fields) -> tuple[Command, list[str]]:
        kind = fields.integer("type", low=1, high=3, default=1)
        number = fields.snowflake("command_id")
        name = str(fields.text("name", low=1, required=number is None, default=""))
        fields.done()
        for command in commands.usable(self._world, channel, user_id, kind):
            own = command.definition["name"]
            if number is not None and command.id != number:
                continue
            if kind == 1 and (name == own or name.startswith(own + " ")):
                return command, name.split()[1:]
            if name == own or number == command.id:
                return command, []
        raise DiscordError(10063)

    async def use_command(self, request: web.Request) -> JSON:
        """A slash, user or message command."""
        user_id = self._control.person(request)
        channel = self._channel(request, user_id)
        body, numbered, named = await read_body(request)
        fields = read(body)
        command, path = self._find(channel, user_id, fields)
        target = fields.raw("target_id")
        target_id = None
        if target:
            target_id = find_user(self._world, target) if command.definition["type"] == 2 else as_snowflake(target)
        uploads = {name: files[0] for name, files in named.items()} | {str(u.index): u for u in numbered}
        used = people.use_command(
            self._world,
            user_id,
            channel,
            command,
            path=path,
            options=fields.body.get("options") or {},
            target_id=target_id,
            uploads=uploads,
        )
        return await self._answer(request, used)

    async def autocomplete(self, request: web.Request) -> JSON:
        """The choices that the bot offers."""
        user_id = self._control.person(request)
        channel = self._channel(request, user_id)
        body, _, _ = await read_body(request)
        fields = read(body)
        command, path = self._find(channel, user_id, fields)
        focused = fields.text("focused", low=1, required=True)
        fields.done()
        asked = people.autocomplete(
            self._world, user_id, channel, command, path=path, options=fields.body.get("options") or {}, focused=focused
        )
        await self._settled(asked, INTERACTIONS.acknowledge_seconds)
        return {"choices": asked.choices or [], "interaction": view.interaction(self._world, asked)}

    async def use_component(self, request: web.Request) -> JSON:
        """A button or a select."""
        user_id = self._control.person(request)
        number = as_snowflake(request.match_info["message"]) or 0
        body, _, _ = await read_body(request)
        fields = read(body)
        custom_id = fields.text("custom_id", low=1, required=True)
        values = fields.items("values")
        fields.done()
        for channel_id, log in self._world.messages.items():
            message = log.get(number)
            if message is not None:
                channel = self._control.channel(str(channel_id), user_id)
                if message.reader_id not in (None, user_id):
                    break
                used = people.use_component(self._world, user_id, channel, message, custom_id=custom_id, values=values)
                return await self._answer(request, used)
        raise DiscordError(10008)

    def _own(self, request: web.Request) -> Interaction:
        found = self._world.interactions.get(as_snowflake(request.match_info["id"]) or 0)
        if found is None or found.user_id != self._control.person(request):
            raise DiscordError(10062)
        return found

    async def submit(self, request: web.Request) -> JSON:
        """Submits a modal."""
        opener = self._own(request)
        body, _, named = await read_body(request)
        fields = read(body)
        values = fields.raw("values")
        used = people.submit_modal(
            self._world, opener.user_id, opener, values if isinstance(values, dict) else {}, named
        )
        return await self._answer(request, used)

    async def interaction(self, request: web.Request) -> JSON:
        """What became of one."""
        return view.interaction(self._world, self._own(request))

    async def _answer(self, request: web.Request, record: Interaction) -> JSON:
        asyncio.get_running_loop().call_later(INTERACTIONS.acknowledge_seconds, self._expire, record)
        try:
            patience = float(request.query.get("wait", "0"))
        except ValueError as error:
            raise field_error("wait", "NUMBER_TYPE_COERCE", "wait is a number of seconds") from error
        if patience > 0:
            await self._settled(record, min(patience, 60.0))
        return view.interaction(self._world, record)

    def _expire(self, record: Interaction) -> None:
        interactions.expire(self._world, record)

    async def _settled(self, record: Interaction, patience: float) -> None:
        await self._control.until(lambda: True if record.state != "pending" else None, patience)

    # -- the live stream

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Everything that the person's client would get, from now on."""
        user_id = self._control.person(request)
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        queue: asyncio.Queue[str] = asyncio.Queue()
        world = self._world

        def offer(event: Event) -> None:
            if person_sees(world, event, user_id):
                queue.put_nowait(json.dumps({"t": event.name, "d": event.data, "n": event.number}, ensure_ascii=False))

        queue.put_nowait(json.dumps({"t": "SNAPSHOT", "d": view.snapshot(world, user_id)}, ensure_ascii=False))
        end = world.subscribe(offer)
        writer = asyncio.create_task(_write(socket, queue))
        try:
            async for message in socket:
                if message.type is WSMsgType.ERROR:
                    break
        finally:
            end()
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        return socket


async def _write(socket: web.WebSocketResponse, queue: "asyncio.Queue[str]") -> None:
    try:
        while True:
            await socket.send_str(await queue.get())
    except (ConnectionError, RuntimeError):
        return
