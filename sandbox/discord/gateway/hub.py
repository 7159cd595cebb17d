"""All gateway sessions of a sandbox: starting, resuming, and handing every event to those that get it."""

import json
import secrets
from typing import Any

from sandbox.discord import render
from sandbox.discord.entities import JSON, Application, Guild
from sandbox.discord.events import CARRIES_CONTENT, PRIVILEGED, Event, Intent
from sandbox.discord.gateway.audience import blanked, content_hidden, on_shard, permits, shard_of, wanted
from sandbox.discord.gateway.session import Session
from sandbox.discord.limits import GATEWAY
from sandbox.discord.world import World

# Privileged intent -> the application flags that grant it.
_GRANTS = {
    int(Intent.GUILD_PRESENCES): (1 << 12) | (1 << 13),
    int(Intent.GUILD_MEMBERS): (1 << 14) | (1 << 15),
    int(Intent.MESSAGE_CONTENT): (1 << 18) | (1 << 19),
}


def dump(data: Any) -> str:
    """JSON as it travels."""
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False)


class Hub:
    """Sessions by id; subscribes to the world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sessions: dict[str, Session] = {}
        self.started = 0
        self.resumed = 0
        self.delivered = 0
        self.unsubscribe = world.subscribe(self.deliver)

    def deliver(self, event: Event) -> None:
        """Hands an event to every session that gets it; its JSON is made once per variant."""
        texts: dict[bool, str] = {}
        allowed: dict[int, bool] = {}
        now = self.world.clock.monotonic()
        for session in self.sessions.values():
            if (
                not session.ready
                or not on_shard(event, session.shard)
                or not wanted(event, session.intents, session.bot_id)
            ):
                continue
            if session.bot_id not in allowed:
                allowed[session.bot_id] = permits(self.world, event, session.bot_id)
            if not allowed[session.bot_id]:
                continue
            hidden = event.name in CARRIES_CONTENT and content_hidden(event, session.intents, session.bot_id)
            if hidden not in texts:
                texts[hidden] = dump(blanked(event.data) if hidden else event.data)
            session.dispatch(event.name, texts[hidden], now)
            self.delivered += 1

    def forget_expired(self) -> None:
        """Drops sessions that have been gone for too long to resume."""
        now = self.world.clock.monotonic()
        for session in list(self.sessions.values()):
            if not session.connected and now - session.disconnected_at > GATEWAY.resume_seconds:
                del self.sessions[session.id]

    def start(self, application: Application, intents: int, shard: tuple[int, int], large_threshold: int) -> Session:
        """A new session; not ready yet."""
        self.forget_expired()
        session = Session(secrets.token_hex(16), application.bot_id, application.token, intents, shard, large_threshold)
        session.connected = True
        self.sessions[session.id] = session
        self.started += 1
        return session

    def greet(self, session: Session, application: Application) -> None:
        """READY and what follows it."""
        now = self.world.clock.monotonic()
        guilds = [
            g
            for g in self.world.guilds.values()
            if session.bot_id in g.members and shard_of(g.id, session.shard[1]) == session.shard[0]
        ]
        session.dispatch("READY", dump(self._ready(session, application, guilds)), now)
        session.ready = True
        if session.intents & Intent.GUILDS:
            for guild in guilds:
                session.dispatch("GUILD_CREATE", dump(self._guild(session, guild)), now)

    def _ready(self, session: Session, application: Application, guilds: list[Guild]) -> JSON:
        return {
            "v": 10,
            "user": render.own_user(self.world.users[session.bot_id]),
            "guilds": [{"id": str(g.id), "unavailable": True} for g in guilds],
            "session_id": session.id,
            "session_type": "normal",
            "resume_gateway_url": self.world.base_url.replace("http", "ws", 1),
            "shard": list(session.shard),
            "application": {"id": str(application.id), "flags": application.flags},
            "private_channels": [],
            "relationships": [],
            "presences": [],
            "guild_join_requests": [],
            "geo_ordered_rtc_regions": [],
            "user_settings_proto": "",
            "_trace": ["guildhall-sandbox"],
        }

    def _guild(self, session: Session, guild: Guild) -> JSON:
        data = render.guild_create(self.world, guild, session.bot_id)
        data["large"] = len(guild.members) > session.large_threshold
        if not session.intents & Intent.GUILD_PRESENCES or data["large"]:
            data["members"] = [render.member(self.world, guild.members[session.bot_id])]
        return data

    def resume(self, session_id: str, token: str) -> Session | None:
        """A session that can go on; None where it cannot."""
        self.forget_expired()
        session = self.sessions.get(session_id)
        return session if session is not None and secrets.compare_digest(session.token, token) else None

    def members(self, session: Session, request: JSON) -> list[JSON]:
        """The chunks that answer a request for guild members."""
        guild_id = int(request["guild_id"])
        guild = self.world.guilds.get(guild_id)
        if guild is None or session.bot_id not in guild.members:
            return []
        not_found: list[str] = []
        wanted_ids = request.get("user_ids")
        if wanted_ids is not None:
            ids = [int(i) for i in (wanted_ids if isinstance(wanted_ids, list) else [wanted_ids])]
            ids = ids[: GATEWAY.request_members_user_ids]
            found = [guild.members[i] for i in ids if i in guild.members]
            not_found = [str(i) for i in ids if i not in guild.members]
        else:
            query = str(request.get("query") or "").lower()
            limit = int(request.get("limit") or 0)
            if not query and limit == 0 and not session.intents & Intent.GUILD_MEMBERS:
                return []
            found = [
                m
                for m in guild.members.values()
                if self.world.users[m.user_id].username.lower().startswith(query)
                or (m.nick or "").lower().startswith(query)
            ]
            if query or limit:
                found = found[: min(limit or 100, 100)]
        size = GATEWAY.member_chunk
        pages = [found[at : at + size] for at in range(0, len(found), size)] or [[]]
        chunks = []
        for index, page in enumerate(pages):
            chunk: JSON = {
                "guild_id": str(guild_id),
                "members": [render.member(self.world, m) for m in page],
                "chunk_index": index,
                "chunk_count": len(pages),
            }
            if not_found:
                chunk["not_found"] = not_found
            if request.get("presences"):
                chunk["presences"] = []
            if request.get("nonce") is not None:
                chunk["nonce"] = str(request["nonce"])[:32]
            chunks.append(chunk)
        return chunks

    @staticmethod
    def disallowed(application: Application, intents: int) -> bool:
        """Whether the application asks for a privileged intent that it was not granted."""
        return any(
            intents & bit and not application.flags & flags for bit, flags in _GRANTS.items() if bit & PRIVILEGED
        )
