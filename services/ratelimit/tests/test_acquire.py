"""Acquire as callers see it, over gRPC, with the limits that are shipped."""

from guildhall.ratelimit.v1 import ratelimit_pb2 as pb

from services.ratelimit.tests.conftest import Start


def ask(user: int = 7, limit: str = "ask", **more: object) -> pb.AcquireRequest:
    return pb.AcquireRequest(subject=pb.Subject(user_id=user), charges=[pb.Charge(limit=limit)], **more)  # type: ignore[arg-type]


async def test_a_person_may_ask_five_times_at_once_and_others_are_not_affected(start: Start) -> None:
    async with start() as (limits, _):
        answers = [await limits.Acquire(ask(), timeout=5) for _ in range(6)]
        assert [answer.allowed for answer in answers] == [True] * 5 + [False]
        denied = answers[-1]
        assert denied.blocking_limit == "person_burst"
        assert 3.0 < denied.retry_after.ToMilliseconds() / 1000 <= 4.0
        assert [state.remaining for state in denied.limits] == [0, 10]
        assert (await limits.Acquire(ask(user=8), timeout=5)).allowed
