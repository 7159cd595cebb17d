"""Many people at once do whatever comes to their minds: all that the database holds then agrees with itself."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from typing import Any

import grpc
import pytest
import sqlalchemy as sa
from guildhall.board.v1 import request_pb2 as pb
from pydantic import SecretStr

from chassis.errors import from_rpc_error
from services.board.machine import due_times
from services.board.model import ACTIVE, HELD, Request
from services.board.rules import configured_rules
from services.board.settings import BoardSettings, DatabaseSettings
from services.board.store import schema
from services.board.store.database import Database
from services.board.store.rows import from_record, replayed
from tests.board.conftest import GUILD, Client, Start

PEOPLE, STEPS, TIMEOUT = 8, 40, 20
POLICY = configured_rules(BoardSettings()).policy
ACTIONS = (
    "CLAIM", "CLAIM", "RELEASE", "TRANSFER", "AWAIT_MATERIALS", "RECEIVE_MATERIALS", "READY", "COMPLETE", "CANCEL",
    "EXTEND", "SPLIT", "EDIT",
)  # fmt: skip


async def somebody(client: Client, user_id: int, dice: random.Random, known: list[str]) -> int:
    """Does this and that with few requests that everybody is at; gives how much of it was done."""
    done = 0
    for step in range(STEPS):
        if not known or dice.random() < 0.1:
            draft = pb.RequestDraft(item=f"Thing {dice.randrange(3)}", quantity=dice.randrange(1, 6), profession="bs")
            made = await client.requests.CreateRequest(
                pb.CreateRequestRequest(guild_id=GUILD, draft=draft), timeout=TIMEOUT
            )
            known.append(made.request.request_id)
            done += 1
            continue
        ask = pb.TransitionRequestRequest(
            guild_id=GUILD,
            request_id=dice.choice(known[-6:]),
            action=pb.RequestAction.Value(f"REQUEST_ACTION_{dice.choice(ACTIONS)}"),
            quantity=dice.choice((0, 0, 1, 2)),
            heir_id=dice.randrange(1, PEOPLE + 1),
            heir_name="Heir",
            idempotency_key=dice.choice(("", f"{user_id}/{step}")),
        )
        if ask.action == pb.REQUEST_ACTION_EDIT:
            ask.draft.CopyFrom(pb.RequestDraft(item=f"Other {step}", quantity=2, profession="alchemy"))
        try:
            answer = await client.requests.TransitionRequest(ask, timeout=TIMEOUT)
        except grpc.aio.AioRpcError as error:
            assert from_rpc_error(error).reason in {"REQUEST_INVALID", "CONTENDED"}, error
            continue
        if answer.HasField("request"):
            done += 1
            if answer.request.request_id not in known:
                known.append(answer.request.request_id)
    return done


async def rows_of(database: Database, table: sa.Table) -> list[dict[str, Any]]:
    """A table as it is."""
    async with database.read() as connection:
        return [dict(row) for row in (await connection.execute(sa.select(table))).mappings().all()]


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_history_replays_to_its_row_whoever_was_at_it_together(
    start: Start, database_url: str, seed: int
) -> None:
    known: list[str] = []

    async def as_person(world: Any, user_id: int) -> int:
        async with world.person(user_id, officer=user_id == 1) as client:
            return await somebody(client, user_id, random.Random(f"{seed}/{user_id}"), known)

    async with start(database_url) as world:
        done = sum(await asyncio.gather(*(as_person(world, user_id) for user_id in range(1, PEOPLE + 1))))
    assert done > STEPS
    database = Database(DatabaseSettings(url=SecretStr(database_url)))
    try:
        tables = {
            table.name: await rows_of(database, table)
            for table in (schema.requests, schema.events, schema.outbox, schema.claims, schema.due, schema.boards)
        }
    finally:
        await database.close()
    requests = {row["request_id"]: from_record(row) for row in tables["requests"]}
    events = sorted(tables["events"], key=lambda row: int(row["sequence"]))
    assert [row["sequence"] for row in events] == list(range(1, len(events) + 1)), "no hole, nothing twice"
    assert {row["sequence"] for row in tables["outbox"]} == {row["sequence"] for row in events}
    for request_id, request in requests.items():
        own = [json.loads(row["after"]) for row in events if row["subject_id"] == request_id]
        assert replayed(own) == request
        assert len(own) == request.version
        held = [row for row in tables["claims"] if row["request_id"] == request_id and row["ended_at"] is None]
        assert [row["crafter_id"] for row in held] == holder(request)
        due = {row["action"]: row["at"] for row in tables["due"] if row["request_id"] == request_id}
        assert due == {action.value: at for action, at in due_times(request, POLICY).items()}
    counted: Counter[tuple[str, str]] = Counter()
    for request in requests.values():
        counted[request.profession, request.state.value] += 1
    states = [state.value for state in type(next(iter(requests.values())).state)]
    kept = {(row["profession"], state): row[state] for row in tables["boards"] for state in states if row[state]}
    assert kept == dict(counted)
    assert len({(one.number, one.part) for one in requests.values()}) == len(requests)
    assert all((one.closed_at is None) == (one.state in ACTIVE) for one in requests.values())


def holder(request: Request) -> list[int]:
    """Who holds a request, as the table of claims would say it."""
    return [request.claim.crafter_id] if request.state in HELD and request.claim is not None else []
