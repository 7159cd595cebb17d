"""A demo model on a real socket, as fast as it goes."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from sandbox.model import add_routes
from sandbox.model.engine import Engine
from sandbox.model.scripts import RuleBook
from sandbox.model.settings import ModelSettings


@pytest.fixture
def engine() -> Engine:
    """An engine with no pace and a fixed seed."""
    settings = ModelSettings(tokens_per_second=0, first_token_seconds=0)
    return Engine(settings, rules=RuleBook(random.Random(1)), rng=random.Random(2))


@pytest.fixture
async def base(engine: Engine) -> AsyncIterator[str]:
    """The address of a server with the demo model on it."""
    app = web.Application()
    add_routes(app, engine=engine)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}"
    await runner.cleanup()


@pytest.fixture
async def http(base: str) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of that server with a key."""
    async with aiohttp.ClientSession(base, headers={"Authorization": "Bearer demo"}) as session:
        yield session
