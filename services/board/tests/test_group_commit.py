"""Writes that share a transaction: one that fails takes nothing of the others with it, and nobody is answered early."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from services.board.settings import DatabaseSettings
from services.board.store.connection import Connection
from services.board.store.database import Database, DuplicateError
from services.board.store.migrate import migrate
from services.board.store.schema import guilds


async def test_many_at_once_with_some_that_fail(tmp_path: Path) -> None:
    database = Database(DatabaseSettings(url=SecretStr(f"sqlite:///{tmp_path / 'board.db'}")))
    try:
        await migrate(database)

        async def put(number: int) -> int:
            async def work(connection: Connection) -> int:
                row = {"guild_id": number // 2, "sequence": 0, "last_number": number}
                await connection.execute(sa.insert(guilds).values(**row))
                if number % 10 == 8:
                    raise LookupError(number)
                return number

            return await database.write(work)

        results = await asyncio.gather(*(put(number) for number in range(100)), return_exceptions=True)
        async with database.read() as connection:
            kept = set((await connection.execute(sa.select(guilds.c.last_number))).scalars())
        for number, result in enumerate(results):
            if number % 10 == 8:
                assert isinstance(result, LookupError)
            elif number % 10 == 9:
                assert result == number, "the row before it was taken back"
            elif number % 2:
                assert isinstance(result, DuplicateError)
            else:
                assert result == number
            assert (number in kept) == (result == number)
    finally:
        await database.close()


async def test_a_transaction_that_waits_for_something_else_is_refused(tmp_path: Path) -> None:
    database = Database(DatabaseSettings(url=SecretStr(f"sqlite:///{tmp_path / 'board.db'}")))
    try:
        await migrate(database)

        async def work(connection: Connection) -> None:
            await connection.execute(sa.insert(guilds).values(guild_id=1, sequence=0, last_number=0))
            await asyncio.sleep(0)

        with pytest.raises(RuntimeError, match="its database only"):
            await database.write(work)
        async with database.read() as connection:
            assert (await connection.execute(sa.select(guilds))).first() is None
    finally:
        await database.close()
