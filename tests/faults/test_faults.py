"""What was acknowledged is never lost and never done twice, whatever is taken away for a while; people are told."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from chassis.settings.shared import SERVICES
from sandbox.control.client import Refused
from tests.faults.conftest import UNWELL_AFTER, Stage
from tests.faults.load import Load
from tests.support.redis_full import FULL
from views.catalogue import texts

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

CUT_SECONDS, FULL_SECONDS = 20.0, 14.0
SENTENCES = [text for key, text in texts().table("en").items() if key.startswith("error.")]


async def quiet(stage: Stage) -> None:
    """Everything is ready, counted from nothing, and said nothing yet."""
    await stage.platform.all_ready()
    await stage.sandbox.reset_counters()


async def logged(stage: Stage, since: str, contains: str) -> dict[str, Any]:
    """What the log channel says after a message of it."""
    found = await stage.sandbox.wait(
        "message", as_="owner", channel=stage.log_channel, after=since, contains=contains, timeout=60
    )
    message: dict[str, Any] = found["messages"][0]
    return message


async def newest(stage: Stage) -> str:
    """The newest message of the log channel; "0" where there is none."""
    said = await stage.sandbox.messages("owner", stage.log_channel, limit=1)
    return str(said[0]["id"]) if said else "0"


def clear(told: list[str]) -> bool:
    """Whether each private sentence is one of the catalogue's."""
    return all(any(text.split("{")[0][:30] in said for text in SENTENCES) for said in told)


async def test_every_service_is_restarted_under_load(stage: Stage) -> None:
    await quiet(stage)
    before = await newest(stage)
    took = []
    async with Load(stage.sandbox) as load:
        for service in SERVICES:
            began = time.monotonic()
            await stage.platform.restart(service)
            await stage.platform.all_ready()
            took.append(time.monotonic() - began)
    await load.answered()
    assert len(load.taken) > 10
    assert clear(load.told), load.told
    # A restart is nothing to tell; on a machine so busy that one takes as long as an outage, it is.
    assert await newest(stage) == before or max(took) > UNWELL_AFTER


@pytest.mark.parametrize("store", ["durable", "limits"])
async def test_a_store_is_restarted_under_load(stage: Stage, store: str) -> None:
    await quiet(stage)
    async with Load(stage.sandbox) as load:
        await _grows(load, len(load.taken))
        stage.stores[store].kill()
        await asyncio.sleep(1)
        stage.stores[store].start()
        taken = len(load.taken)
        await _grows(load, taken)
    await load.answered()
    assert clear(load.told), load.told


@pytest.mark.parametrize("part", ["llm", "board", "ratelimit", "durable", "limits"])
async def test_the_network_of_a_part_is_cut(stage: Stage, part: str) -> None:
    await quiet(stage)
    before = await newest(stage)
    async with Load(stage.sandbox) as load:
        await _grows(load, len(load.taken))
        async with stage.proxies[part].cut():
            await asyncio.sleep(CUT_SECONDS)
        await _grows(load, len(load.taken))
    await load.answered()
    assert clear(load.told), load.told
    name = texts().text("en", f"health.part.{part}")
    back = await logged(stage, before, f"{name}** works again")
    said = [m["content"] for m in await stage.sandbox.messages("owner", stage.log_channel, after=before)]
    assert sum(f"{name}** works again" in each for each in said) == 1, said
    assert back["author"]["id"] == await stage.guild.bot_id()
    if part in ("llm", "board"):  # what tells is itself not held up by the cut
        assert sum(f"{name}** stopped working" in each for each in said) == 1, said


async def test_the_way_to_executor_is_cut(stage: Stage) -> None:
    await quiet(stage)
    async with Load(stage.sandbox) as load:
        await _grows(load, len(load.taken))
        async with stage.proxies["executor"].cut():
            await asyncio.sleep(CUT_SECONDS)
        await _grows(load, len(load.taken))
    await load.answered()
    assert load.told  # nothing could be taken on meanwhile, and people were told so
    assert clear(load.told), load.told


@pytest.mark.parametrize("what", sorted(FULL))
async def test_the_durable_store_is_full(stage: Stage, what: str) -> None:
    await quiet(stage)
    before = await newest(stage)
    async with Load(stage.sandbox) as load:
        await _grows(load, len(load.taken))
        async with FULL[what](stage.stores["durable"]):
            await asyncio.sleep(FULL_SECONDS)
        await _grows(load, len(load.taken))
    await load.answered()
    assert load.told
    assert clear(load.told), load.told
    await logged(stage, before, texts().text("en", "health.part.durable"))


async def test_postgres_is_restarted_under_load(stage: Stage) -> None:
    if stage.postgres is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql): its restart was not tried")
    await quiet(stage)
    items = [f"Flask of Trial {number}" for number in range(4)]

    async def make(item: str) -> None:
        """A person asks for something, and once more whenever the board says that it did not work."""
        while not await _requested(stage, item):
            await asyncio.sleep(0.5)

    async with asyncio.timeout(120):
        await asyncio.gather(*(make(item) for item in items[:3]))
        stage.postgres.stop()
        during = asyncio.create_task(make(items[3]))
        await asyncio.sleep(1)
        stage.postgres.start()
        await during
    used = await stage.sandbox.command(stage.guild.me, "general", "board mine", {})
    # Its text alone: a menu below it names each request once more.
    listed = (await _shown(stage, used))["embeds"][0]["description"]
    assert [listed.count(item) for item in items] == [1, 1, 1, 1], listed


async def _grows(load: Load, taken: int, patience: float = 60.0) -> None:
    """Questions are taken on again."""
    deadline = time.monotonic() + patience
    while len(load.taken) <= taken + 3:
        assert time.monotonic() < deadline, f"nothing is taken on any more: {load.told[-3:]} {load.unheard}"
        await asyncio.sleep(0.2)


async def _requested(stage: Stage, item: str) -> bool:
    """Asks the board for something; whether the answer shows it."""
    try:
        used = await stage.sandbox.command(stage.guild.me, "general", "request quick", {"text": f"1x {item} @alchemy"})
    except Refused:
        return False
    return used["state"] == "acknowledged" and item in json.dumps(await _shown(stage, used), ensure_ascii=False)


async def _shown(stage: Stage, used: dict[str, Any]) -> dict[str, Any]:
    """What a person sees in answer to a command."""
    found = await stage.sandbox.wait(
        "message", as_=stage.guild.me, channel="general", id=used["message_id"], settled=True, timeout=30
    )
    message: dict[str, Any] = found["messages"][0]
    return message
