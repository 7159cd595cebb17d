"""Plans through the whole platform: how long bulk changes of a guild take, and how well that was foretold.

The sandbox answers after 150 ms and keeps Discord's limits. A plan's time is taken from its confirmation to the end
of its last operation, by executor's own journal. Estimates are of that same span, even where `seconds` begins with
the words, so they are compared with `run_seconds`: beside it stands how far off the P50 and the P90 were, 0.1 for a
tenth too much. Beside each case stands the lower bound: the same operations played through with that latency, ten at
once, and the buckets alone. The last line is one JSON object.

The baselines do fewer things (they confirm nothing, journal nothing, undo nothing) and are printed for comparison only:
a fixed schedule of batches of three, and disnake's own client told to do everything at once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import disnake
import disnake.http
import redis.asyncio as redis
from guildhall.executor.v1 import plan_pb2, plan_pb2_grpc

from chassis.caller import Person, acting_for
from chassis.caller_keys import FolderKeyRing
from chassis.caller_signing import Signer
from chassis.clock import SystemClock
from chassis.rpc.channel import open_channel
from sandbox.control.client import SandboxClient
from services.executor.plans.estimate import bare, play
from services.executor.plans.operation import Operation, Status
from services.executor.plans.permissions import ALL
from services.executor.plans.record import PlanRecord
from services.executor.plans.schema import PLAN
from services.executor.plans.settings import PlanSettings
from services.executor.plans.store import PlanStore
from tests.support.platform import RunningPlatform
from tests.support.waiting import free_port

LATENCY_SECONDS = 0.15
CONCURRENCY = 10
FAULT_SHARE = 0.05
_ENDED = (plan_pb2.PLAN_STATUS_DONE, plan_pb2.PLAN_STATUS_CANCELLED, plan_pb2.PLAN_STATUS_FAILED)
_SHOWN = (plan_pb2.PLAN_STATUS_PREVIEW, plan_pb2.PLAN_STATUS_QUESTION, plan_pb2.PLAN_STATUS_REFUSED, *_ENDED)
_PATIENCE_SECONDS = 300.0
_LOOK_AT_DRAFTS_SECONDS = 0.02
_LOOK_AT_RUNS_SECONDS = 0.25
"""A run's times stand in its journal; looking at two hundred steps fifty times a second would only slow it down."""
_OLD_BATCH, _OLD_BATCH_SECONDS, _OLD_POSITION_SECONDS = 3, 4.0, 2.0
"""The schedule of the systems before: operation p of batch b waits 4 b + 2 p seconds."""


@dataclass(frozen=True)
class Measured:
    """One case."""

    seconds: float
    lower_bound_s: float
    http_429: int
    estimate_p50_s: float
    estimate_p90_s: float
    run_seconds: float
    """From the confirmation on, which is what the estimates are of."""
    success_rate: float

    def figures(self) -> dict[str, float | int]:
        """As they are printed."""
        ratio = self.seconds / self.lower_bound_s if self.lower_bound_s else 0.0
        return {
            "seconds": round(self.seconds, 3),
            "lower_bound_s": round(self.lower_bound_s, 3),
            "ratio": round(ratio, 3),
            "http_429": self.http_429,
            "estimate_p50_s": round(self.estimate_p50_s, 3),
            "estimate_p90_s": round(self.estimate_p90_s, 3),
            "run_seconds": round(self.run_seconds, 3),
            "estimate_p50_off": round(self.estimate_p50_s / self.run_seconds - 1, 3),
            "estimate_p90_off": round(self.estimate_p90_s / self.run_seconds - 1, 3),
            "success_rate": round(self.success_rate, 4),
        }


class Bench:
    """The guild, its owner, and executor's contract."""

    def __init__(
        self, platform: RunningPlatform, sandbox: SandboxClient, store: PlanStore, stub: plan_pb2_grpc.PlanServiceStub
    ) -> None:
        self.platform = platform
        self.sandbox = sandbox
        self._store = store
        self._stub = stub
        self._events = 1_500_000_000_000_000_000
        self.timeline = False
        self.guild_id = 0
        self._channel_id = 0
        self._owner = Person(user_id=0)

    async def prepare(self) -> None:
        """Finds the guild and its owner."""
        guild = (await self.sandbox.call("GET", "/control/as/owner/guilds"))[0]
        people = {one["username"]: int(one["id"]) for one in await self.sandbox.call("GET", "/control/people")}
        self.guild_id = int(guild["id"])
        self._channel_id = next(int(one["id"]) for one in guild["channels"] if one["name"] == "general")
        self._owner = Person(user_id=people["owner"], guild_id=self.guild_id, permissions=ALL, display_name="Olivia")

    async def channels(self, *names: str, **fields: Any) -> None:
        """Makes channels by the owner's hand."""
        for name in names:
            await self.sandbox.rest("owner", "POST", f"/guilds/{self.guild_id}/channels", {"name": name, **fields})

    async def roles(self, *names: str) -> None:
        """Makes roles by the owner's hand."""
        for name in names:
            await self.sandbox.rest("owner", "POST", f"/guilds/{self.guild_id}/roles", {"name": name})

    async def scripted(self, name: str, *intents: Mapping[str, Any]) -> Measured:
        """Runs a plan whose intents are given: the model is not the subject."""
        # Written out in full, as structured output demands it of a model.
        document = PLAN.validate_python({"summary": name, "intents": list(intents)})
        await self.sandbox.model_rule(contains=f"bench {name}", text=document.model_dump_json(by_alias=True), times=1)
        return await self.run(f"bench {name}")

    async def run(self, words: str, *, from_words: bool = False) -> Measured:
        """Asks, confirms, waits, and reads the times off the journal."""
        await self.sandbox.reset_counters()
        asked = time.time()
        plan = await self.drafted(words)
        plan_id = plan.plan_id
        if plan.status != plan_pb2.PLAN_STATUS_PREVIEW:
            raise RuntimeError(f"no preview for {words!r}: {plan}")
        confirmed = time.time()
        confirm = plan_pb2.ConfirmPlanRequest(plan_id=plan_id, hash=plan.hash)
        answer = await self._call("ConfirmPlan", confirm)
        if answer.refusal != plan_pb2.PLAN_REFUSAL_UNSPECIFIED:
            raise RuntimeError(f"not confirmed: {answer}")
        await self._reached(plan_id, _ENDED, every=_LOOK_AT_RUNS_SECONDS)
        record = await self._store.get(plan_id)
        done = [outcome for outcome in record.outcomes.values() if outcome.status is Status.DONE]
        ended = max(outcome.begun + outcome.seconds for outcome in done)
        counters = await self.sandbox.counters()
        if self.timeline:
            _print_timeline(record, confirmed)
        return Measured(
            seconds=ended - (asked if from_words else confirmed),
            lower_bound_s=lower_bound(record.operations),
            http_429=counters["http_429"],
            estimate_p50_s=record.estimate.p50,
            estimate_p90_s=record.estimate.p90,
            run_seconds=ended - confirmed,
            success_rate=len(done) / len(record.operations),
        )

    async def drafted(self, words: str) -> plan_pb2.Plan:
        """Asks for a plan and gives what is shown first."""
        self._events += 1
        request = plan_pb2.CreatePlanRequest(
            event_id=self._events, guild_id=self.guild_id, channel_id=self._channel_id, request=words
        )
        return await self._reached((await self._call("CreatePlan", request)).plan_id, _SHOWN)

    async def furnish_for_words(self) -> None:
        """Puts a channel into a category, a message into it, and a role on two members."""
        listed = await self.sandbox.rest("owner", "GET", f"/guilds/{self.guild_id}/channels")
        hall = next(one["id"] for one in listed if one["name"] == "Hall")
        await self.channels("lobby", parent_id=hall)
        listed = await self.sandbox.rest("owner", "GET", f"/guilds/{self.guild_id}/channels")
        lobby = next(one["id"] for one in listed if one["name"] == "lobby")
        await self.sandbox.say("owner", lobby, "Welcome.")
        roles = await self.sandbox.rest("owner", "GET", f"/guilds/{self.guild_id}/roles")
        raider = next(one["id"] for one in roles if one["name"] == "Raider")
        people = {one["username"]: one["id"] for one in await self.sandbox.call("GET", "/control/people")}
        for person in ("member", "crafter"):
            path = f"/guilds/{self.guild_id}/members/{people[person]}/roles/{raider}"
            await self.sandbox.rest("owner", "PUT", path)

    async def _reached(
        self, plan_id: str, statuses: tuple[int, ...], *, every: float = _LOOK_AT_DRAFTS_SECONDS
    ) -> plan_pb2.Plan:
        until = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < until:
            plan: plan_pb2.Plan = (await self._call("GetPlan", plan_pb2.GetPlanRequest(plan_id=plan_id))).plan
            if plan.status in statuses:
                return plan
            await asyncio.sleep(every)
        raise RuntimeError(f"plan {plan_id} has not ended")

    async def _call(self, method: str, request: Any) -> Any:
        with acting_for(self._owner):
            return await getattr(self._stub, method)(request, timeout=10)


def _print_timeline(record: PlanRecord, confirmed: float) -> None:
    for operation in sorted(record.operations, key=lambda one: record.outcomes[one.id].begun):
        outcome = record.outcomes[operation.id]
        begun = outcome.begun - confirmed
        print(f"{begun:7.3f} {begun + outcome.seconds:7.3f} {outcome.seconds:6.3f} {operation.kind} {operation.label}")


def lower_bound(operations: list[Operation]) -> float:
    """What latency, ten at once and the buckets alone would take."""
    ideal = PlanSettings(concurrency_start=CONCURRENCY, concurrency_max=CONCURRENCY)
    return play(operations, bare(ideal, LATENCY_SECONDS))


async def warm_up(bench: Bench) -> None:
    """Opens connections and loads what is loaded late: that is not the subject."""
    await bench.channels("warm-1", "warm-2")
    await bench.scripted("warm", {"op": "delete_channel", "targets": {"select": {"name_glob": "warm-*"}}})


async def delete_15(bench: Bench) -> Measured:
    """Fifteen channels deleted."""
    return await _deletion(bench, 15)


async def delete_25(bench: Bench) -> Measured:
    """Twenty-five channels deleted."""
    return await _deletion(bench, 25)


async def _deletion(bench: Bench, count: int) -> Measured:
    await bench.channels(*(f"test-{number}" for number in range(count)))
    deletion = {"op": "delete_channel", "targets": {"select": {"name_glob": "test-*"}}}
    return await bench.scripted(f"delete_{count}", deletion)


async def create_60(bench: Bench) -> Measured:
    """Sixty channels created, each with an overwrite."""
    hidden = [{"who": {"select": {"names": ["everyone"]}}, "kind": "role", "allow": [], "deny": ["view_channel"]}]
    return await bench.scripted(
        "create_60", {"op": "create_channel", "name": "room-{i}", "repeat": 60, "overwrites": hidden}
    )


async def words(bench: Bench) -> Measured:
    """From words to done."""
    return await bench.run("create a gaming category with voice channels", from_words=True)


async def mixed(bench: Bench) -> Measured:
    """Two hundred operations: deletions, roles, categories, channels in them, edits, permissions."""
    await bench.channels(*(f"old-{number}" for number in range(30)))
    await bench.channels(*(f"perm-{number}" for number in range(46)))
    await bench.roles(*(f"Old {number}" for number in range(20)))
    return await bench.scripted(
        "mixed_200",
        {"op": "delete_channel", "targets": {"select": {"name_glob": "old-*"}}},
        {"op": "delete_role", "targets": {"select": {"name_glob": "Old *"}}},
        {"op": "create_channel", "id": "cats", "name": "Area {i}", "type": "category", "repeat": 4},
        {"op": "create_channel", "name": "hall-{i}", "repeat": 15, "category": {"from": "cats"}},
        {"op": "create_role", "name": "Team {i}", "repeat": 40},
        {
            "op": "set_permission",
            "targets": {"select": {"name_glob": "perm-*"}},
            "who": {"select": {"names": ["everyone"]}},
            "deny": ["send_messages"],
        },
    )


async def faulty(bench: Bench) -> Measured:
    """A hundred operations of which one in twenty meets a fault, half of those after it was done."""
    await bench.channels(*(f"gone-{number}" for number in range(40)))
    for route, method in (("/guilds/{guild_id}/channels", "POST"), ("/channels/{channel_id}", "DELETE")):
        for status, effect in ((500, False), (504, True)):
            await bench.sandbox.fault(
                "status",
                route=route,
                method=method,
                status=status,
                effect=effect,
                times=100_000,
                probability=FAULT_SHARE / 2,
            )
    try:
        return await bench.scripted(
            "faults",
            {"op": "create_channel", "name": "sturdy-{i}", "repeat": 60},
            {"op": "delete_channel", "targets": {"select": {"name_glob": "gone-*"}}},
        )
    finally:
        await bench.sandbox.call("DELETE", "/control/faults")


CASES = {
    "delete_15": delete_15,
    "delete_25": delete_25,
    "create_60_with_overwrites": create_60,
    "mixed_200": mixed,
    "faults_5_percent": faulty,
    "words_gaming_category": words,
}


async def baselines(bench: Bench, bot_token: str) -> dict[str, float]:
    """The same deletions by other means, in seconds."""
    found = {}
    disnake.http.Route.BASE = f"{bench.platform.page}/api/v10"
    client = disnake.Client(intents=disnake.Intents.none())
    await client.http.static_login(bot_token)
    try:
        for count in (15, 25):
            for name, delete in (("fixed_schedule", _on_schedule), ("disnake", _at_once)):
                await bench.channels(*(f"base-{number}" for number in range(count)))
                listed = await bench.sandbox.rest("owner", "GET", f"/guilds/{bench.guild_id}/channels")
                ids = [int(one["id"]) for one in listed if one["name"].startswith("base-")]
                begun = time.monotonic()
                await delete(client, ids)
                found[f"{name}_delete_{count}"] = round(time.monotonic() - begun, 3)
    finally:
        await client.close()
    return found


async def _on_schedule(client: disnake.Client, ids: list[int]) -> None:
    async def one(index: int, channel_id: int) -> None:
        batch, position = divmod(index, _OLD_BATCH)
        await asyncio.sleep(batch * _OLD_BATCH_SECONDS + position * _OLD_POSITION_SECONDS)
        await client.http.delete_channel(channel_id)

    await asyncio.gather(*(one(index, channel_id) for index, channel_id in enumerate(ids)))


async def _at_once(client: disnake.Client, ids: list[int]) -> None:
    await asyncio.gather(*(client.http.delete_channel(channel_id) for channel_id in ids))


@asynccontextmanager
async def bench_of(platform: RunningPlatform, sandbox: SandboxClient, executor_port: int) -> AsyncIterator[Bench]:
    """The bench on a running platform."""
    clock = SystemClock()
    keys = FolderKeyRing(platform.folder.keys / "callers")
    channel = open_channel(f"127.0.0.1:{executor_port}", "executor", Signer("gateway", keys, clock))
    client = redis.Redis(unix_socket_path=str(platform.folder.sockets / "durable.sock"))
    store = PlanStore(client, PlanSettings(), clock)
    bench = Bench(platform, sandbox, store, plan_pb2_grpc.PlanServiceStub(channel))
    try:
        await bench.prepare()
        yield bench
    finally:
        await channel.close()
        await client.aclose()


async def main() -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-baselines", action="store_true", help="leave the slow comparisons out")
    parser.add_argument("--timeline", action="store_true", help="show when each operation began and how long it took")
    parser.add_argument(
        "cases", nargs="*", metavar="case", help=f"which of {', '.join(CASES)}; all where none is named"
    )
    arguments = parser.parse_args()
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        platform = RunningPlatform(Path(folder), {"EXECUTOR_PORT": str(port)})
        async with (
            platform,
            SandboxClient(platform.page, platform.control_token) as sandbox,
            bench_of(platform, sandbox, port) as bench,
        ):
            await sandbox.settings(latency_ms=int(LATENCY_SECONDS * 1000))
            bench.timeline = arguments.timeline
            await warm_up(bench)
            found = {}
            for name in arguments.cases or CASES:
                found[name] = (await CASES[name](bench)).figures()
                print(name, found[name], flush=True)
            token = (platform.folder.keys / "sandbox-bot-token").read_text().strip()
            other = {} if arguments.no_baselines else await baselines(bench, token)
    print(json.dumps({"cases": found, "baselines": other}))


if __name__ == "__main__":
    asyncio.run(main())
