"""A running executor with its ratelimit, and people who make plans with it."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from guildhall.executor.v1 import plan_pb2, plan_pb2_grpc, reply_pb2
from guildhall.llm.v1 import plan_pb2 as llm_plan_pb2
from guildhall.llm.v1 import plan_pb2_grpc as llm_plan_pb2_grpc
from guildhall.settings.v1 import settings_pb2, settings_pb2_grpc

from chassis.caller import Caller, Person, acting_for
from chassis.testing import channel_to, running_service, serve_in_process
from sandbox.app import Sandbox
from sandbox.control.client import SandboxClient
from services.executor.__main__ import build as build_executor
from services.executor.plans.permissions import ALL
from services.executor.settings import ExecutorSettings
from services.ratelimit.app import build as build_ratelimit
from services.ratelimit.settings import RatelimitSettings
from tests.support.waiting import eventually

ENDED = (
    plan_pb2.PLAN_STATUS_DONE,
    plan_pb2.PLAN_STATUS_CANCELLED,
    plan_pb2.PLAN_STATUS_REFUSED,
    plan_pb2.PLAN_STATUS_FAILED,
)
SHOWN = (plan_pb2.PLAN_STATUS_PREVIEW, plan_pb2.PLAN_STATUS_QUESTION, *ENDED)


_AWAY = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
_PATIENCE_SECONDS = 60.0


@dataclass
class ScriptedModel(llm_plan_pb2_grpc.PlanServiceServicer):
    """Stands where a model does: gives what the test says, in order."""

    answers: deque[str | llm_plan_pb2.PlanResponse] = field(default_factory=deque)
    requests: list[llm_plan_pb2.PlanRequest] = field(default_factory=list)

    async def Plan(
        self, request: llm_plan_pb2.PlanRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> llm_plan_pb2.PlanResponse:
        """The next answer."""
        self.requests.append(request)
        answer = self.answers.popleft()
        if isinstance(answer, llm_plan_pb2.PlanResponse):
            return answer
        return llm_plan_pb2.PlanResponse(document_json=answer, model="scripted")

    def will_answer(self, *documents: Any) -> None:
        """What it says next: documents, or texts and responses as they are."""
        as_it_is = str, llm_plan_pb2.PlanResponse
        self.answers += [one if isinstance(one, as_it_is) else json.dumps(one) for one in documents]


@dataclass
class Planner:
    """People who make plans."""

    environment: Mapping[str, str]
    sandbox: SandboxClient
    model: ScriptedModel
    guild_id: int
    channel_id: int
    people: Mapping[str, int]
    stub: plan_pb2_grpc.PlanServiceStub
    settings: settings_pb2_grpc.SettingsServiceStub
    _events: int = 0

    async def call(
        self, method: str, request: Any, *, person: str = "owner", permissions: int = ALL, locale: str = ""
    ) -> Any:
        """Calls the contract, as gateway would for a person."""
        who = Person(
            user_id=self.people[person],
            guild_id=self.guild_id,
            permissions=permissions,
            display_name=person,
            locale=locale,
        )
        until = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                with acting_for(who):
                    return await getattr(self.stub, method)(request, timeout=5, wait_for_ready=True)
            except grpc.aio.AioRpcError as error:
                # An executor that was killed is started again; every method may be repeated.
                if error.code() not in _AWAY or time.monotonic() > until:
                    raise

    def event(self) -> int:
        """A new event's id."""
        self._events += 1
        return 1_400_000_000_000_000_000 + self._events

    async def draft(
        self,
        *intents: Any,
        person: str = "owner",
        dry_run: bool = False,
        attachment: reply_pb2.Attachment | None = None,
        **document: Any,
    ) -> plan_pb2.Plan:
        """Asks for a plan whose intents are scripted, and gives its preview."""
        self.model.will_answer({"summary": "A plan", "intents": list(intents), **document})
        return await self.ask("please", person=person, dry_run=dry_run, attachment=attachment)

    async def ask(
        self,
        words: str,
        *,
        person: str = "owner",
        dry_run: bool = False,
        attachment: reply_pb2.Attachment | None = None,
        locale: str = "",
    ) -> plan_pb2.Plan:
        """Asks in words, and gives the preview."""
        request = plan_pb2.CreatePlanRequest(
            event_id=self.event(), guild_id=self.guild_id, channel_id=self.channel_id, request=words, dry_run=dry_run
        )
        if attachment is not None:
            request.attachment.CopyFrom(attachment)
        made = await self.call("CreatePlan", request, person=person, locale=locale)
        return await self.reached(made.plan_id, *SHOWN)

    async def get(self, plan_id: str) -> plan_pb2.Plan:
        """A plan as it stands."""
        answer = await self.call("GetPlan", plan_pb2.GetPlanRequest(plan_id=plan_id))
        plan: plan_pb2.Plan = answer.plan
        return plan

    async def reached(self, plan_id: str, *statuses: int, timeout: float = 30.0) -> plan_pb2.Plan:
        """Waits until a plan stands so."""

        async def found() -> plan_pb2.Plan | None:
            plan = await self.get(plan_id)
            assert plan.status in statuses, plan_pb2.PlanStatus.Name(plan.status)
            return plan

        plan = await eventually(found, timeout=timeout, interval=0.03)
        assert plan is not None
        return plan

    async def confirm(self, plan: plan_pb2.Plan, person: str = "owner") -> plan_pb2.PlanRefusal.ValueType:
        """Presses Confirm."""
        request = plan_pb2.ConfirmPlanRequest(plan_id=plan.plan_id, hash=plan.hash)
        answer = await self.call("ConfirmPlan", request, person=person)
        refusal: plan_pb2.PlanRefusal.ValueType = answer.refusal
        return refusal

    async def run(self, *intents: Any, person: str = "owner", timeout: float = 60.0) -> plan_pb2.Plan:
        """Drafts, confirms and waits for the end."""
        plan = await self.draft(*intents, person=person)
        assert plan.status == plan_pb2.PLAN_STATUS_PREVIEW, plan
        assert await self.confirm(plan, person) == plan_pb2.PLAN_REFUSAL_UNSPECIFIED
        return await self.reached(plan.plan_id, *ENDED, timeout=timeout)

    async def undo(self, plan: plan_pb2.Plan, *, timeout: float = 60.0) -> plan_pb2.Plan:
        """Undoes a run and waits for the end."""
        request = plan_pb2.UndoPlanRequest(event_id=self.event(), plan_id=plan.plan_id, channel_id=self.channel_id)
        answer = await self.call("UndoPlan", request)
        assert answer.refusal == plan_pb2.PLAN_REFUSAL_UNSPECIFIED, answer
        made = await self.reached(answer.plan_id, *SHOWN)
        assert made.status == plan_pb2.PLAN_STATUS_PREVIEW, made
        assert await self.confirm(made) == plan_pb2.PLAN_REFUSAL_UNSPECIFIED
        return await self.reached(made.plan_id, *ENDED, timeout=timeout)

    async def choose(self, **values: str) -> None:
        """Sets what the guild may set of executor."""
        request = settings_pb2.UpdateSettingsRequest(
            scope=settings_pb2.Scope(kind=settings_pb2.SCOPE_KIND_GUILD, guild_id=self.guild_id, id=self.guild_id)
        )
        for name, value in values.items():
            request.values[name].string_value = value
        with acting_for(Person(user_id=self.people["owner"], guild_id=self.guild_id, permissions=ALL)):
            await self.settings.UpdateSettings(request, timeout=5)

    async def rest(self, method: str, path: str, body: Any = None, *, person: str = "owner", **query: Any) -> Any:
        """Any REST route as a person."""
        return await self.sandbox.rest(person, method, path, body, **query)

    async def channels(self) -> dict[str, dict[str, Any]]:
        """The guild's channels by name."""
        return {channel["name"]: channel for channel in await self.rest("GET", f"/guilds/{self.guild_id}/channels")}

    async def roles(self) -> dict[str, dict[str, Any]]:
        """The guild's roles by name."""
        return {role["name"]: role for role in await self.rest("GET", f"/guilds/{self.guild_id}/roles")}

    async def create_channel(self, name: str, **fields: Any) -> dict[str, Any]:
        """Makes a channel by hand."""
        made: dict[str, Any] = await self.rest("POST", f"/guilds/{self.guild_id}/channels", {"name": name, **fields})
        return made


@asynccontextmanager
async def running_planner(
    server: Sandbox, sandbox: SandboxClient, redis_url: str, options: Mapping[str, str], *, executor_at: str = ""
) -> AsyncIterator[Planner]:
    """Starts everything that plans need; with `executor_at` all but executor, which the test starts there itself."""
    people = {one["username"]: int(one["id"]) for one in await sandbox.call("GET", "/control/people")}
    guild = (await sandbox.call("GET", "/control/as/owner/guilds"))[0]
    general = next(channel for channel in guild["channels"] if channel["name"] == "general")
    model = ScriptedModel()
    async with AsyncExitStack() as stack:
        llm = await stack.enter_async_context(
            serve_in_process((llm_plan_pb2_grpc.add_PlanServiceServicer_to_server, model), name="llm")
        )
        environment = {
            "REDIS_URL": redis_url,
            "DISCORD_TOKEN": server.bot_token,
            "DISCORD_API_BASE": server.api,
            "GUILDHALL_RPC__ADDRESSES__LLM": llm,
            "GUILDHALL_EXECUTOR__JOBS__PARTITIONS": "8",
            "GUILDHALL_EXECUTOR__JOBS__READ_BLOCK_SECONDS": "0.05",
            "GUILDHALL_EXECUTOR__PLANS__PROGRESS_SECONDS": "0.3",
            "GUILDHALL_EXECUTOR__PLANS__CONTROL_SECONDS": "0.05",
            **options,
        }
        ratelimit = await stack.enter_async_context(
            running_service("ratelimit", RatelimitSettings, build_ratelimit, variables=environment)
        )
        environment["GUILDHALL_RPC__ADDRESSES__RATELIMIT"] = ratelimit.address
        if not executor_at:
            executor = await stack.enter_async_context(
                running_service("executor", ExecutorSettings, build_executor, variables=environment)
            )
            executor_at = executor.address
        channel = await stack.enter_async_context(channel_to(executor_at, Caller("gateway"), audience="executor"))
        stub, settings = plan_pb2_grpc.PlanServiceStub(channel), settings_pb2_grpc.SettingsServiceStub(channel)
        yield Planner(environment, sandbox, model, int(guild["id"]), int(general["id"]), people, stub, settings)
