"""Decisions in the words of the contract, and the contract's words as the domain has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from guildhall.ratelimit.v1 import ratelimit_pb2 as pb

from chassis.errors import GuildhallError
from services.ratelimit.answers import Answer, LimitAnswer
from services.ratelimit.demands import Subject
from services.ratelimit.durations import put

_MICRO = 1_000_000


def subject_of(subject: pb.Subject) -> Subject:
    """For whom."""
    return Subject(
        subject.guild_id,
        subject.user_id,
        tuple(subject.role_ids),
        subject.channel_id,
        subject.model,
        subject.provider,
    )


def charges_of(charges: Sequence[pb.Charge]) -> list[tuple[str, int]]:
    """Limits with what is taken of each."""
    return [(charge.limit, charge.cost or 1) for charge in charges]


def write_states(states: Any, limits: list[LimitAnswer]) -> None:
    """Writes into a repeated field: a message that is made apart is copied when it is put in."""
    for limit in limits:
        state = states.add(limit=limit.limit, allowed=limit.allowed, remaining=limit.remaining, capacity=limit.capacity)
        if limit.shadow or limit.bypassed or limit.degraded:
            state.shadow, state.bypassed, state.degraded = limit.shadow, limit.bypassed, limit.degraded
        if limit.reset_us:
            put(state.reset_after, limit.reset_us)
        if limit.retry_us:
            put(state.retry_after, limit.retry_us)


def write_answer(response: pb.AcquireResponse, answer: Answer) -> None:
    """Writes a decision into a message that is there already."""
    response.allowed = answer.allowed
    if answer.blocking:
        response.blocking_limit = answer.blocking
    if answer.handle:
        response.hold_id = answer.handle
    if answer.repeated:
        response.repeated_request = True
    if answer.retry_us:
        put(response.retry_after, answer.retry_us)
    if answer.waited:
        put(response.waited, round(answer.waited * _MICRO))
    write_states(response.limits, answer.limits)


def answer_of(answer: Answer) -> pb.AcquireResponse:
    """A decision as a message of its own."""
    response = pb.AcquireResponse()
    write_answer(response, answer)
    return response


def write_error(told: pb.DecisionError, error: GuildhallError | None) -> None:
    """Writes why there is no decision."""
    told.SetInParent()
    if error is None:
        return
    told.reason, told.message = error.reason, error.message
    if error.retry_after is not None:
        put(told.retry_after, round(error.retry_after * _MICRO))
