"""A plan as it is kept: from the words to the report."""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from services.executor.plans.choosing import Ambiguity, Problem
from services.executor.plans.operation import Operation, Outcome, Status
from services.executor.replies.question import Asker, Attached, Interaction


class PlanStatus(StrEnum):
    """Where a plan stands."""

    DRAFTING = "drafting"
    QUESTION = "question"
    PREVIEW = "preview"
    APPROVAL = "approval"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    FAILED = "failed"


ENDED = frozenset({PlanStatus.DONE, PlanStatus.CANCELLED, PlanStatus.REFUSED, PlanStatus.FAILED})


class Wish(StrEnum):
    """What somebody asked of a run that is under way."""

    RUN = "run"
    PAUSE = "pause"
    CANCEL = "cancel"


class KeptProblem(BaseModel):
    """A problem as it is kept."""

    code: str
    text: str
    intent: int = -1

    @classmethod
    def of(cls, problem: Problem) -> KeptProblem:
        """From the compiler's or preflight's."""
        return cls(code=problem.code, text=problem.text, intent=problem.intent)


class KeptQuestion(BaseModel):
    """A name that means several things."""

    key: str
    name: str
    candidates: list[tuple[str, str]]

    @classmethod
    def of(cls, question: Ambiguity) -> KeptQuestion:
        """From the compiler's."""
        return cls(key=question.key, name=question.name, candidates=[(c.id, c.label) for c in question.candidates])


class KeptEstimate(BaseModel):
    """An estimate as it is kept."""

    p50: float = 0.0
    p90: float = 0.0
    quotas: list[tuple[str, int, int, float]] = []
    """(the row of the operation table, how many fit, how many are wanted, the window in seconds)."""


class PlanRecord(BaseModel):
    """Everything about one plan."""

    plan_id: str
    guild_id: int
    channel_id: int
    requester: Asker
    status: PlanStatus = PlanStatus.DRAFTING
    version: int = 0
    """Raised with each change; a change of an older version is refused."""
    words: list[str] = []
    """What was asked, the refinements after it."""
    document: Any = None
    """The model's answer; none for undo and restore plans."""
    understood: int = 0
    """How many of the words the document answers to."""
    revision: int = 0
    """Raised whenever a new preview is wanted."""
    runs: int = 0
    """How often a run was begun or resumed."""
    answers: dict[str, str] = {}
    """The choices made for ambiguous names."""
    dropped: list[str] = []
    """Steps that were taken out by hand."""
    left_for_later: int = 0
    """How many of those were beyond Discord's quotas."""
    names: dict[str, str] = {}
    """Names that were changed by hand, by step."""
    attached: Attached | None = None
    """The file that came with the request."""
    picture: str | None = None
    """That file as a data URI, once it was fetched; empty where it cannot be used."""
    polite: bool = False
    dry_run: bool = False
    summary: str = ""
    unsupported: list[str] = []
    question: str = ""
    """What the model must know first."""
    operations: list[Operation] = []
    problems: list[KeptProblem] = []
    questions: list[KeptQuestion] = []
    notes: list[str] = []
    losses: list[str] = []
    """What an undo cannot bring back."""
    high_risk: bool = False
    estimate: KeptEstimate = KeptEstimate()
    created: float = 0.0
    touched: float = 0.0
    expires: float = 0.0
    """When the preview can be confirmed no more; 0 while there is none."""
    interaction: Interaction | None = None
    """Whose original response shows it, until the token dies."""
    message_id: int = 0
    """The message that shows it."""
    page: int = 0
    confirmed_by: int = 0
    confirmed_hash: str = ""
    approver: int = 0
    stale: list[str] = []
    """What changed in the guild since the preview."""
    wish: Wish = Wish.RUN
    pause_reason: str = ""
    resume_at: float = 0.0
    started: float = 0.0
    ended: float = 0.0
    outcomes: dict[str, Outcome] = {}
    """The result of every operation, once the run has ended."""
    undo_of: str = ""
    undone_by: str = ""
    error: str = ""

    @property
    def hash(self) -> str:
        """What a confirmation is bound to: the operations, the targets as they were, and who asked."""
        bound = [operation.model_dump(exclude={"label", "intent"}) for operation in self.operations]
        text = json.dumps([self.plan_id, self.requester.user_id, self.polite, bound], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def count(self, status: Status) -> int:
        """How many operations ended so."""
        return sum(1 for outcome in self.outcomes.values() if outcome.status is status)
