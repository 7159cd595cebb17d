"""What a run is made of: the gate, the journal that writes behind it, looks that are shared, latencies, estimates."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from services.executor.jobs.model import LeaseLost
from services.executor.plans.estimate import beyond_quotas, estimate, learned, play
from services.executor.plans.gate import Gate
from services.executor.plans.latencies import Latencies
from services.executor.plans.operation import Operation, Outcome, Status
from services.executor.plans.pictures import data_uri
from services.executor.plans.run_journal import RunJournal
from services.executor.plans.settings import PlanSettings
from services.executor.plans.shared_looks import SharedLooks
from services.executor.tests.rows import ROWS
from tests.support.waiting import eventually

SETTINGS = PlanSettings()


def many(kind: str, count: int, **path: str) -> list[Operation]:
    """So many operations of a row."""
    row = ROWS[kind]
    return [row.model_copy(update={"id": str(n), "path": {**row.path, **path}}) for n in range(1, count + 1)]


# The gate.


async def test_a_gate_lets_so_many_through_and_grows_with_each_success() -> None:
    gate = Gate(2, 3)
    await gate.enter()
    await gate.enter()
    third = asyncio.create_task(gate.enter())
    fourth = asyncio.create_task(gate.enter())
    await asyncio.sleep(0)
    assert (gate.travelling, gate.waiting) == (2, 2)
    gate.succeeded()
    await third
    assert (gate.travelling, gate.waiting) == (3, 1)
    gate.succeeded()
    assert gate.limit == 3
    gate.leave()
    await fourth
    assert gate.travelling == 3


async def test_failures_shrink_a_gate_and_never_close_it() -> None:
    gate = Gate(10, 10)
    for expected in (7.0, 4.9, 3.43, 2.401, 1.6807, 1.17649, 1.0, 1.0):
        ticket = await gate.enter()
        gate.leave()
        gate.failed(ticket)
        assert gate.limit == pytest.approx(expected)


async def test_failures_of_calls_that_travelled_together_shrink_it_once() -> None:
    gate = Gate(10, 10)
    together = [await gate.enter() for _ in range(5)]
    for ticket in together:
        gate.failed(ticket)
    assert gate.limit == pytest.approx(7)
    for _ in together:
        gate.leave()
    gate.failed(await gate.enter())
    assert gate.limit == pytest.approx(4.9)


async def test_who_gives_up_at_a_gate_keeps_no_place() -> None:
    gate = Gate(1, 1)
    await gate.enter()
    impatient = asyncio.create_task(gate.enter())
    patient = asyncio.create_task(gate.enter())
    await asyncio.sleep(0)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    gate.leave()
    await patient
    # Cancelled in the very moment in which the place was given: it goes to the next.
    late, last = asyncio.create_task(gate.enter()), asyncio.create_task(gate.enter())
    await asyncio.sleep(0)
    gate.leave()
    late.cancel()
    with pytest.raises(asyncio.CancelledError):
        await late
    await last
    assert (gate.travelling, gate.waiting) == (1, 0)


# The journal.


class Disk:
    """A journal that a test holds up, or lets fail."""

    def __init__(self) -> None:
        self.writes: list[dict[str, bytes | str]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.failure: Exception | None = None

    @property
    def fence(self) -> Any:
        """Not asked for here."""
        raise NotImplementedError

    async def read(self) -> dict[str, bytes]:
        """What was written."""
        found: dict[str, bytes] = {}
        for write in self.writes:
            found |= {name: value if isinstance(value, bytes) else value.encode() for name, value in write.items()}
        return found

    async def write(self, fields: Mapping[str, bytes | str]) -> None:
        """Waits for the test."""
        await self.open.wait()
        if self.failure is not None:
            raise self.failure
        self.writes.append(dict(fields))


DONE = Outcome(status=Status.DONE, result="7")


async def test_what_is_noted_is_on_disk_before_what_is_put_later() -> None:
    disk = Disk()
    journal = RunJournal(disk)
    journal.note("1", DONE)
    await journal.put("2", Outcome(status=Status.INTENT))
    order = [name for write in disk.writes for name in write]
    assert order.index("op:1") <= order.index("op:2")
    outcomes, others = await journal.load()
    assert (outcomes["1"], others) == (DONE, {})


async def test_what_waits_goes_in_one_write() -> None:
    disk = Disk()
    disk.open.clear()
    journal = RunJournal(disk)
    for number in range(10):
        journal.note(str(number), DONE)
        await asyncio.sleep(0)
    disk.open.set()
    await journal.flush()
    assert len(disk.writes) == 2
    assert len(await disk.read()) == 10


async def test_a_failed_write_shows_wherever_the_run_goes_on() -> None:
    disk = Disk()
    disk.failure = LeaseLost("lease")
    journal = RunJournal(disk)
    journal.note("1", DONE)
    for again in (journal.flush(), journal.put("2", DONE), journal.flush()):
        with pytest.raises(LeaseLost):
            await again
    with pytest.raises(LeaseLost):
        journal.check()


# Shared looks.


async def test_looks_at_one_moment_share_a_call_and_later_ones_get_their_own() -> None:
    looks, begun, gates = SharedLooks(), 0, [asyncio.Event() for _ in range(3)]

    async def fetch() -> int:
        nonlocal begun
        mine, begun = begun, begun + 1
        await gates[mine].wait()
        return mine

    first = [asyncio.create_task(looks.get("a", fetch)) for _ in range(3)]
    await eventually(lambda: begun == 1)
    later = [asyncio.create_task(looks.get("a", fetch)) for _ in range(3)]
    await asyncio.sleep(0)  # lets each of them begin
    assert begun == 1
    for gate in gates:
        gate.set()
    assert await asyncio.gather(*first) == [0, 0, 0]
    assert await asyncio.gather(*later) == [1, 1, 1]
    assert await looks.get("a", fetch) == 2


async def test_a_look_that_fails_fails_for_all_who_share_it() -> None:
    async def fetch() -> int:
        raise LeaseLost("x")

    looks = SharedLooks()
    found = await asyncio.gather(*(looks.get("a", fetch) for _ in range(2)), return_exceptions=True)
    assert [type(one) for one in found] == [LeaseLost, LeaseLost]


# Estimates.


def test_latencies_are_learned_route_by_route() -> None:
    latencies = Latencies(0.2, 0.02)
    assert latencies.of("channel.create", 0.5) == 0.2
    for _ in range(5):
        latencies.add(0.1, "channel.create")
        latencies.add(1.0, "role.create")
    assert latencies.of("channel.create", 0.9) == 0.1
    assert latencies.of("role.create", 0.5) == 1.0
    assert latencies.knows("role.create")
    assert not latencies.knows("role.delete")


def test_what_was_waited_for_is_no_overhead() -> None:
    latencies = Latencies(0.2, 0.02)
    for _ in range(10):
        latencies.add_overhead(3.0)
    assert latencies.overhead <= 0.05


def test_the_estimate_knows_how_long_a_slot_stays_used() -> None:
    even, rough = Latencies(0.2, 0.0), Latencies(0.2, 0.0)
    rough.add(0.1, "channel.create")
    for latencies in (even, rough):
        for _ in range(9):
            latencies.add(0.2, "channel.create")
        latencies.add_look(0.1, targets=False)
    hundred = many("channel.create", 100)
    # Two windows are used up, and the third one's first calls are answered.
    assert estimate(hundred, SETTINGS, even).p50 == pytest.approx(0.1 + 2.0 + 0.2, abs=0.01)
    # What took longer than the fastest may have been counted so much later.
    assert estimate(hundred, SETTINGS, rough).p50 == pytest.approx(0.1 + 2.2 + 0.2, abs=0.01)


def test_what_was_measured_once_is_better_than_a_guess() -> None:
    latencies = Latencies(0.2, 0.02)
    latencies.add(0.1, "channel.create")
    assert latencies.of("channel.create", 0.9) == 0.1
    latencies.add(0.2, "channel.create")
    assert latencies.of("channel.create", 0.5) == pytest.approx(0.15)
    assert latencies.of("role.create", 0.5) == pytest.approx(0.15)


def test_not_all_calls_of_a_run_are_slow_ones() -> None:
    latencies = Latencies(0.2, 0.0)
    latencies.add_look(0.0, targets=False)
    for number in range(100):
        # Every fifth call takes three times as long.
        latencies.add(0.3 if number % 5 == 0 else 0.1, "channel.create")
    chain = [
        one.model_copy(update={"needs": (str(int(one.id) - 1),) if one.id != "1" else ()})
        for one in many("channel.create", 10)
    ]
    found = estimate(chain, SETTINGS, latencies)
    # Two of any ten in a row are slow, and no more; ten slow ones would take three seconds.
    assert found.p50 == pytest.approx(1.4)
    assert found.p90 == pytest.approx(1.4)
    assert estimate(chain, SETTINGS, latencies) == found


def test_slow_times_last() -> None:
    latencies = Latencies(0.2, 0.0)
    latencies.add_look(0.0, targets=False)
    for number in range(100):
        latencies.add(0.3 if number < 30 else 0.1, "channel.create")
    found = estimate(many("channel.create", 4), SETTINGS, latencies)
    assert found.p50 == pytest.approx(0.1)
    assert found.p90 == pytest.approx(0.3)


def test_permits_are_got_ready_while_others_travel() -> None:
    latencies = Latencies(0.2, 0.0)
    for _ in range(5):
        latencies.add(0.2, "channel.create")
        latencies.add_overhead(0.05)
    one_at_a_time = SETTINGS.model_copy(update={"concurrency_start": 1, "concurrency_max": 1})
    five = many("channel.create", 5)
    # Only the first one's is waited for.
    assert play(five, learned(one_at_a_time, latencies, 0.5, begun=True)) == pytest.approx(0.05 + 5 * 0.2)
    nothing_ahead = one_at_a_time.model_copy(update={"concurrency_ahead": 0})
    assert play(five, learned(nothing_ahead, latencies, 0.5, begun=True)) == pytest.approx(5 * 0.25)


def test_a_look_at_the_mirror_takes_no_call() -> None:
    latencies = Latencies(0.2, 0.02)
    assert latencies.look(0.5, targets=True) == pytest.approx(0.22)
    assert latencies.look(0.5, targets=False) == pytest.approx(0.02)
    latencies.add_look(0.6, targets=True)
    assert latencies.look(0.5, targets=True) == pytest.approx(0.22), "its calls waited for one another"
    latencies.add_look(0.3, targets=True)
    assert latencies.look(0.5, targets=True) == 0.3


def test_an_unknown_bucket_lets_one_call_through_first() -> None:
    known, unknown = Latencies(0.2, 0.0), Latencies(0.2, 0.0)
    for _ in range(5):
        known.add(0.2, "channel.create")
        unknown.add(0.2, "role.create")
    ten = many("channel.create", 4)
    times = [play(ten, learned(SETTINGS, latencies, 0.5, begun=True)) for latencies in (known, unknown)]
    assert times == [pytest.approx(0.2), pytest.approx(0.4)]


def test_what_is_beyond_a_quota_is_told_for_each_channel() -> None:
    here, there = many("channel.rename", 3, channel_id="1"), many("channel.rename", 2, channel_id="2")
    there = [one.model_copy(update={"id": f"2{one.id}"}) for one in there]
    assert beyond_quotas([*here, *there]) == ["3"]
    (quota,) = estimate([*here, *there], SETTINGS, Latencies(0.1, 0.0)).quotas
    assert (quota.kind, quota.fits, quota.wanted) == ("channel.rename", 2, 3)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n...", "data:image/png;base64,"),
        (b"GIF89a...", "data:image/gif;base64,"),
        (b"\xff\xd8\xff\xe0", "data:image/jpeg;base64,"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "data:image/webp;base64,"),
    ],
)
def test_a_picture_is_known_by_its_first_bytes(content: bytes, kind: str) -> None:
    assert data_uri(content).startswith(kind)


@pytest.mark.parametrize("content", [b"", b"<svg/>", b"RIFF\x00\x00\x00\x00WAVE", b"#!/bin/sh"])
def test_anything_else_is_no_picture(content: bytes) -> None:
    assert data_uri(content) == ""
