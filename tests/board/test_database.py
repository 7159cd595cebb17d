"""What the database keeps: migrations on data, one board to a file, and a board that is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from functools import partial
from pathlib import Path

import grpc
import pytest
import sqlalchemy as sa
from guildhall.board.v1 import request_pb2 as pb
from guildhall.board.v1 import request_pb2_grpc
from pydantic import SecretStr

from chassis.caller import Person, acting_for
from chassis.caller_signing import Signer
from chassis.clock import SystemClock
from chassis.errors import FailedPrecondition, GuildhallError
from chassis.rpc.channel import Channel, open_channel
from chassis.testing import TestKeys
from services.board.settings import DatabaseSettings
from services.board.store import history as store_history
from services.board.store import listing
from services.board.store.database import Database
from services.board.store.migrate import migrate, newest
from services.board.store.rows import replayed
from tests.board.conftest import CONFIGURATION, GUILD, Start
from tests.board.test_requests import create, transition
from tests.support import eventually, free_port


async def open_database(url: str) -> Database:
    return Database(DatabaseSettings(url=SecretStr(url)))


async def test_migrations_go_up_and_down_on_data(start: Start, database_url: str) -> None:
    async with start(database_url) as world, world.person(1) as ann, world.person(2) as bob:
        request = await create(ann, quantity=2)
        await transition(bob, request.request_id, "CLAIM")
    database = await open_database(database_url)
    try:
        assert await migrate(database) == newest()
        assert await migrate(database, "0001") == "0001"
        async with database.read() as connection:
            kept = await listing.get(connection, GUILD, request.request_id)
            assert kept is not None and kept.quantity == 2
            history = await store_history.afters(connection, GUILD, request.request_id)
            assert replayed(history) == kept, "every event list replays to the row"
        assert await migrate(database) == newest()
        assert await migrate(database, "base") == "base"
        assert await migrate(database) == newest()
    finally:
        await database.close()
    async with start(database_url) as world, world.person(1) as ann:
        assert (await create(ann)).number == 1, "the board starts anew on what the migrations made"


async def test_a_database_of_a_newer_version_is_left_alone(database_url: str) -> None:
    database = await open_database(database_url)
    try:
        await migrate(database)
        newer = sa.text("UPDATE alembic_version SET version_num = '9999'")
        await database.write(lambda connection: connection.execute(newer))
        with pytest.raises(FailedPrecondition, match="9999"):
            await migrate(database)
    finally:
        await database.close()


async def test_a_second_board_is_kept_off_a_sqlite_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'board.db'}"
    first = await open_database(url)
    try:
        with pytest.raises(GuildhallError, match="PostgreSQL"):
            await open_database(url)
    finally:
        await first.close()


async def ask(channel: Channel, number: int) -> pb.CreateRequestResponse | None:
    """Asks for something under a key; None while nobody answers."""
    stub = request_pb2_grpc.RequestServiceStub(channel)
    draft = pb.RequestDraft(item="Flask of Power")
    with acting_for(Person(1, GUILD, (), 0, "Ann")):
        try:
            answer: pb.CreateRequestResponse = await stub.CreateRequest(
                pb.CreateRequestRequest(guild_id=GUILD, idempotency_key=f"key {number}", draft=draft), timeout=5
            )
        except grpc.aio.AioRpcError:
            return None
        return answer


async def claim(channel: Channel, request_id: str) -> pb.Request:
    """Claims something under a key; gives it as it is then."""
    stub = request_pb2_grpc.RequestServiceStub(channel)
    with acting_for(Person(2, GUILD, (), 0, "Bob")):
        answer: pb.TransitionRequestResponse = await stub.TransitionRequest(
            pb.TransitionRequestRequest(
                guild_id=GUILD,
                request_id=request_id,
                action=pb.REQUEST_ACTION_CLAIM,
                idempotency_key=f"claim {request_id}",
            ),
            timeout=5,
        )
    return answer.request


async def test_what_was_acknowledged_survives_kill_9(database_url: str, redis_url: str, tmp_path: Path) -> None:
    keys, configuration, port = tmp_path / "keys", tmp_path / "guildhall.yaml", free_port()
    keys.mkdir()
    for service in ("gateway", "executor", "board"):
        (keys / f"{service}.key").write_text(TestKeys().keys(service)[0].hex())
    configuration.write_text(CONFIGURATION)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "GUILDHALL_CONFIG": str(configuration),
        "GUILDHALL_CALLERS__KEYS_DIR": str(keys),
        "GUILDHALL_RPC__PORTS__BOARD": str(port),
    }

    async def started() -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(sys.executable, "-m", "services.board", env=environment)

    process = await started()
    try:
        made: list[pb.Request] = []
        for attempt in range(3):
            channel = open_channel(f"127.0.0.1:{port}", "board", Signer("gateway", TestKeys(), SystemClock()))
            for earlier, request in enumerate(made):
                answer = await eventually(partial(ask, channel, earlier), timeout=30)
                assert answer is not None and answer.duplicate and answer.request == request
            answer = await eventually(partial(ask, channel, attempt), timeout=30)
            assert answer is not None
            assert answer.request.number == attempt + 1
            claimed = await claim(channel, answer.request.request_id)
            process.send_signal(signal.SIGKILL)
            await process.wait()
            assert claimed.state == pb.REQUEST_STATE_CLAIMED
            made.append(claimed)
            await channel.close()
            process = await started()
    finally:
        process.kill()
        await process.wait()
