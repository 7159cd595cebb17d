"""The contract of plans: protobuf in, domain out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
from guildhall.executor.v1 import plan_pb2, plan_pb2_grpc, reply_pb2

from chassis.caller import Person, current_caller
from chassis.clock import Clock
from chassis.errors import InvalidArgument, PermissionDenied
from services.executor.plans import permissions
from services.executor.plans.desk import PlanDesk
from services.executor.plans.present import contract
from services.executor.plans.record import ENDED, PlanRecord
from services.executor.replies.question import Asker, Attached, Interaction

_Context = grpc.aio.ServicerContext[Any, Any]

_WATCH_SECONDS = 300.0
_POLL_SECONDS = 0.5
_PAGE, _MAX_PAGE = 10, 100


class PlanServicer(plan_pb2_grpc.PlanServiceServicer):
    """Makes and runs plans."""

    def __init__(self, desk: PlanDesk, clock: Clock) -> None:
        self._desk = desk
        self._clock = clock

    async def CreatePlan(self, request: plan_pb2.CreatePlanRequest, context: _Context) -> plan_pb2.CreatePlanResponse:
        """Takes a request over."""
        _complete(event_id=request.event_id, guild_id=request.guild_id, channel_id=request.channel_id)
        plan_id, duplicate = await self._desk.create(
            event_id=request.event_id,
            guild_id=request.guild_id,
            channel_id=request.channel_id,
            words=request.request,
            asker=Asker.of(_person(request.guild_id)),
            interaction=_interaction(request),
            dry_run=request.dry_run,
            attached=_attached(request),
        )
        return plan_pb2.CreatePlanResponse(plan_id=plan_id, duplicate=duplicate)

    async def RefinePlan(self, request: plan_pb2.RefinePlanRequest, context: _Context) -> plan_pb2.RefinePlanResponse:
        """Adds words to a plan."""
        person = await self._member(request.plan_id)
        refusal = await self._desk.refine(request.plan_id, person.user_id, request.request)
        return plan_pb2.RefinePlanResponse(refusal=refusal)

    async def AnswerPlan(self, request: plan_pb2.AnswerPlanRequest, context: _Context) -> plan_pb2.AnswerPlanResponse:
        """Chooses what a name means."""
        person = await self._member(request.plan_id)
        refusal = await self._desk.answer(request.plan_id, person.user_id, request.key, request.candidate_id)
        return plan_pb2.AnswerPlanResponse(refusal=refusal)

    async def EditPlan(self, request: plan_pb2.EditPlanRequest, context: _Context) -> plan_pb2.EditPlanResponse:
        """Changes a plan by hand."""
        person = await self._member(request.plan_id)
        refusal = await self._desk.edit(
            request.plan_id,
            person.user_id,
            drop=list(request.drop_step_ids),
            names=dict(request.names),
            polite=request.polite if request.HasField("polite") else None,
            dry_run=request.dry_run if request.HasField("dry_run") else None,
            page=request.page if request.HasField("page") else None,
            split=request.split,
        )
        return plan_pb2.EditPlanResponse(refusal=refusal)

    async def ConfirmPlan(
        self, request: plan_pb2.ConfirmPlanRequest, context: _Context
    ) -> plan_pb2.ConfirmPlanResponse:
        """Confirms what was shown."""
        person = await self._member(request.plan_id)
        refusal = await self._desk.starter.confirm(
            request.plan_id, person.user_id, request.hash, may_approve=_manages(person)
        )
        return plan_pb2.ConfirmPlanResponse(refusal=refusal)

    async def CancelPlan(self, request: plan_pb2.CancelPlanRequest, context: _Context) -> plan_pb2.CancelPlanResponse:
        """Cancels a plan or ends its run."""
        person = await self._member(request.plan_id)
        starter = self._desk.starter
        refusal = await starter.cancel(request.plan_id, person.user_id, may_others=_manages(person))
        return plan_pb2.CancelPlanResponse(refusal=refusal)

    async def PausePlan(self, request: plan_pb2.PausePlanRequest, context: _Context) -> plan_pb2.PausePlanResponse:
        """Halts a run."""
        person = await self._member(request.plan_id)
        refusal = await self._desk.starter.pause(request.plan_id, person.user_id, may_others=_manages(person))
        return plan_pb2.PausePlanResponse(refusal=refusal)

    async def ResumePlan(self, request: plan_pb2.ResumePlanRequest, context: _Context) -> plan_pb2.ResumePlanResponse:
        """Lets a run go on."""
        person = await self._member(request.plan_id)
        refusal = await self._desk.starter.resume(request.plan_id, person.user_id, may_others=_manages(person))
        return plan_pb2.ResumePlanResponse(refusal=refusal)

    async def UndoPlan(self, request: plan_pb2.UndoPlanRequest, context: _Context) -> plan_pb2.UndoPlanResponse:
        """Makes the inverse plan."""
        _complete(event_id=request.event_id)
        person = await self._member(request.plan_id)
        plan_id, refusal = await self._desk.undo(
            request.plan_id,
            Asker.of(person),
            event_id=request.event_id,
            interaction=_interaction(request),
            channel_id=request.channel_id,
        )
        return plan_pb2.UndoPlanResponse(plan_id=plan_id, refusal=refusal)

    async def GetPlan(self, request: plan_pb2.GetPlanRequest, context: _Context) -> plan_pb2.GetPlanResponse:
        """Gives a plan."""
        return plan_pb2.GetPlanResponse(plan=contract(await self._visible(request.plan_id)))

    async def WatchPlan(
        self, request: plan_pb2.WatchPlanRequest, context: _Context
    ) -> AsyncIterator[plan_pb2.WatchPlanResponse]:
        """Gives a plan and its changes."""
        until, version = self._clock.monotonic() + _WATCH_SECONDS, -1
        while self._clock.monotonic() < until:
            plan = await self._visible(request.plan_id)
            if plan.version != version:
                version = plan.version
                yield plan_pb2.WatchPlanResponse(plan=contract(plan))
            if plan.status in ENDED:
                return
            await asyncio.sleep(_POLL_SECONDS)

    async def ListPlans(self, request: plan_pb2.ListPlansRequest, context: _Context) -> plan_pb2.ListPlansResponse:
        """Lists plans."""
        _person(request.guild_id)
        size = min(request.page_size or _PAGE, _MAX_PAGE)
        try:
            before = float(request.page_token) if request.page_token else None
        except ValueError:
            raise InvalidArgument(
                "no such page", reason="INVALID_PAGE_TOKEN", fields={"page_token": "is not ours"}
            ) from None
        plans = await self._desk.plans(request.guild_id, limit=size, before=before)
        token = repr(plans[-1].created) if len(plans) == size else ""
        return plan_pb2.ListPlansResponse(plans=[contract(plan, steps=False) for plan in plans], next_page_token=token)

    async def CreateSnapshot(
        self, request: plan_pb2.CreateSnapshotRequest, context: _Context
    ) -> plan_pb2.CreateSnapshotResponse:
        """Keeps a guild as it is."""
        _manager(request.guild_id)
        return plan_pb2.CreateSnapshotResponse(snapshot_id=await self._desk.snapshot(request.guild_id))

    async def ListSnapshots(
        self, request: plan_pb2.ListSnapshotsRequest, context: _Context
    ) -> plan_pb2.ListSnapshotsResponse:
        """Lists snapshots."""
        _manager(request.guild_id)
        return plan_pb2.ListSnapshotsResponse(snapshot_ids=await self._desk.snapshots(request.guild_id))

    async def DiffSnapshot(
        self, request: plan_pb2.DiffSnapshotRequest, context: _Context
    ) -> plan_pb2.DiffSnapshotResponse:
        """Says what changed."""
        _manager(request.guild_id)
        found = await self._desk.difference(request.guild_id, request.snapshot_id)
        rows = [plan_pb2.SnapshotDifference(what=one.what, name=one.name, change=one.change) for one in found]
        return plan_pb2.DiffSnapshotResponse(differences=rows)

    async def RestoreSnapshot(
        self, request: plan_pb2.RestoreSnapshotRequest, context: _Context
    ) -> plan_pb2.RestoreSnapshotResponse:
        """Makes the plan that brings a guild back."""
        _complete(event_id=request.event_id, channel_id=request.channel_id)
        plan_id, refusal = await self._desk.restored(
            request.guild_id,
            request.snapshot_id,
            Asker.of(_manager(request.guild_id)),
            event_id=request.event_id,
            interaction=_interaction(request),
            channel_id=request.channel_id,
            remove_new=request.remove_new,
        )
        return plan_pb2.RestoreSnapshotResponse(plan_id=plan_id, refusal=refusal)

    async def ExportAuditTrail(
        self, request: plan_pb2.ExportAuditTrailRequest, context: _Context
    ) -> plan_pb2.ExportAuditTrailResponse:
        """Gives the audit trail."""
        _manager(request.guild_id)
        as_json = request.format == plan_pb2.AUDIT_FORMAT_JSON
        content, entries = await self._desk.audit_trail(request.guild_id, as_json=as_json)
        return plan_pb2.ExportAuditTrailResponse(content=content, entries=entries)

    async def _visible(self, plan_id: str) -> PlanRecord:
        """A plan of the caller's guild; nobody learns of another guild's."""
        plan = await self._desk.get(plan_id)
        _person(plan.guild_id)
        return plan

    async def _member(self, plan_id: str) -> Person:
        return _person((await self._desk.get(plan_id)).guild_id)


def _person(guild_id: int) -> Person:
    person = current_caller().person
    if person is None or person.guild_id != guild_id:
        raise PermissionDenied("plans belong to members of their guild", reason="NOT_A_MEMBER")
    return person


def _manager(guild_id: int) -> Person:
    person = _person(guild_id)
    if not _manages(person):
        raise PermissionDenied("this is for those who manage the guild", reason="MANAGE_GUILD_MISSING")
    return person


def _manages(person: Person) -> bool:
    return bool(person.permissions & (permissions.bit("manage_guild") | permissions.ADMINISTRATOR))


def _complete(**given: int) -> None:
    missing = {name: "must be set" for name, value in given.items() if not value}
    if missing:
        raise InvalidArgument("the request is incomplete", reason="INCOMPLETE_REQUEST", fields=missing)


def _attached(request: plan_pb2.CreatePlanRequest) -> Attached | None:
    if not request.HasField("attachment"):
        return None
    file = request.attachment
    return Attached(filename=file.filename, content_type=file.content_type, size=file.size, url=file.url)


def _interaction(
    request: plan_pb2.CreatePlanRequest | plan_pb2.UndoPlanRequest | plan_pb2.RestoreSnapshotRequest,
) -> Interaction | None:
    if not request.HasField("interaction"):
        return None
    origin: reply_pb2.InteractionOrigin = request.interaction
    return Interaction(
        application_id=origin.application_id,
        interaction_id=origin.interaction_id,
        token=origin.token,
        ephemeral=origin.ephemeral,
    )
