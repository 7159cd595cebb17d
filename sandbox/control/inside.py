"""Routes that look inside, change settings and inject faults.

One class: a table of routes and, below it, a handler of a few lines for each.
"""

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from sandbox.control import view
from sandbox.control.context import Control, answers
from sandbox.discord import render
from sandbox.discord.checks.fields import Fields, as_snowflake, read
from sandbox.discord.core.guilds import add_bot
from sandbox.discord.core.interactions import expire_overdue
from sandbox.discord.entities import JSON, Message
from sandbox.discord.errors import DiscordError
from sandbox.discord.gateway.session import Session
from sandbox.discord.rest.bodies import read_body
from sandbox.discord.rest.log import RequestLog
from sandbox.discord.seed import BOT_PERMISSIONS
from sandbox.discord.world import Counts

_ACTIONS = ("reconnect", "invalid_session", "close", "silence", "no_ack", "cut", "drop", "repeat", "delay")
_FATAL = (4004, 4007, 4009, 4010, 4011, 4012, 4013, 4014)


class Inside:
    """Everything below /control that is about nobody in particular."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def add_to(self, app: web.Application) -> None:
        """Mounts the routes."""
        table: list[tuple[str, str, Callable[[web.Request], Awaitable[Any]]]] = [
            ("GET", "/control/health", self.health),
            ("GET", "/control/state", self.state),
            ("POST", "/control/reset", self.reset),
            ("GET", "/control/applications", self.applications),
            ("POST", "/control/applications", self.add_application),
            ("GET", "/control/counters", self.counters),
            ("POST", "/control/counters/reset", self.reset_counters),
            ("GET", "/control/requests", self.requests),
            ("GET", "/control/interactions", self.interactions),
            ("GET", "/control/messages/{message}/history", self.history),
            ("GET", "/control/buckets", self.buckets),
            ("GET", "/control/sessions", self.sessions),
            ("GET", "/control/settings", self.settings),
            ("PATCH", "/control/settings", self.change_settings),
            ("POST", "/control/clock", self.clock),
            ("GET", "/control/faults", self.faults),
            ("POST", "/control/faults", self.add_fault),
            ("DELETE", "/control/faults", self.clear_faults),
            ("DELETE", "/control/faults/{id}", self.remove_fault),
            ("POST", "/control/gateway", self.gateway),
        ]
        for method, path, handler in table:
            app.router.add_route(method, path, answers(handler))

    async def health(self, _request: web.Request) -> JSON:
        """Whether it serves."""
        return {"status": "serving"}

    async def state(self, _request: web.Request) -> JSON:
        """Everything there is."""
        world = self._control.world
        return {
            "users": [render.user(u) for u in world.users.values()],
            "applications": [render.application(world, a) for a in world.applications.values()],
            "guilds": [
                {
                    **render.guild(world, g),
                    "channels": [render.channel(world, c) for c in g.channels.values()],
                    "threads": [render.thread(t) for t in g.threads.values()],
                    "members": [render.member(world, m) for m in g.members.values()],
                    "bans": {str(k): v for k, v in g.bans.items()},
                    "audit_log": [render.audit_entry(e) for e in g.audit],
                }
                for g in world.guilds.values()
            ],
            "messages": {
                str(channel_id): [
                    {**render.message(world, m), "reader_id": render.id_or_none(m.reader_id)} for m in log
                ]
                for channel_id, log in world.messages.items()
            },
            "commands": [render.command(c) for c in world.commands.values()],
            "webhooks": [render.webhook(world, w, secret=False) for w in world.webhooks.values()],
        }

    async def reset(self, _request: web.Request) -> JSON:
        """Back to the seed."""
        self._control.reset()
        return {"status": "reset"}

    async def applications(self, _request: web.Request) -> list[JSON]:
        """The bots, tokens apart."""
        return [render.application(self._control.world, a) for a in self._control.world.applications.values()]

    async def add_application(self, request: web.Request) -> JSON:
        """A further bot, in those guilds with a role of its own; its token."""
        body, _, _ = await read_body(request)
        fields = read(body)
        name = fields.text("name", low=2, high=32, required=True, default="bot")
        permissions = fields.integer("permissions", low=0, default=BOT_PERMISSIONS)
        privileged = fields.boolean("privileged_intents", default=True)
        guild_ids = fields.snowflakes("guilds") or []
        fields.done()
        application = add_bot(self._control.world, name, guild_ids, permissions, privileged=privileged)
        return {"id": str(application.id), "bot_id": str(application.bot_id), "token": application.token}

    async def counters(self, _request: web.Request) -> JSON:
        """What tests want counted."""
        world, log, hub = self._control.world, self._control.rest.log, self._control.hub
        made = [i for i in world.interactions.values() if i.id > world.counts.since]
        acked = [i.ack_seconds for i in made if i.ack_seconds is not None]
        return {
            "requests": log.count,
            "by_status": {str(status): n for status, n in sorted(log.by_status.items())},
            "http_429": log.by_status[429],
            "http_429_by_bucket": dict(log.refused_by_bucket),
            "http_429_by_limit": dict(self._control.rest.limits.refusals),
            "invalid_requests": self._control.rest.limits.invalid_count(),
            "nonconforming": log.nonconforming_requests,
            "nonconforming_answers": log.nonconforming_answers,
            "messages_sent": world.counts.messages_sent,
            "messages_edited": world.counts.messages_edited,
            "duplicates": list(world.counts.duplicates),
            "deduplicated": world.counts.deduplicated,
            "interactions": {
                "count": len(made),
                "acknowledged": len(acked),
                "failed": sum(i.state == "failed" for i in made),
                "ack_ms": [round(seconds * 1000, 3) for seconds in acked],
            },
            "gateway": {
                "sessions": sum(s.connected for s in hub.sessions.values()),
                "started": hub.started,
                "resumed": hub.resumed,
                "delivered": hub.delivered,
            },
            "events": world.event_number,
        }

    async def reset_counters(self, _request: web.Request) -> JSON:
        """Starts counting anew."""
        world, rest = self._control.world, self._control.rest
        rest.log = RequestLog()
        rest.limits.refusals.clear()
        world.counts = Counts(since=world.ids.last)
        world.sent_by_bots.clear()
        return {"status": "reset"}

    async def requests(self, request: web.Request) -> list[JSON]:
        """The log, filtered."""
        arguments = read(dict(request.query))
        since = arguments.integer("since", low=0, default=0)
        limit = arguments.integer("limit", low=1, default=1000)
        status = arguments.integer("status")
        arguments.done()
        query = request.query
        found = [
            entry.shown()
            for entry in self._control.rest.log.entries
            if entry.number > since
            and query.get("method") in (None, entry.method)
            and query.get("route") in (None, entry.route)
            and status in (None, entry.status)
            and (not query.get("invalid") or "invalid" in (entry.request.verdict, entry.response.verdict))
        ]
        return found[-limit:]

    async def interactions(self, request: web.Request) -> list[JSON]:
        """Every interaction."""
        since = as_snowflake(request.query.get("since", "0")) or 0
        world = self._control.world
        return [view.interaction(world, i) for i in world.interactions.values() if i.id > since]

    async def history(self, request: web.Request) -> JSON:
        """How a message changed."""
        world = self._control.world
        number = as_snowflake(request.match_info["message"]) or 0
        message: Message | None = world.removed_messages.get(number)
        deleted = message is not None
        for log in world.messages.values():
            message = message or log.get(number)
        if message is None:
            raise DiscordError(10008)
        edits = message.edits or []
        return {
            "sent_at": message.sent_at,
            "edits": [{"at": e.at, "content": e.content, "components": list(e.components)} for e in edits],
            "deleted": deleted,
        }

    async def buckets(self, _request: web.Request) -> list[JSON]:
        """Rate-limit buckets in use."""
        return self._control.rest.limits.live()

    async def sessions(self, _request: web.Request) -> list[JSON]:
        """Gateway sessions."""
        return [session.shown() for session in self._control.hub.sessions.values()]

    # -- settings and time

    async def settings(self, _request: web.Request) -> JSON:
        """What can be changed."""
        return dataclasses.asdict(self._control.rest.settings)

    async def change_settings(self, request: web.Request) -> JSON:
        """Changes it."""
        body, _, _ = await read_body(request)
        fields = read(body)
        settings = self._control.rest.settings
        for name in ("strict", "check_answers", "rate_limits", "identify_limit"):
            setattr(settings, name, fields.boolean(name, default=getattr(settings, name)))
        settings.max_concurrency = fields.integer("max_concurrency", low=1, default=settings.max_concurrency)
        settings.shards = fields.integer("shards", low=1, default=settings.shards)
        settings.heartbeat_ms = fields.integer("heartbeat_ms", low=100, default=settings.heartbeat_ms)
        latency = fields.raw("latency_ms")
        if isinstance(latency, int | float) and latency >= 0:
            settings.latency_ms = float(latency)
        for name in fields.body:
            if not hasattr(settings, name):
                fields.fail(name, "BASE_TYPE_INVALID", "There is no such setting")
        fields.done()
        starts = self._control.world.session_starts
        starts.enforced = settings.identify_limit
        starts.max_concurrency, starts.recommended_shards = settings.max_concurrency, settings.shards
        return dataclasses.asdict(settings)

    async def clock(self, request: web.Request) -> JSON:
        """Moves time forward."""
        body, _, _ = await read_body(request)
        fields = read(body)
        seconds = fields.raw("advance", required=True)
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or seconds < 0:
            fields.fail("advance", "NUMBER_TYPE_MIN", "A number of seconds, 0 or more")
        fields.done()
        self._control.advance(float(seconds))
        expire_overdue(self._control.world)
        self._control.wake()
        return {"now": self._control.world.now()}

    # -- faults

    async def faults(self, _request: web.Request) -> list[JSON]:
        """The rules."""
        return [fault.shown() for fault in self._control.rest.faults.rules.values()]

    async def add_fault(self, request: web.Request) -> JSON:
        """Adds one."""
        body, _, _ = await read_body(request)
        return self._control.rest.faults.add(read(body)).shown()

    async def clear_faults(self, _request: web.Request) -> JSON:
        """Removes all."""
        self._control.rest.faults.rules.clear()
        return {"status": "cleared"}

    async def remove_fault(self, request: web.Request) -> JSON:
        """Removes one."""
        if self._control.rest.faults.rules.pop(request.match_info["id"], None) is None:
            raise DiscordError(0, "There is no such fault", status=404)
        return {"status": "removed"}

    async def gateway(self, request: web.Request) -> JSON:
        """Does something to sessions."""
        body, _, _ = await read_body(request)
        fields = read(body)
        action = fields.choice("action", _ACTIONS, required=True)
        wanted = fields.text("session")
        seconds = fields.raw("seconds")
        span = float(seconds) if isinstance(seconds, int | float) else 5.0
        code = fields.integer("code", low=1000, high=4999, default=4000)
        count = fields.integer("count", low=0, default=1)
        fields.done()
        struck = [s for s in self._control.hub.sessions.values() if wanted in (None, s.id) and s.connected]
        for session in struck:
            self._strike(session, action, fields, span=span, code=code, count=count)
        return {"sessions": [session.id for session in struck]}

    def _strike(self, session: Session, action: str, fields: Fields, *, span: float, code: int, count: int) -> None:
        now = self._control.world.clock.monotonic()
        faults = session.faults
        if action == "reconnect":
            session.operate(7, None, now)
        elif action == "invalid_session":
            resumable = fields.boolean("resumable", default=False)
            session.operate(9, resumable, now)
            session.awaiting_resume = resumable
            if not resumable:
                self._control.hub.sessions.pop(session.id, None)
        elif action == "close" and session.close is not None:
            session.close(code, "Closed by the sandbox.")
            if code in _FATAL:
                self._control.hub.sessions.pop(session.id, None)
        elif action == "cut" and session.cut is not None:
            session.cut()
        elif action == "silence":
            faults.silent_until = faults.unacknowledged_until = now + span
        elif action == "no_ack":
            faults.unacknowledged_until = now + span
        elif action in ("drop", "repeat"):
            setattr(faults, action, count)
            faults.only = fields.text("event")
        elif action == "delay":
            faults.delay = span
