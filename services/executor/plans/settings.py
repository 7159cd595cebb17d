"""How plans are made, confirmed and run."""

from __future__ import annotations

from pydantic import Field

from chassis.settings import Section


class PlanSettings(Section):
    """Everything about plans that may differ between installations."""

    max_request_chars: int = Field(default=4_000, ge=1)
    """The longest request in words."""
    max_operations: int = Field(default=2_000, ge=1)
    """The largest plan."""
    confirm_minutes: float = Field(default=15.0, gt=0)
    """How long a preview can be confirmed."""
    confirm_minutes_bulk: float = Field(default=60.0, gt=0)
    """The same for plans of many steps."""
    bulk_operations: int = Field(default=50, ge=1)
    """From how many steps on a plan is one of many."""
    many_deletions: int = Field(default=10, ge=1)
    """From how many irreversible steps on a plan counts as high risk."""
    second_approver_guilds: tuple[int, ...] = ()
    """Guilds in which somebody else must approve plans of high risk."""
    immediate_guilds: tuple[int, ...] = ()
    """Guilds in which small, additive, reversible plans run at once."""
    immediate_operations: int = Field(default=5, ge=1)
    """How many steps such a plan has at most."""
    keep_days: int = Field(default=30, ge=1)
    """How long runs, their reports and what undo needs are kept."""
    model_timeout_seconds: float = Field(default=90.0, gt=0)
    """How long the model may take to put a request into intents."""
    context_names: int = Field(default=400, ge=0)
    """How many names of channels and roles the model is shown."""
    members_limit: int = Field(default=20_000, ge=1)
    """The largest guild whose members are all fetched for a plan."""
    concurrency_start: int = Field(default=4, ge=1)
    """Calls at once at the beginning of a run; each success adds one."""
    concurrency_max: int = Field(default=10, ge=1)
    """Calls at once at most, for each guild."""
    concurrency_ahead: int = Field(default=2, ge=0)
    """Operations beyond those that may travel whose permit and journal entry are got ready."""
    outstanding_max: int = Field(default=40, ge=1)
    """Operations at once at most, for each guild, that wait for their permit or travel: one bucket's queue holds up
    nothing that other buckets would take."""
    bulk_calls_per_second: int = Field(default=48, ge=1)
    """What ratelimit leaves to bulk work of Discord's 50 calls a second; for estimates."""
    concurrency_polite: int = Field(default=1, ge=1)
    """Calls at once at the polite pace."""
    polite_interval_seconds: float = Field(default=1.5, ge=0)
    """The pause between two calls at the polite pace, which keeps protection bots calm."""
    call_attempts: int = Field(default=5, ge=1)
    """How often an operation is tried before it counts as failed."""
    breaker_failures: int = Field(default=3, ge=1)
    """Failures in a row (5xx, time-outs, broken connections) that open the breaker of a class of routes."""
    breaker_pause_seconds: float = Field(default=2.0, gt=0)
    """The first pause of an open breaker; it doubles with each failed probe."""
    breaker_max_pause_seconds: float = Field(default=300.0, gt=0)
    """The longest pause of an open breaker."""
    outage_seconds: float = Field(default=900.0, gt=0)
    """How long a breaker may stay open before the run pauses."""
    settle_seconds: float = Field(default=12.0, gt=0)
    """How long after a time-out a creation may still turn up, before it counts as not done."""
    settle_poll_seconds: float = Field(default=1.0, gt=0)
    """The pause between two looks at whether it has."""
    authority_seconds: float = Field(default=5.0, gt=0)
    """How old the facts about the requester's rights may be when an operation is made."""
    progress_seconds: float = Field(default=2.0, gt=0)
    """The pause between two edits of the progress message."""
    control_seconds: float = Field(default=0.3, gt=0)
    """How soon a pause or a cancellation is noticed."""
    wait_at_most_seconds: float = Field(default=120.0, gt=0)
    """The longest wait for a quota; beyond it the run pauses and says until when."""
    latency_seconds: float = Field(default=0.2, gt=0)
    """The time of one call, for estimates, before any has been measured."""
    overhead_seconds: float = Field(default=0.02, ge=0)
    """What each call costs beside Discord's time, permit and journal, before any has been measured."""
    audit_entries: int = Field(default=100_000, ge=100)
    """How many entries of the audit trail are kept for each guild."""
