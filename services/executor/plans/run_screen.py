"""What people see of a run: progress while it lasts, and the report at its end."""

from __future__ import annotations

import asyncio

import structlog

from services.executor.discord.bodies import File
from services.executor.discord.errors import DiscordError
from services.executor.jobs.model import Fence, LeaseLost
from services.executor.plans.estimate import learned, play
from services.executor.plans.latencies import Latencies
from services.executor.plans.operation import Status
from services.executor.plans.present import card, contract
from services.executor.plans.record import PlanRecord, PlanStatus
from services.executor.plans.run_state import Progress
from services.executor.plans.saying import saying
from services.executor.plans.screen import Screen
from services.executor.plans.settings import PlanSettings
from views.plans import progress as progress_view

_log = structlog.get_logger(__name__)

_LONG_REPORT = 20
_LEFT = (Status.PENDING, Status.INTENT, Status.UNKNOWN)


class RunScreen:
    """Shows runs in the message of their plan."""

    def __init__(self, screen: Screen, settings: PlanSettings, latencies: Latencies) -> None:
        self._screen = screen
        self._settings = settings
        self._latencies = latencies

    async def follow(self, plan: PlanRecord, progress: Progress, fence: Fence) -> None:
        """Edits the message while something changes, until cancelled."""
        text = saying(plan.requester.locale)
        shown = None
        while True:
            await asyncio.sleep(self._settings.progress_seconds)
            outcomes = dict(progress.outcomes)
            rest = [operation for operation in plan.operations if outcomes[operation.id].status in _LEFT]
            trouble = text("plan.progress.trouble", seconds=round(progress.waiting_for)) if progress.waiting_for else ""
            told = contract(plan, outcomes, waiting_for=trouble)
            # What this run itself has learned counts too.
            model = learned(self._settings, self._latencies, 0.5, polite=plan.polite, begun=True)
            body = progress_view.progress(told, text, remaining=progress.waiting_for + play(rest, model))
            if body == shown:
                continue
            try:
                await self._screen.show(plan, body, fence, final=False)
            except (LeaseLost, DiscordError) as error:
                _log.info("plan.progress_not_shown", plan_id=plan.plan_id, error=str(error))
            shown = body

    async def report(self, plan: PlanRecord, fence: Fence) -> None:
        """Shows how a run ended, or that it stands still; in a file too where there is much to tell."""
        files = []
        if len(plan.operations) > _LONG_REPORT and plan.status is not PlanStatus.PAUSED:
            text = saying(plan.requester.locale)
            told = progress_view.report_text(contract(plan), text).encode()
            files = [File(text("plan.report.file"), told)]
        await self._screen.show(plan, card(plan), fence, files=files)
