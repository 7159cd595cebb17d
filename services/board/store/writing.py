"""Writing changes: rows by compare-and-set, and with them, in the same transaction, everything that follows from them.

For each change: the row, the claim's record, an event (what was before, what is after, by whom), an outbox row (what
executor is to know), the due-time index, the counts and the generation of its profession; and for the whole the
idempotency key. Either all of it is there or none.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa

from services.board.machine import due_times
from services.board.model import HELD, Action, Change, Claim, Request, State
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
_INSERT_CLAIMS, _INSERT_DUE = sa.insert(claims), sa.insert(due)
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


_COUNT = {is_sqlite: _counting(is_sqlite) for is_sqlite in (True, False)}


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
                await self._compare_and_set(change.before, change.after)
        if all(change.before is not None for change in changes):
            # The guild's lock comes as late as can be: nobody else in the guild can commit while it is held.
            await self._private_consequences(changes, result_id)
            last, _ = await self.reserve(sequences=len(changes))
            written = tuple(changes)
        else:
            last, _ = await self.reserve(sequences=len(changes))
            written = tuple([await self._placed(change) for change in changes])
            await self._private_consequences(written, result_id)
        await self._shared_consequences(last, written)
        return written

    async def created(self, change: Change) -> Request:
        """Writes a new request and gives it the guild's next number."""
        last, number = await self.reserve(sequences=1, numbers=1)
        numbered = replace(change, after=replace(change.after, number=number))
        await self._connection.execute(sa.insert(requests).values(**to_columns(numbered.after)))
        await self._private_consequences((numbered,), numbered.after.request_id)
        await self._shared_consequences(last, (numbered,))
        return numbered.after

    async def imported(self, changes: Sequence[Change], result: str) -> None:
        """Writes rows that come from a file, each with the next number of the guild, in order."""
        count = len(changes)
        last, number = await self.reserve(sequences=count, numbers=count)
        numbered = [
            replace(change, after=replace(change.after, number=number - count + 1 + index))
            for index, change in enumerate(changes)
        ]
        await self._connection.execute(sa.insert(requests), [to_columns(change.after) for change in numbered])
        await self._private_consequences(numbered, result)
        await self._shared_consequences(last, numbered)

    async def _private_consequences(self, changes: Sequence[Change], result_id: str) -> None:
        """What follows in rows that no other change of the guild touches."""
        await self._claims(changes)
        await self._due(changes)
        await self.remember(result_id)

    async def _shared_consequences(self, last_sequence: int, changes: Sequence[Change]) -> None:
        """What follows in rows that all changes of the guild share, or that are numbered through."""
        await self.record(last_sequence, [_entry(change) for change in changes])
        await self._count(changes)
        await self._items(changes)

    async def _compare_and_set(self, before: Request, after: Request) -> None:
        new = to_columns(after)
        values = {f"new_{name}": new[name] for name in _MUTABLE}
        values |= {"old_id": before.request_id, "old_version": before.version}
        if (await self._connection.execute(_COMPARE_AND_SET, values)).rowcount != 1:
            raise LostRaceError(before.request_id)

    async def _placed(self, change: Change) -> Change:
        """A new part gets the next number of its request; the guild's lock keeps others from taking the same."""
        if change.before is not None:
            return change
        highest = sa.select(sa.func.max(requests.c.part)).where(
            requests.c.guild_id == change.after.guild_id, requests.c.number == change.after.number
        )
        part = int((await self._connection.execute(highest)).scalar_one()) + 1
        placed = replace(change, after=replace(change.after, part=part))
        await self._connection.execute(sa.insert(requests).values(**to_columns(placed.after)))
        return placed

    async def _claims(self, changes: Sequence[Change]) -> None:
        begun = []
        for change in changes:
            before, after = change.before, change.after
            held_before = before.claim if before is not None and before.state in HELD else None
            held_after = after.claim if after.state in HELD else None
            if held_before and held_after and _same_hold(held_before, held_after):
                continue
            if held_before is not None:
                outcome = _OUTCOMES.get(change.action, change.action.value)
                ended = {"of": after.request_id, "ended": self._origin.at, "so": outcome}
                await self._connection.execute(_END_CLAIM, ended)
            # A part split off to be handed over comes with its claim ended already; so does an imported one.
            done_part = before is None and after.state is State.COMPLETED
            claim = held_after or (after.claim if done_part else None)
            if claim is not None:
                begun.append(
                    {
                        "request_id": after.request_id,
                        "version": after.version,
                        "guild_id": after.guild_id,
                        "crafter_id": claim.crafter_id,
                        "claimed_at": claim.claimed_at,
                        "ended_at": after.closed_at if done_part else None,
                        "outcome": "completed" if done_part else "",
                    }
                )
        if begun:
            await self._insert(_INSERT_CLAIMS, begun)

    async def _count(self, changes: Sequence[Change]) -> None:
        moved: dict[str, Counter[str]] = {}
        for change in changes:
            if change.before is not None:
                moved.setdefault(change.before.profession, Counter())[change.before.state.value] -= 1
            moved.setdefault(change.after.profession, Counter())[change.after.state.value] += 1
        for profession in sorted(moved):
            parameters: dict[str, object] = {
                f"by_{state.value}": moved[profession].get(state.value, 0) for state in State
            }
            parameters |= {"guild": self._guild_id, "of": profession}
            await self._connection.execute(_COUNT[self._database.is_sqlite], parameters)

    async def _due(self, changes: Sequence[Change]) -> None:
        moved = [{"of": change.after.request_id} for change in changes if change.before is not None]
        if moved:
            await self._connection.execute(_NOT_DUE, moved[0] if len(moved) == 1 else moved)
        rows = [
            {"request_id": change.after.request_id, "action": action.value, "guild_id": change.after.guild_id, "at": at}
            for change in changes
            for action, at in due_times(change.after, self._policy).items()
        ]
        if rows:
            await self._insert(_INSERT_DUE, rows)

    async def _items(self, changes: Sequence[Change]) -> None:
        asked: dict[tuple[str, str], tuple[str, int]] = {}
        for change in changes:
            before, after = change.before, change.after
            is_new = change.action is Action.CREATE and after.part == 0
            renamed = before is not None and (before.item, before.profession) != (after.item, after.profession)
            if is_new or renamed:
                key = search_key(after.item), after.profession
                asked[key] = after.item, asked.get(key, ("", 0))[1] + 1
        for (item_key, profession), (item, times) in sorted(asked.items()):
            statement = self._database.insert(items).values(
                guild_id=self._guild_id, item_key=item_key, profession=profession, item=item, requested=times
            )
            await self._connection.execute(
                statement.on_conflict_do_update(
                    index_elements=[items.c.guild_id, items.c.item_key, items.c.profession],
                    set_={"requested": items.c.requested + times, "item": item},
                )
            )


_OUTCOMES = {
    Action.RELEASE: "released",
    Action.TRANSFER: "transferred",
    Action.COMPLETE: "completed",
    Action.CANCEL: "cancelled",
}


def _same_hold(one: Claim, other: Claim) -> bool:
    return (one.crafter_id, one.claimed_at) == (other.crafter_id, other.claimed_at)


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
