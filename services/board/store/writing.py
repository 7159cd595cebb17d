"""Writing changes: rows by compare-and-set, and with them, in the same transaction, everything that follows from them.

For each change: the row, the claim's record, an event (what was before, what is after, by whom), an outbox row (what
executor is to know), the due-time index, the counts and the generation of its profession; and for the whole the
idempotency key. Either all of it is there or none.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import sqlalchemy as sa

from services.board.machine import due_times
from services.board.model import HELD, Action, Change, Claim, Request, State
from services.board.store.connection import Write
from services.board.store.rows import difference, to_columns, to_record
from services.board.store.schema import boards, claims, due, items, requests
from services.board.store.transaction import INSERTS, AuditEntry, Transaction
from services.board.text import search_key

# Statements are made once: putting one together costs more than running it.
_MUTABLE = (
    "item", "item_key", "quantity", "profession", "quality", "materials", "note", "tip", "character_id", "state",
    "version", "crafter_id", "crafter_name", "crafter_character_id", "claimed_at", "nudged_at", "release_at", "due_at",
    "due_order", "expires_at", "reminded_at", "updated_at", "closed_at",
)  # fmt: skip
_COMPARE_AND_SET = (
    sa.update(requests)
    .where(requests.c.request_id == sa.bindparam("old_id"), requests.c.version == sa.bindparam("old_version"))
    .values({name: sa.bindparam(f"new_{name}") for name in _MUTABLE})
)
_INSERT_REQUEST, _INSERT_CLAIM, _INSERT_DUE = sa.insert(requests), sa.insert(claims), sa.insert(due)
_END_CLAIM = (
    sa.update(claims)
    .where(claims.c.request_id == sa.bindparam("of"), claims.c.ended_at.is_(None))
    .values(ended_at=sa.bindparam("ended"), outcome=sa.bindparam("so"))
)
_NOT_DUE = sa.delete(due).where(due.c.request_id == sa.bindparam("of"))


def _counting(is_sqlite: bool) -> sa.Executable:
    by = {state.value: sa.bindparam(f"by_{state.value}", type_=sa.BigInteger) for state in State}
    statement = INSERTS[is_sqlite](boards).values(
        guild_id=sa.bindparam("guild"), profession=sa.bindparam("of"), generation=1, **by
    )
    made: sa.Executable = statement.on_conflict_do_update(
        index_elements=[boards.c.guild_id, boards.c.profession],
        set_={name: boards.c[name] + delta for name, delta in by.items()} | {"generation": boards.c.generation + 1},
    )
    return made


def _asking(is_sqlite: bool) -> sa.Executable:
    named, times = sa.bindparam("named", type_=sa.String), sa.bindparam("times", type_=sa.BigInteger)
    statement = INSERTS[is_sqlite](items).values(
        guild_id=sa.bindparam("guild"),
        item_key=sa.bindparam("key"),
        profession=sa.bindparam("of"),
        item=named,
        requested=times,
    )
    made: sa.Executable = statement.on_conflict_do_update(
        index_elements=[items.c.guild_id, items.c.item_key, items.c.profession],
        set_={"requested": items.c.requested + times, "item": named},
    )
    return made


_COUNT = {is_sqlite: _counting(is_sqlite) for is_sqlite in (True, False)}
_ASK_FOR = {is_sqlite: _asking(is_sqlite) for is_sqlite in (True, False)}


class LostRaceError(Exception):
    """Somebody else changed the row first; nothing was written."""


class RequestTransaction(Transaction):
    """One that writes requests."""

    async def changes(self, changes: Sequence[Change], result_id: str) -> tuple[Change, ...]:
        """Writes what the machine decided; gives the changes as written, new parts with the number that they got.

        LostRaceError where a row is no longer what the decision was made from.
        """
        for change in changes:
            if change.before is not None:
                await self._compare_and_set(change, change.before)
        # The guild's lock comes as late as can be: nobody else in the guild can commit while it is held.
        last, _ = await self.reserve(sequences=len(changes))
        written = tuple([await self._placed(change) for change in changes])
        await self._connection.together(self._consequences(last, written, result_id))
        return written

    async def created(self, change: Change) -> Request:
        """Writes a new request and gives it the guild's next number."""
        last, number = await self.reserve(sequences=1, numbers=1)
        numbered = replace(change, after=replace(change.after, number=number))
        await self._connection.together(self._consequences(last, (numbered,), numbered.after.request_id))
        return numbered.after

    async def imported(self, changes: Sequence[Change], result: str) -> None:
        """Writes rows that come from a file, each with the next number of the guild, in order."""
        count = len(changes)
        last, number = await self.reserve(sequences=count, numbers=count)
        numbered = [
            replace(change, after=replace(change.after, number=number - count + 1 + index))
            for index, change in enumerate(changes)
        ]
        await self._connection.together(self._consequences(last, numbered, result))

    async def _compare_and_set(self, change: Change, before: Request) -> None:
        """Changes a row that is there, and takes away what it no longer implies."""
        new = to_columns(change.after)
        values = {f"new_{name}": new[name] for name in _MUTABLE}
        values |= {"old_id": before.request_id, "old_version": before.version}
        gone: list[Write] = [(_COMPARE_AND_SET, values), (_NOT_DUE, {"of": before.request_id})]
        if _ended(change):
            outcome = _OUTCOMES.get(change.action, change.action.value)
            gone.append((_END_CLAIM, {"of": before.request_id, "ended": self._origin.at, "so": outcome}))
        if await self._connection.together(gone) != 1:
            raise LostRaceError(before.request_id)

    async def _placed(self, change: Change) -> Change:
        """A new part gets the next number of its request; the guild's lock keeps others from taking the same."""
        if change.before is not None:
            return change
        highest = sa.select(sa.func.max(requests.c.part)).where(
            requests.c.guild_id == change.after.guild_id, requests.c.number == change.after.number
        )
        part = int((await self._connection.execute(highest)).scalar_one()) + 1
        return replace(change, after=replace(change.after, part=part))

    def _consequences(self, last_sequence: int, changes: Sequence[Change], result: str) -> list[Write]:
        """Everything that follows from changes that hold: new rows, what they imply, what is told, what is counted."""
        return [
            *((_INSERT_REQUEST, to_columns(change.after)) for change in changes if change.before is None),
            *((_INSERT_CLAIM, begun) for change in changes if (begun := _begun(change)) is not None),
            *self._due(changes),
            *self.remembered(result),
            *self.recorded(last_sequence, [_entry(change) for change in changes]),
            *self._counted(changes),
            *self._asked_for(changes),
        ]

    def _due(self, changes: Sequence[Change]) -> Iterator[Write]:
        for change in changes:
            request = change.after
            for action, at in due_times(request, self._policy).items():
                row = {"request_id": request.request_id, "action": action.value, "guild_id": request.guild_id, "at": at}
                yield _INSERT_DUE, row

    def _counted(self, changes: Sequence[Change]) -> Iterator[Write]:
        moved: dict[str, Counter[str]] = {}
        for change in changes:
            if change.before is not None:
                moved.setdefault(change.before.profession, Counter())[change.before.state.value] -= 1
            moved.setdefault(change.after.profession, Counter())[change.after.state.value] += 1
        for profession in sorted(moved):
            by_state = {f"by_{state.value}": moved[profession].get(state.value, 0) for state in State}
            yield _COUNT[self._database.is_sqlite], {**by_state, "guild": self._guild_id, "of": profession}

    def _asked_for(self, changes: Sequence[Change]) -> Iterator[Write]:
        asked: dict[tuple[str, str], tuple[str, int]] = {}
        for change in changes:
            before, after = change.before, change.after
            is_new = change.action is Action.CREATE and after.part == 0
            renamed = before is not None and (before.item, before.profession) != (after.item, after.profession)
            if is_new or renamed:
                key = search_key(after.item), after.profession
                asked[key] = after.item, asked.get(key, ("", 0))[1] + 1
        for (item_key, profession), (item, times) in sorted(asked.items()):
            values = {"guild": self._guild_id, "key": item_key, "of": profession, "named": item, "times": times}
            yield _ASK_FOR[self._database.is_sqlite], values


_OUTCOMES = {
    Action.RELEASE: "released",
    Action.TRANSFER: "transferred",
    Action.COMPLETE: "completed",
    Action.CANCEL: "cancelled",
}


def _holds(change: Change) -> tuple[Claim | None, Claim | None]:
    """The claim that held before a change and the one that holds after it."""
    before, after = change.before, change.after
    return (
        before.claim if before is not None and before.state in HELD else None,
        after.claim if after.state in HELD else None,
    )


def _same_hold(one: Claim, other: Claim) -> bool:
    return (one.crafter_id, one.claimed_at) == (other.crafter_id, other.claimed_at)


def _ended(change: Change) -> bool:
    """Whether a claim ended with a change."""
    before, after = _holds(change)
    return before is not None and (after is None or not _same_hold(before, after))


def _begun(change: Change) -> dict[str, object] | None:
    """The row of a claim that begins with a change."""
    held_before, claim = _holds(change)
    if held_before is not None and claim is not None and _same_hold(held_before, claim):
        return None
    after = change.after
    # A part split off to be handed over comes with its claim ended already; so does an imported one.
    done = change.before is None and after.state is State.COMPLETED
    claim = claim or (after.claim if done else None)
    if claim is None:
        return None
    return {
        "request_id": after.request_id,
        "version": after.version,
        "guild_id": after.guild_id,
        "crafter_id": claim.crafter_id,
        "claimed_at": claim.claimed_at,
        "ended_at": after.closed_at if done else None,
        "outcome": "completed" if done else "",
    }


def _entry(change: Change) -> AuditEntry:
    before, after = difference(change.before, change.after)
    payload = {
        "action": change.action.value,
        "request": to_record(change.after),
        "before": before,
        "detail": change.detail,
    }
    return AuditEntry(
        "request",
        change.after.request_id,
        change.action.value,
        change.after.version,
        before,
        after,
        change.detail,
        payload,
    )
