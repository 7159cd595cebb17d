"""What the board keeps of a guild's members beside their characters: what they follow, who is away, who is blocked."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chassis.clock import Clock
from chassis.errors import FailedPrecondition, InvalidArgument
from chassis.settings import Live
from services.board.guild_professions import GuildProfessions
from services.board.machine import Policy
from services.board.model import Actor
from services.board.problems import Problem, invalid
from services.board.rules import officers_only
from services.board.settings import BoardSettings
from services.board.store import membership, people
from services.board.store.connection import Connection
from services.board.store.database import Database
from services.board.store.people import character_record
from services.board.store.transaction import AuditEntry, Origin, Transaction
from services.board.text import clean_line, search_key

_REASON_LENGTH = 200
_BLOCKS = 1000
_PIECE_LENGTH = (2, 100)


class Memberships:
    """The members of all guilds."""

    def __init__(
        self,
        database: Database,
        settings: Live[BoardSettings],
        clock: Clock,
        professions: GuildProfessions,
        written: Callable[[], None],
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._professions = professions
        self._written = written

    async def set_vacation(self, guild_id: int, actor: Actor, until: int | None) -> None:
        """Goes away until a moment (Unix milliseconds), or comes back."""
        if until is not None and until <= self._now():
            raise invalid("that is in the past", "REQUEST_INVALID", {"until_time": Problem("past")})
        await self._set_member(guild_id, actor.user_id, actor, "vacation", name=actor.name, vacation_until=until)

    async def subscriptions(self, guild_id: int, user_id: int) -> list[tuple[str, str]]:
        """What a person follows, as (kind, value)."""
        async with self._database.read() as connection:
            return await people.subscriptions_of(connection, guild_id, user_id)

    async def set_subscription(
        self, guild_id: int, actor: Actor, kind: str, value: str, follow: bool
    ) -> list[tuple[str, str]]:
        """Follows a profession or a piece of an item's name, or stops; gives what the person follows then."""
        kept = await self._followed(guild_id, kind, value)
        current = await self.subscriptions(guild_id, actor.user_id)
        limit = self._settings.current.limits.subscriptions
        if follow and (kind, kept) not in current and len(current) >= limit:
            raise FailedPrecondition(
                f"one person may follow {limit} things",
                reason="TOO_MANY_SUBSCRIPTIONS",
                metadata={"limit": str(limit)},
            )
        row = {
            "guild_id": guild_id,
            "user_id": actor.user_id,
            "kind": kind,
            "value": kept,
            "created_at": self._now(),
        }

        async def work(connection: Connection) -> None:
            await people.set_subscription(self._database, connection, row, follow)

        await self._database.write(work)
        return await self.subscriptions(guild_id, actor.user_id)

    async def blocks(self, guild_id: int, actor: Actor) -> Sequence[Mapping[str, Any]]:
        """Who is blocked. Officers only."""
        officers_only(actor)
        async with self._database.read() as connection:
            return await people.blocked(connection, guild_id, _BLOCKS)

    async def set_block(
        self, guild_id: int, actor: Actor, user_id: int, *, name: str, blocked: bool, reason: str
    ) -> None:
        """Blocks a person from creating and claiming, or lets them back. Officers only."""
        officers_only(actor)
        reason = clean_line(reason)
        if len(reason) > _REASON_LENGTH or not 0 < user_id < 1 << 63:
            raise InvalidArgument(
                "the block cannot be set",
                reason="REQUEST_INVALID",
                fields={"user_id": "a member's snowflake", "reason": f"at most {_REASON_LENGTH} characters"},
            )
        await self._set_member(
            guild_id,
            user_id,
            actor,
            "block" if blocked else "unblock",
            name=clean_line(name)[:100],
            blocked_at=self._now() if blocked else None,
            blocked_by=actor.user_id if blocked else None,
            blocked_reason=reason if blocked else "",
        )

    async def keeps(self, guild_id: int, user_id: int) -> bool:
        """Whether anything is kept of a person that `forget` would remove."""
        async with self._database.read() as connection:
            return await membership.keeps_anything(connection, guild_id, user_id)

    async def forget(self, guild_id: int, user_id: int) -> None:
        """Removes a person's characters, subscriptions and vacation. Requests and claims are the caller's to end."""
        now = self._now()

        async def work(connection: Connection) -> None:
            owned = await people.list_characters(connection, guild_id, owner_id=user_id)
            transaction = self._transaction(connection, guild_id, Actor.system(), now)
            for character in owned:
                await people.remove_character(connection, character.character_id, now)
            await people.forget(connection, guild_id, user_id)
            entries = [
                AuditEntry("character", one.character_id, "remove", one.version + 1, character_record(one), {})
                for one in owned
            ]
            await transaction.audit(*entries, AuditEntry("member", str(user_id), "forget", 0, {}, {}))

        await self._database.write(work)
        self._written()

    async def _followed(self, guild_id: int, kind: str, value: str) -> str:
        if kind == "profession":
            found = (await self._professions.of(guild_id)).find(value)
            if found is not None:
                return found.key
            problem = "there is no such profession"
        else:
            kept = search_key(value)
            shortest, longest = _PIECE_LENGTH
            if shortest <= len(kept) <= longest:
                return kept
            problem = f"a piece of a name has {shortest} to {longest} characters"
        raise InvalidArgument(problem, reason="SUBSCRIPTION_INVALID", fields={"subscription.value": problem})

    async def _set_member(self, guild_id: int, user_id: int, actor: Actor, action: str, **values: Any) -> None:
        now = self._now()

        async def work(connection: Connection) -> None:
            row = await people.member(connection, guild_id, user_id)
            before = {name: None if row is None else row[name] for name in values}
            await people.put_member(self._database, connection, guild_id, user_id, **values)
            entry = AuditEntry("member", str(user_id), action, 0, before, values)
            await self._transaction(connection, guild_id, actor, now).audit(entry)

        await self._database.write(work)
        self._written()

    def _transaction(self, connection: Connection, guild_id: int, actor: Actor, now: int) -> Transaction:
        return Transaction(self._database, connection, guild_id, Origin(actor, now), Policy())

    def _now(self) -> int:
        return round(self._clock.now() * 1000)
