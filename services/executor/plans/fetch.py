"""Fetches a guild as it is now, as far as a plan needs it, and keeps what each call took for the estimates.

A fetcher that is given the mirror takes from there what is certain: drafts do, runs read everything from Discord.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any

from services.executor.discord.errors import Refused
from services.executor.discord.permits import Priority
from services.executor.discord.rest import Call, RestClient
from services.executor.discord.routes import Route
from services.executor.jobs.model import Fence
from services.executor.plans import schema
from services.executor.plans.choosing import Choosing, Unresolved
from services.executor.plans.latencies import Latencies
from services.executor.plans.mirrored import Mirrored
from services.executor.plans.snapshot import Channel, Member, Named, Role, Snapshot, build

_PAGE = 1_000
_BAN_PAGE = 1_000
_MESSAGES_PAGE = 100


class Fetcher:
    """Reads guilds over REST, or from the mirror where it has one."""

    def __init__(
        self,
        rest: RestClient,
        latencies: Latencies,
        *,
        members_limit: int,
        mirror: Mirrored | None = None,
        priority: Priority = Priority.FIRST,
    ) -> None:
        self._rest = rest
        self._mirror = mirror
        self._priority = priority
        self._latencies = latencies
        self._members_limit = members_limit

    async def basics(self, guild_id: int, bot_id: int, people: Iterable[int], fence: Fence | None) -> Snapshot:
        """The guild with roles and channels, and some members: what authority needs."""
        people = {*people}
        if self._mirror is not None and (known := await self._mirror.basics(guild_id, bot_id, people)) is not None:
            return known
        guild, channels, *members = await asyncio.gather(
            self._get("/guilds/{guild_id}", guild_id, fence),
            self._get("/guilds/{guild_id}/channels", guild_id, fence),
            *(self._member(guild_id, user, fence) for user in {*people, bot_id}),
        )
        snapshot = build(guild, channels, bot_id)
        snapshot.members = {member.user_id: member for member in members if member is not None}
        return snapshot

    async def everything(self, snapshot: Snapshot, document: schema.PlanDocument, fence: Fence | None) -> None:
        """Adds what the intents of a plan need."""
        wanted = needs(document)
        guild_id = snapshot.guild_id
        await asyncio.gather(*(self._add(snapshot, what, guild_id, fence) for what in sorted(wanted)))
        await self._add_messages(snapshot, document, fence)
        for intent in document.intents:
            if isinstance(intent, schema.Prune):
                await self._count_prune(snapshot, intent, fence)

    async def _add(self, snapshot: Snapshot, what: str, guild_id: int, fence: Fence | None) -> None:
        if what == "members":
            await self._add_members(snapshot, fence)
        elif what == "roles":
            found = await self._get("/guilds/{guild_id}/roles", guild_id, fence)
            snapshot.roles = {role.id: role for role in map(Role.of, found)}
        elif what == "threads":
            found = (await self._get("/guilds/{guild_id}/threads/active", guild_id, fence))["threads"]
            snapshot.threads = {thread.id: thread for thread in map(Channel.of, found)}
        elif what == "bans":
            rows = await self._get("/guilds/{guild_id}/bans", guild_id, fence, {"limit": _BAN_PAGE})
            bans = [Named(int(row["user"]["id"]), str(row["user"]["username"]), row) for row in rows]
            snapshot.bans = {ban.id: ban for ban in bans}
        elif what == "events":
            rows = await self._get("/guilds/{guild_id}/scheduled-events", guild_id, fence)
            snapshot.events = {event.id: event for event in map(Named.of, rows)}
        elif what == "rules":
            rows = await self._get("/guilds/{guild_id}/auto-moderation/rules", guild_id, fence)
            snapshot.rules = {rule.id: rule for rule in map(Named.of, rows)}
        elif what == "webhooks":
            rows = await self._get("/guilds/{guild_id}/webhooks", guild_id, fence)
            snapshot.webhooks = {hook.id: hook for hook in map(Named.of, rows)}
        elif what == "invites":
            rows = await self._get("/guilds/{guild_id}/invites", guild_id, fence)
            snapshot.invites = {str(row["code"]): Named.of(row) for row in rows}

    async def _add_members(self, snapshot: Snapshot, fence: Fence | None) -> None:
        if self._mirror is not None:
            known = await self._mirror.members(snapshot.guild_id, self._members_limit)
            if known is not None:
                snapshot.members |= known
                snapshot.all_members = len(known) < self._members_limit
                return
        after = 0
        while len(snapshot.members) < self._members_limit:
            query = {"limit": _PAGE, "after": after}
            page = [
                Member.of(raw) for raw in await self._get("/guilds/{guild_id}/members", snapshot.guild_id, fence, query)
            ]
            snapshot.members |= {member.user_id: member for member in page}
            if len(page) < _PAGE:
                snapshot.all_members = True
                return
            after = max(member.user_id for member in page)

    async def _add_messages(self, snapshot: Snapshot, document: schema.PlanDocument, fence: Fence | None) -> None:
        finder = Choosing(snapshot)
        for intent in document.intents:
            if not isinstance(intent, schema.PurgeMessages | schema.PinMessages):
                continue
            try:
                things = finder.channels(intent.targets)
            except Unresolved:
                continue
            count = intent.count if isinstance(intent, schema.PurgeMessages) else _MESSAGES_PAGE
            for thing in things:
                if thing.id.isdecimal():
                    await self._messages_of(snapshot, int(thing.id), count, fence)
                    if isinstance(intent, schema.PinMessages):
                        await self._pins_of(snapshot, int(thing.id), fence)

    async def _messages_of(self, snapshot: Snapshot, channel_id: int, count: int, fence: Fence | None) -> None:
        found: list[Mapping[str, Any]] = []
        while len(found) < count:
            wanted = min(_MESSAGES_PAGE, count - len(found))
            query: dict[str, int | str] = {"limit": wanted}
            if found:
                query["before"] = str(found[-1]["id"])
            route = Route.of("GET", "/channels/{channel_id}/messages", channel_id=channel_id)
            page = await self._call(route, snapshot.guild_id, fence, query)
            found += page
            if len(page) < wanted:
                break
        snapshot.messages[channel_id] = found

    async def _pins_of(self, snapshot: Snapshot, channel_id: int, fence: Fence | None) -> None:
        route = Route.of("GET", "/channels/{channel_id}/messages/pins", channel_id=channel_id)
        page = await self._call(route, snapshot.guild_id, fence, {"limit": 50})
        snapshot.pins[channel_id] = [item["message"] for item in page["items"]]

    async def _count_prune(self, snapshot: Snapshot, intent: schema.Prune, fence: Fence | None) -> None:
        by_name = {role.name.casefold(): role.id for role in snapshot.roles.values()}
        roles = tuple(by_name[name.casefold()] for name in intent.include_roles if name.casefold() in by_name)
        query: dict[str, int | str] = {"days": intent.days}
        if roles:
            query["include_roles"] = ",".join(map(str, roles))
        answer = await self._get("/guilds/{guild_id}/prune", snapshot.guild_id, fence, query)
        snapshot.prune_count[intent.days, roles] = int(answer["pruned"])

    async def _member(self, guild_id: int, user_id: int, fence: Fence | None) -> Member | None:
        route = Route.of("GET", "/guilds/{guild_id}/members/{user_id}", guild_id=guild_id, user_id=user_id)
        try:
            return Member.of(await self._call(route, guild_id, fence))
        except Refused as refusal:
            if refusal.gone:
                return None
            raise

    async def _get(
        self, template: str, guild_id: int, fence: Fence | None, query: Mapping[str, int | str] | None = None
    ) -> Any:
        return await self._call(Route.of("GET", template, guild_id=guild_id), guild_id, fence, query)

    async def _call(
        self, route: Route, guild_id: int, fence: Fence | None, query: Mapping[str, int | str] | None = None
    ) -> Any:
        call = Call(route, query=query or {}, priority=self._priority, guild_id=guild_id, fence=fence)
        begun = time.monotonic()
        answer = await self._rest.call(call)
        self._latencies.add(time.monotonic() - begun)
        return answer


_NEEDS: Mapping[type[Any], frozenset[str]] = {
    # Of the roles that a new or a deleted one moves Discord tells nothing, so their places are looked up.
    schema.ReorderRoles: frozenset({"roles"}),
    schema.DeleteRole: frozenset({"members"}),
    schema.GiveRole: frozenset({"members"}),
    schema.TakeRole: frozenset({"members"}),
    schema.SetNickname: frozenset({"members"}),
    schema.Timeout: frozenset({"members"}),
    schema.Kick: frozenset({"members"}),
    schema.Ban: frozenset({"members"}),
    schema.Unban: frozenset({"bans"}),
    schema.EditThread: frozenset({"threads"}),
    schema.DeleteThread: frozenset({"threads"}),
    schema.DeleteInvites: frozenset({"invites"}),
    schema.CreateWebhook: frozenset({"webhooks"}),
    schema.DeleteWebhooks: frozenset({"webhooks"}),
    schema.CreateEvent: frozenset({"events"}),
    schema.EditEvent: frozenset({"events"}),
    schema.DeleteEvent: frozenset({"events"}),
    schema.CreateAutomod: frozenset({"rules"}),
    schema.EditAutomod: frozenset({"rules"}),
    schema.DeleteAutomod: frozenset({"rules"}),
}


def needs(document: schema.PlanDocument) -> set[str]:
    """What must be fetched beyond the basics, for a plan."""
    wanted: set[str] = set()
    for intent in document.intents:
        wanted |= _NEEDS.get(type(intent), frozenset())
        text = intent.model_dump_json(exclude_none=True)
        if '"kind":"member"' in text or ('"empty"' in text and intent.op.endswith("role")):
            wanted.add("members")
    return wanted
