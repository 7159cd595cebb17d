"""Makes the call of one operation, and finds out what happened where that is not known.

Nothing that may have happened is blindly repeated. Every call carries a mark in the guild's audit log. A creation whose
outcome is unknown is looked for there, then among what exists (name, kind, place, and made since the intent); only when
it cannot turn up any more is it made again. Edits and deletions are repeated: they do nothing twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any

import structlog

from chassis.clock import Clock
from services.executor.discord.api import snowflake_at
from services.executor.discord.errors import OutcomeUnknown, Refused
from services.executor.discord.permits import Priority
from services.executor.discord.rest import Call, RestClient
from services.executor.discord.routes import Route
from services.executor.jobs.model import Fence
from services.executor.plans.kinds import Effect, Kind
from services.executor.plans.operation import Operation, resolved
from services.executor.plans.settings import PlanSettings
from services.executor.plans.shared_looks import SharedLooks
from services.executor.plans.table import kind_of

_log = structlog.get_logger(__name__)

_CLOCK_SLACK_SECONDS = 5.0
_NONCE_LIMIT = 25


class Performer:
    """Makes the calls of one run."""

    def __init__(
        self,
        rest: RestClient,
        settings: PlanSettings,
        clock: Clock,
        *,
        plan_id: str,
        guild_id: int,
        fence: Fence,
        bot_id: int,
    ) -> None:
        self._rest = rest
        self._settings = settings
        self._clock = clock
        self._plan_id = plan_id
        self._guild_id = guild_id
        self._fence = fence
        self._bot_id = bot_id
        self._looks = SharedLooks()

    def mark(self, operation: Operation) -> str:
        """What the guild's audit log shows for an operation."""
        return f"op={self._plan_id}.{operation.id}"

    async def make(
        self, operation: Operation, results: Mapping[str, str], why: str, passage: AbstractAsyncContextManager[Any]
    ) -> tuple[str, Any]:
        """Makes the call; gives the id of what was created and the answer. Raises what `errors` names.

        `passage` is entered once the permit is there, just before the call travels.
        """
        kind = kind_of(operation)
        body = resolved(operation.body, results)
        repeatable = kind.effect is not Effect.CREATE
        if operation.kind == "thread.message":
            # A message is the one creation that Discord itself does not make twice.
            body = {**body, "nonce": f"{self._plan_id}{operation.id}"[:_NONCE_LIMIT], "enforce_nonce": True}
            repeatable = True
        call = Call(
            self._route(kind, operation, results),
            body,
            query=operation.query,
            reason=f"{self.mark(operation)} {why}" if kind.reason else "",
            priority=Priority.BULK,
            guild_id=self._guild_id,
            target_message_id=int(operation.path.get("message_id", "0")),
            fence=self._fence,
            max_wait=self._settings.wait_at_most_seconds,
            repeatable=repeatable,
            retries=0,
            passage=passage,
        )
        try:
            answer = await self._rest.call(call)
        except Refused as refusal:
            if kind.effect is Effect.DELETE and refusal.gone:
                return "", None
            raise
        return (str(answer[kind.result]) if kind.result and isinstance(answer, dict) else ""), answer

    async def find(
        self,
        operation: Operation,
        results: Mapping[str, str],
        *,
        intended: float,
        until: float,
        taken: Callable[[], set[str]],
    ) -> str | None:
        """The id of what an operation of unknown outcome has created; None where it has created nothing.

        It is looked for again until `until` (Unix seconds): the call may still be under way in Discord.
        """
        while True:
            marked, listed = await asyncio.gather(
                self._in_audit_log(operation), self._in_listing(operation, results, intended, taken())
            )
            found = marked or listed
            if found or self._clock.now() >= until:
                _log.info("plan.reconciled", plan_id=self._plan_id, operation=operation.id, found=found)
                return found
            await asyncio.sleep(self._settings.settle_poll_seconds)

    def _route(self, kind: Kind, operation: Operation, results: Mapping[str, str]) -> Route:
        return Route.of(kind.method, kind.template, **resolved(operation.path, results))

    async def _in_audit_log(self, operation: Operation) -> str | None:
        kind = kind_of(operation)
        if not kind.audit_action or not kind.reason:
            return None
        query = {"action_type": kind.audit_action, "user_id": self._bot_id, "limit": 100}
        try:
            log = await self._look("/guilds/{guild_id}/audit-logs", {"guild_id": self._guild_id}, query)
        except Refused as refusal:
            # Not everywhere may the bot read it; the listing must do.
            _log.info("plan.audit_log_hidden", guild_id=self._guild_id, why=str(refusal))
            return None
        marks = (f"{self.mark(operation)} ", self.mark(operation))
        for entry in log.get("audit_log_entries") or ():
            reason = str(entry.get("reason") or "")
            if reason.startswith(marks[0]) or reason == marks[1]:
                if kind.result == "code":
                    return _changed(entry, "code")
                return str(entry["target_id"])
        return None

    async def _in_listing(
        self, operation: Operation, results: Mapping[str, str], intended: float, taken: set[str]
    ) -> str | None:
        listing = _LISTINGS.get(operation.kind)
        if listing is None:
            raise OutcomeUnknown(f"{operation.kind} cannot be looked up")
        template, parameter, same = listing
        value = self._guild_id if parameter == "guild_id" else resolved(operation.path, results)[parameter]
        answer = await self._look(template, {parameter: value}, {})
        things = answer["threads"] if isinstance(answer, dict) else answer
        body = resolved(operation.body, results)
        since = snowflake_at(intended - _CLOCK_SLACK_SECONDS)
        for thing in things:
            name = str(thing.get("code") or thing.get("id"))
            recent = "code" in thing or int(thing["id"]) >= since
            if recent and name not in taken and same(thing, body, self._bot_id, intended):
                return name
        return None

    async def _look(self, template: str, parameters: Mapping[str, Any], query: Mapping[str, Any]) -> Any:
        """A listing, fetched once for all who want it at the same moment."""
        key = f"{template} {sorted(parameters.items())} {sorted(query.items())}"
        return await self._looks.get(key, lambda: self._get(template, parameters, query))

    async def _get(self, template: str, parameters: Mapping[str, Any], query: Mapping[str, Any]) -> Any:
        call = Call(
            Route.of("GET", template, **parameters),
            query=query,
            priority=Priority.BULK,
            guild_id=self._guild_id,
            fence=self._fence,
        )
        return await self._rest.call(call)


def same_thing(operation: Operation) -> str:
    """A fingerprint of what a creation makes: equal ones can only be told apart by their marks."""
    body = operation.body if isinstance(operation.body, dict) else {}
    told_by = [body.get("name"), body.get("type"), body.get("parent_id"), sorted(operation.path.items())]
    return f"{operation.kind} {told_by}"


def _changed(entry: Mapping[str, Any], key: str) -> str | None:
    return next((str(c.get("new_value")) for c in entry.get("changes") or () if c.get("key") == key), None)


def _name(value: Any) -> str:
    return str(value or "").casefold().replace(" ", "-")


def _same_channel(thing: Mapping[str, Any], body: Mapping[str, Any], bot_id: int, intended: float) -> bool:
    place = str(thing.get("parent_id") or "") == str(body.get("parent_id") or "")
    return place and thing.get("type") == body.get("type", 0) and _name(thing.get("name")) == _name(body.get("name"))


def _same_name(thing: Mapping[str, Any], body: Mapping[str, Any], bot_id: int, intended: float) -> bool:
    return bool(thing.get("name") == body.get("name"))


def _same_invite(thing: Mapping[str, Any], body: Mapping[str, Any], bot_id: int, intended: float) -> bool:
    mine = str((thing.get("inviter") or {}).get("id")) == str(bot_id)
    made = datetime.fromisoformat(str(thing["created_at"])).timestamp() if thing.get("created_at") else 0.0
    alike = thing.get("max_age") == body.get("max_age") and thing.get("max_uses") == body.get("max_uses")
    return mine and alike and made >= intended - _CLOCK_SLACK_SECONDS


_Same = Callable[[Mapping[str, Any], Mapping[str, Any], int, float], bool]
_LISTINGS: Mapping[str, tuple[str, str, _Same]] = {
    "channel.create": ("/guilds/{guild_id}/channels", "guild_id", _same_channel),
    "role.create": ("/guilds/{guild_id}/roles", "guild_id", _same_name),
    "thread.create": ("/guilds/{guild_id}/threads/active", "guild_id", _same_name),
    "post.create": ("/guilds/{guild_id}/threads/active", "guild_id", _same_name),
    "invite.create": ("/channels/{channel_id}/invites", "channel_id", _same_invite),
    "webhook.create": ("/channels/{channel_id}/webhooks", "channel_id", _same_name),
    "event.create": ("/guilds/{guild_id}/scheduled-events", "guild_id", _same_name),
    "emoji.create": ("/guilds/{guild_id}/emojis", "guild_id", _same_name),
    "automod.create": ("/guilds/{guild_id}/auto-moderation/rules", "guild_id", _same_name),
}
