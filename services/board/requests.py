"""Requests as the outside wants them changed: checked, decided, written.

A change is decided on what was read without any lock and written by compare-and-set; where somebody was faster it is
decided again on what is there now, so the loser of a race gets an answer about the fresh row.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from chassis.clock import Clock
from chassis.errors import Unavailable
from chassis.ids import is_id, new_id
from chassis.settings import Live
from services.board import answered
from services.board.answered import fingerprint
from services.board.drafts import DAY_MS, Problems, RawDraft, checked
from services.board.lookup import ProfessionsBook
from services.board.machine import Command, Decision, NewPart, Policy, allowed, created
from services.board.model import Action, Actor, Change, Draft, Refused, Request, Why
from services.board.problems import Problem, invalid
from services.board.rules import RuleBook
from services.board.settings import BoardSettings
from services.board.store import listing, people
from services.board.store.connection import Connection
from services.board.store.database import Database, DuplicateError
from services.board.store.transaction import Origin, Transaction
from services.board.store.writing import LostRaceError, RequestTransaction
from services.board.transitions import decide

_ATTEMPTS = 16


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a change. `duplicate` where the idempotency key had been used: then nothing new was done."""

    result: Request | Refused
    duplicate: bool = False
    changes: tuple[Change, ...] = ()


class Requests:
    """Changes the requests of all guilds."""

    def __init__(
        self,
        database: Database,
        settings: Live[BoardSettings],
        clock: Clock,
        *,
        rules: RuleBook,
        professions: ProfessionsBook,
        written: Callable[[], None],
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._rules = rules
        self._professions = professions
        self._written_signal = written

    async def create(self, guild_id: int, raw: RawDraft, actor: Actor, key: str) -> Outcome:
        """Puts a request on the board, once per key. InvalidArgument (REQUEST_INVALID) with every wrong field."""
        mark = fingerprint(key, "create", actor.user_id, asdict(raw))
        earlier = await self._earlier(guild_id, key, mark, actor)
        if earlier is not None:
            return Outcome(earlier, duplicate=True)
        draft = await self._checked(guild_id, raw, actor)
        rules = await self._rules.of(guild_id)
        refused = await self._turned_away(guild_id, actor, rules.open_per_person)
        if refused is not None:
            return Outcome(refused)
        now = self._now()
        change = created(draft, actor, guild_id, request_id=new_id(now / 1000), now=now, policy=rules.policy)
        origin = Origin(actor, now, key, mark)

        async def work(connection: Connection) -> Request:
            transaction = RequestTransaction(self._database, connection, guild_id, origin, rules.policy)
            return await transaction.created(change)

        try:
            made = await self._database.write(work)
        except DuplicateError:
            # The same key, at the same time: the other one was faster, and it is the same request.
            earlier = await self._earlier(guild_id, key, mark, actor)
            if earlier is None:
                raise
            return Outcome(earlier, duplicate=True)
        self._written_signal()
        return Outcome(made, changes=(change,))

    async def transition(
        self,
        guild_id: int,
        request_id: str,
        command: Command,
        actor: Actor,
        key: str,
        *,
        raw: RawDraft | None = None,
    ) -> Outcome:
        """Does one thing to one request, once per key; or says why not, with the request as it is now.

        `raw` is what an edit makes of it. InvalidArgument (REQUEST_INVALID) with every field of it that is wrong.
        """
        mark = fingerprint(key, request_id, actor.user_id, asdict(command), asdict(raw) if raw else None)
        answered.check_key(key)
        self._check(command)
        if not is_id(request_id):
            return Outcome(Refused(Why.UNKNOWN_REQUEST))
        rules = await self._rules.of(guild_id)

        async def look(connection: Connection) -> Outcome | Request:
            found = await listing.standing(connection, guild_id, request_id, key=key, user_id=actor.user_id)
            if found.earlier is not None:
                said = await answered.again(
                    connection, guild_id, found.earlier, mark, request_id=request_id, actor=actor
                )
                if said is not None:
                    return Outcome(said, duplicate=True)
            if command.action is Action.CLAIM and found.blocked is not None:
                return Outcome(Refused(Why.BLOCKED, detail=found.blocked))
            if command.character_id and command.action in (Action.CLAIM, Action.NAME_CHARACTER):
                await self._require_own(connection, guild_id, command.character_id, actor, "character_id")
            return found.request or Outcome(Refused(Why.UNKNOWN_REQUEST))

        for _ in range(_ATTEMPTS):
            found = await self._database.look(look)
            if isinstance(found, Outcome):
                return found
            now = self._now()
            if raw is not None and Action.EDIT is command.action in allowed(found, actor):
                command = replace(command, draft=await self._checked(guild_id, raw, actor, found))
            decision = decide(found, command, actor, now, policy=rules.policy, part=NewPart(new_id(now / 1000), 0))
            origin = Origin(actor, now, key, mark)
            if isinstance(decision, Refused):
                said = await self._said_no(decision, origin, guild_id)
            else:
                said = await self._written(decision, origin, guild_id)
            if said is not None:
                return said
        raise Unavailable("the request keeps changing", reason="CONTENDED", retry_after=0.2)

    @property
    def batch_limit(self) -> int:
        """How many transitions one call may carry."""
        return self._settings.current.limits.batch

    async def _written(self, decision: Decision, origin: Origin, guild_id: int) -> Outcome | None:
        """Writes a decision; None where somebody else was faster, by the row or by the key."""
        rules = await self._rules.of(guild_id)

        async def work(connection: Connection) -> tuple[Change, ...]:
            transaction = RequestTransaction(self._database, connection, guild_id, origin, rules.policy)
            return await transaction.changes(decision.changes, decision.result.request_id)

        try:
            changes = await self._database.write(work)
        except (LostRaceError, DuplicateError):
            return None
        self._written_signal()
        result = next(change.after for change in changes if change.after.request_id == decision.result.request_id)
        return Outcome(result, changes=changes)

    async def _said_no(self, refused: Refused, origin: Origin, guild_id: int) -> Outcome | None:
        """Keeps a no under its key; None where the same was being done at the same time."""
        if origin.key and refused.why in answered.KEPT:

            async def work(connection: Connection) -> None:
                await answered.remember(Transaction(self._database, connection, guild_id, origin, Policy()), refused)

            try:
                await self._database.write(work)
            except DuplicateError:
                return None
        return Outcome(refused)

    async def _earlier(self, guild_id: int, key: str, mark: str, actor: Actor) -> Request | Refused | None:
        answered.check_key(key)
        if not key:
            return None
        return await self._database.look(
            lambda connection: answered.earlier(connection, guild_id, key, mark, actor=actor)
        )

    def _check(self, command: Command) -> None:
        """What no state of a request could make right."""
        wrong: dict[str, str] = {}
        latest = self._now() + self._settings.current.limits.due_days * DAY_MS
        for field, moment in (("due_time", command.due_at), ("expire_time", command.expires_at)):
            if moment is not None and moment > latest:
                wrong[field] = Problem("too_far", days=self._settings.current.limits.due_days)
        if command.action is Action.TRANSFER and not 0 < command.heir_id < 1 << 63:
            wrong["heir_id"] = "a member's snowflake"
        if wrong:
            raise invalid("that cannot be done", "REQUEST_INVALID", wrong)

    async def _checked(self, guild_id: int, raw: RawDraft, actor: Actor, was: Request | None = None) -> Draft:
        """The draft, checked; `was` is the request that it changes."""
        if raw.character_id and (was is None or raw.character_id != was.character_id):
            async with self._database.read() as connection:
                await self._require_own(connection, guild_id, raw.character_id, actor, "draft.character_id")
        professions, limits = await self._professions.of(guild_id), self._settings.current.limits
        try:
            return checked(raw, professions, limits, self._now(), due_was=None if was is None else was.due_at)
        except Problems as problems:
            raise invalid(
                "the request cannot be put on the board as it is",
                "REQUEST_INVALID",
                {f"draft.{name}": text for name, text in problems.fields.items()},
            ) from problems

    async def _require_own(
        self, connection: Connection, guild_id: int, character_id: str, actor: Actor, field: str
    ) -> None:
        found = await people.get_character(connection, guild_id, character_id) if is_id(character_id) else None
        if found is None or found.owner_id != actor.user_id:
            raise invalid("there is no such character", "REQUEST_INVALID", {field: Problem("no_character")})

    async def _turned_away(self, guild_id: int, actor: Actor, most_open: int) -> Refused | None:
        async def look(connection: Connection) -> Refused | None:
            reason = await people.why_blocked(connection, guild_id, actor.user_id)
            if reason is not None:
                return Refused(Why.BLOCKED, detail=reason)
            if await listing.count_active(connection, guild_id, actor.user_id) >= most_open:
                return Refused(Why.TOO_MANY_OPEN, limit=most_open)
            return None

        return await self._database.look(look)

    def _now(self) -> int:
        return round(self._clock.now() * 1000)
