"""Jobs that were given up, on a real Redis, by the module and by the command that operators use."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio as redis

from chassis.errors import FailedPrecondition, NotFound
from services.executor.jobs import keys
from services.executor.jobs.dead_letters import DeadLetters
from services.executor.jobs.model import Job, Journal
from services.executor.jobs.redis_store import JobStore
from services.executor.jobs.settings import JobSettings
from services.executor.tests.harness import Scripted, a_job, worker
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[3]


@pytest.fixture
def letters(client: redis.Redis, job_settings: JobSettings) -> DeadLetters:
    """The dead letters."""
    return DeadLetters(client, job_settings)


async def given_up(client: redis.Redis, store: JobStore, settings: JobSettings, *jobs: Job) -> None:
    """Has jobs fail until they are given up, each after one step that its journal knows."""

    async def fail(job: Job, journal: Journal) -> None:
        if "step" not in await journal.read():
            await journal.write({"step": "one"})
        raise RuntimeError("poison")

    for event, job in enumerate(jobs):
        await store.submit(job, event_id=event)
    async with worker(client, settings, Scripted(fail)):
        await eventually(lambda: _buried(store, len(jobs)))


async def _buried(store: JobStore, count: int) -> bool:
    return await store.dead_count() == count


async def test_a_job_that_is_put_back_goes_on_where_it_was(
    client: redis.Redis, store: JobStore, job_settings: JobSettings, letters: DeadLetters
) -> None:
    job = a_job(payload=b"what to do")
    await given_up(client, store, job_settings, job)
    (letter,) = await letters.list()
    assert (letter.job, letter.reason) == (job, f"{job_settings.max_attempts} attempts without progress")
    seen: list[tuple[Job, dict[str, bytes]]] = []
    failures = iter(range(job_settings.max_attempts - 1))

    async def go_on(found: Job, journal: Journal) -> None:
        # Its attempts are counted anew: one failure less than the limit is still borne.
        if next(failures, None) is not None:
            raise RuntimeError("not yet")
        seen.append((found, await journal.read()))

    await letters.retry(job.job_id)
    assert await letters.list() == []
    journal = keys.journal(letter.partition, job.job_id)
    assert await client.ttl(journal) == -1
    async with worker(client, job_settings, Scripted(go_on)):
        await eventually(lambda: seen == [(job, {"step": b"one"})])
        await eventually(lambda: _done(store))
    assert await store.dead_count() == 0


async def _done(store: JobStore) -> bool:
    return sum((await store.depth()).values()) == 0


async def test_a_job_whose_journal_is_gone_is_put_back_only_to_begin_anew(
    client: redis.Redis, store: JobStore, job_settings: JobSettings, letters: DeadLetters
) -> None:
    job = a_job()
    await given_up(client, store, job_settings, job)
    await client.delete(keys.journal(store.partition(job.key), job.job_id))
    with pytest.raises(FailedPrecondition):
        await letters.retry(job.job_id)
    assert [letter.job.job_id for letter in await letters.list()] == [job.job_id]
    await letters.retry(job.job_id, anew=True)
    assert sum((await store.depth()).values()) == 1


async def test_only_one_of_several_operators_puts_a_job_back(
    client: redis.Redis, store: JobStore, job_settings: JobSettings, letters: DeadLetters
) -> None:
    job = a_job()
    await given_up(client, store, job_settings, job)
    outcomes = await asyncio.gather(*(letters.retry(job.job_id) for _ in range(8)), return_exceptions=True)
    assert outcomes.count(None) == 1
    assert sum(isinstance(outcome, NotFound) for outcome in outcomes) == 7
    assert sum((await store.depth()).values()) == 1


async def test_what_is_dropped_is_gone(
    client: redis.Redis, store: JobStore, job_settings: JobSettings, letters: DeadLetters
) -> None:
    one, other = a_job("one"), a_job("other")
    await given_up(client, store, job_settings, one, other)
    await letters.drop(one.job_id)
    assert [letter.job.job_id for letter in await letters.list()] == [other.job_id]
    assert await client.exists(keys.journal(store.partition("one"), one.job_id)) == 0
    with pytest.raises(NotFound):
        await letters.drop(one.job_id)


async def test_a_letter_of_an_earlier_version_is_shown_and_put_back(
    client: redis.Redis, store: JobStore, letters: DeadLetters
) -> None:
    partition = store.partition("old")
    old: dict[Any, Any] = {
        "job": "an-old-job",
        "kind": "scripted",
        "key": "old",
        "payload": b"{}",
        "reason": "it was so",
        "time": "7.5",
    }
    await client.xadd(keys.dead(partition), old)
    (letter,) = await letters.list()
    assert (letter.job.created, letter.created_known, letter.job.trace) == (7.5, False, {})
    await letters.retry("an-old-job", anew=True)
    assert (await store.backlog([partition])).oldest == 7.5


async def test_the_command(
    client: redis.Redis, store: JobStore, job_settings: JobSettings, redis_url: str, tmp_path: Path
) -> None:
    configuration = tmp_path / "guildhall.yaml"
    configuration.write_text(f"executor: {{jobs: {{partitions: {job_settings.partitions}}}}}\n")
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "gen"),
        "GUILDHALL_CONFIG": str(configuration),
        "REDIS_URL": redis_url,
        "DISCORD_TOKEN": "a-token",
    }

    async def jobs(*arguments: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "services.executor.jobs", *arguments),
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        return process.returncode or 0, output.decode()

    assert await jobs() == (0, "No job was given up.\n")
    one, other = a_job("one", payload=b"a secret wish"), a_job("other")
    await given_up(client, store, job_settings, one, other)
    code, listed = await jobs("list")
    assert code == 0
    assert one.job_id in listed
    assert "2 given up" in listed
    code, shown = await jobs("show", one.job_id)
    assert code == 0
    assert "attempts without progress" in shown
    assert "secret wish" not in shown
    assert "a secret wish" in (await jobs("show", "--payload", one.job_id))[1]
    assert (await jobs("drop", other.job_id))[0] == 0
    assert await jobs("retry", "all") == (0, f"{one.job_id} put back\n")
    assert (await jobs("retry", one.job_id))[0] == 1
    assert sum((await store.depth()).values()) == 1
