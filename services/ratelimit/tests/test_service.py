"""The whole contract over gRPC: repeats, waiting, reservations, resets, rights, shadow, reload and bad input."""

import asyncio
import time
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from google.protobuf.duration_pb2 import Duration
from guildhall.admin.v1 import admin_pb2, admin_pb2_grpc
from guildhall.ratelimit.v1 import ratelimit_pb2 as pb
from guildhall.ratelimit.v1 import ratelimit_pb2_grpc

from chassis.caller import Caller, Person
from chassis.errors import GuildhallError, from_rpc_error
from chassis.testing import channel_to, running_service
from services.ratelimit.app import build
from services.ratelimit.limits import Limits
from services.ratelimit.settings import RatelimitSettings
from services.ratelimit.tests.conftest import Start
from tests.support import eventually

LIMITS: dict[str, Any] = {
    "policies": {
        "few": {"algorithm": "sliding_window", "by": ["person"], "limit": 2, "window": "1h"},
        "quick": {"algorithm": "token_bucket", "by": ["person"], "capacity": 1, "rate": 20, "per": 1},
        "shadowed": {"algorithm": "sliding_window", "by": ["person"], "limit": 1, "window": "1h", "mode": "shadow"},
        "tokens": {"algorithm": "calendar", "by": ["guild"], "limit": 1000, "period": "day"},
        "money": {"algorithm": "calendar", "by": ["provider"], "limit": 5000, "period": "month"},
        "slots": {"algorithm": "concurrency", "by": ["person"], "limit": 1, "ttl": "1m"},
    },
    "groups": {"all": ["few", "shadowed"], "budget": ["tokens", "money"]},
}
ADMIN = Person(user_id=7, guild_id=1, permissions=1 << 3)


def acquire(*names: str, user: int = 7, wait: float = 0, costs: tuple[int, ...] = (), **more: Any) -> pb.AcquireRequest:
    charges = [pb.Charge(limit=name, cost=cost) for name, cost in zip(names, costs or (1,) * len(names), strict=True)]
    request = pb.AcquireRequest(subject=pb.Subject(user_id=user, guild_id=1), charges=charges, **more)
    if wait:
        request.max_wait.FromMilliseconds(round(wait * 1000))
    return request


async def refused(call: Any) -> GuildhallError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    assert caught.value.code() is not grpc.StatusCode.UNKNOWN
    return from_rpc_error(caught.value)


async def test_all_or_none_and_a_denial_takes_nothing(start: Start) -> None:
    async with start(LIMITS) as (limits, _):
        assert (await limits.Acquire(acquire("few", costs=(2,)), timeout=5)).allowed
        denied = await limits.Acquire(acquire("quick", "few"), timeout=5)
        assert not denied.allowed
        assert denied.blocking_limit == "few"
        assert [state.remaining for state in denied.limits] == [1, 0]
        assert (await limits.Acquire(acquire("quick"), timeout=5)).allowed


async def test_a_repeat_of_an_admitted_request_is_free_and_another_request_may_not_use_its_id(start: Start) -> None:
    async with start(LIMITS) as (limits, _):
        request = acquire("few", request_id="event/1")
        first = await limits.Acquire(request, timeout=5)
        again = await asyncio.gather(*(limits.Acquire(request, timeout=5) for _ in range(5)))
        assert all(answer.allowed and answer.repeated_request for answer in again)
        assert not first.repeated_request
        assert (await limits.Peek(pb.PeekRequest(subject=request.subject, charges=request.charges), timeout=5)).limits[
            0
        ].remaining == 1
        error = await refused(limits.Acquire(acquire("few", costs=(2,), request_id="event/1"), timeout=5))
        assert error.reason == "REQUEST_ID_REUSED"


async def test_two_repeats_at_the_same_moment_take_once(start: Start) -> None:
    async with start(LIMITS) as (limits, _):
        request = acquire("few", request_id="event/2")
        answers = await asyncio.gather(*(limits.Acquire(request, timeout=5) for _ in range(10)))
        assert sum(not answer.repeated_request for answer in answers) == 1
        assert (await limits.Acquire(acquire("few"), timeout=5)).limits[0].remaining == 0


async def test_waiting_is_in_turns_between_people_and_within_the_deadline(start: Start) -> None:
    shared = {
        "policies": {"shared": {"algorithm": "token_bucket", "by": ["guild"], "capacity": 1, "rate": 20, "per": 1}}
    }
    async with start(shared | {"groups": {}}) as (limits, _):
        assert (await limits.Acquire(acquire("shared"), timeout=5)).allowed
        order: list[int] = []

        async def wait(user: int) -> None:
            answer = await limits.Acquire(acquire("shared", user=user, wait=5), timeout=6)
            assert answer.allowed
            order.append(user)

        greedy = [asyncio.create_task(wait(1)) for _ in range(6)]
        await asyncio.gather(*greedy[:1])
        modest = [asyncio.create_task(wait(2)) for _ in range(2)]
        await asyncio.gather(*greedy, *modest)
        assert order.index(2) <= 3
        begun = time.monotonic()
        late = await limits.Acquire(acquire("shared", costs=(1,), wait=0.01), timeout=5)
        assert time.monotonic() - begun < 2
        assert late.allowed or late.retry_after.ToMilliseconds() >= 0


async def test_a_wait_that_cannot_help_is_answered_at_once(start: Start) -> None:
    async with start(LIMITS) as (limits, _):
        assert (await limits.Acquire(acquire("few", costs=(2,)), timeout=5)).allowed
        begun = time.monotonic()
        denied = await limits.Acquire(acquire("few", wait=3), timeout=5)
        assert not denied.allowed
        assert denied.retry_after.seconds > 3000
        assert time.monotonic() - begun < 2


async def test_streams_and_batches_keep_the_order_and_tell_errors_apart(start: Start) -> None:
    async with start(LIMITS) as (limits, _):
        requests = [acquire("few", user=9), acquire("nothing"), acquire("few", user=9), acquire("few", user=9)]
        batch = await limits.AcquireBatch(pb.AcquireBatchRequest(requests=requests), timeout=5)
        assert [one.WhichOneof("outcome") for one in batch.decisions] == ["response", "error", "response", "response"]
        assert [one.response.allowed for one in batch.decisions] == [True, False, True, False]
        assert batch.decisions[1].error.reason == "UNKNOWN_LIMIT"

        async def send() -> Any:
            for request in [
                acquire("few", user=10),
                acquire("nothing"),
                acquire("few", user=10),
                acquire("few", user=10),
            ]:
                yield pb.AcquireStreamRequest(request=request)

        answers = [answer async for answer in limits.AcquireStream(send(), timeout=5)]
        assert [answer.response.allowed for answer in answers] == [True, False, True, False]
        assert answers[1].error.reason == "UNKNOWN_LIMIT"


async def test_a_reservation_is_held_settled_once_and_gives_back_the_rest(start: Start) -> None:
    subject = pb.Subject(guild_id=1, provider="openai")
    reserve = pb.ReserveRequest(
        request_id="turn-1", subject=subject, charges=[pb.Charge(limit="budget", cost=800)], ttl=Duration(seconds=60)
    )
    async with start(LIMITS) as (limits, _):
        held = await limits.Reserve(reserve, timeout=5)
        assert held.allowed
        assert [state.remaining for state in held.limits] == [200, 4200]
        assert (await limits.Reserve(reserve, timeout=5)).reservation == held.reservation
        other = pb.ReserveRequest(request_id="turn-2", subject=subject, charges=[pb.Charge(limit="tokens", cost=300)])
        assert not (await limits.Reserve(other, timeout=5)).allowed
        extended = await limits.Extend(
            pb.ExtendRequest(reservation=held.reservation, ttl=Duration(seconds=300)), timeout=5
        )
        assert extended.expire_time.seconds - time.time() > 200
        settle = pb.SettleRequest(
            reservation=held.reservation,
            usages=[pb.Usage(limit="budget", amount=100), pb.Usage(limit="money", amount=40)],
        )
        settled = await limits.Settle(settle, timeout=5)
        assert [state.remaining for state in settled.limits] == [900, 4960]
        assert (await limits.Settle(settle, timeout=5)).already_settled
        error = await refused(limits.Extend(pb.ExtendRequest(reservation=held.reservation), timeout=5))
        assert error.reason == "RESERVATION_SETTLED"
        assert (await limits.Reserve(other, timeout=5)).allowed


async def test_settlements_of_a_batch_are_each_by_itself(start: Start) -> None:
    subject = pb.Subject(guild_id=1, provider="openai")
    async with start(LIMITS) as (limits, _):
        held = [
            await limits.Reserve(
                pb.ReserveRequest(
                    request_id=f"turn-{number}", subject=subject, charges=[pb.Charge(limit="tokens", cost=300)]
                ),
                timeout=5,
            )
            for number in range(3)
        ]
        requests = [
            pb.SettleRequest(reservation=held[0].reservation, usages=[pb.Usage(limit="tokens", amount=100)]),
            pb.SettleRequest(reservation="nobody's"),
            pb.SettleRequest(reservation=held[1].reservation, nothing_sent=True),
            pb.SettleRequest(reservation=held[0].reservation),
        ]
        told = (await limits.SettleBatch(pb.SettleBatchRequest(requests=requests), timeout=5)).settlements
        assert [one.WhichOneof("outcome") for one in told] == ["response", "error", "response", "response"]
        assert told[1].error.reason == (await refused(limits.Settle(requests[1], timeout=5))).reason
        assert [one.response.already_settled for one in told] == [False, False, False, True]
        left = await limits.Settle(pb.SettleRequest(reservation=held[2].reservation), timeout=5)
        # Of 1,000, the first took 100, the second nothing and the third what it had estimated.
        assert [state.remaining for state in left.limits] == [600]


async def test_an_estimate_that_a_limit_never_holds_is_denied_for_good(start: Start) -> None:
    async with start(LIMITS) as (limits, _):
        reserve = pb.ReserveRequest(
            request_id="turn", subject=pb.Subject(guild_id=1), charges=[pb.Charge(limit="tokens", cost=1001)]
        )
        denied = await limits.Reserve(reserve, timeout=5)
        assert not denied.allowed
        assert denied.blocking_limit == "tokens"
        assert denied.retry_after.ToMicroseconds() == 0


async def test_concurrency_slots_are_released(start: Start) -> None:
    async with start(LIMITS) as (limits, _):
        first = await limits.Acquire(acquire("slots"), timeout=5)
        assert first.allowed
        assert not (await limits.Acquire(acquire("slots"), timeout=5)).allowed
        waiting = asyncio.ensure_future(limits.Acquire(acquire("slots", wait=4), timeout=5))
        assert (await limits.Release(pb.ReleaseRequest(hold_id=first.hold_id), timeout=5)).released
        assert not (await limits.Release(pb.ReleaseRequest(hold_id=first.hold_id), timeout=5)).released
        assert (await waiting).allowed
        begun = time.monotonic()
        assert not (await limits.Acquire(acquire("slots", wait=0.3), timeout=5)).allowed
        assert 0.2 < time.monotonic() - begun < 3


async def test_shadow_mode_counts_and_never_denies(start: Start) -> None:
    async with start(LIMITS) as (limits, _):
        first = await limits.Acquire(acquire("all"), timeout=5)
        second = await limits.Acquire(acquire("all"), timeout=5)
        assert [state.allowed for state in first.limits] == [True, True]
        assert second.allowed
        assert [(state.limit, state.allowed, state.shadow) for state in second.limits] == [
            ("few", True, False),
            ("shadowed", False, True),
        ]


async def test_rights_lift_a_limit_for_the_person_who_has_them_and_what_is_used_counts(start: Start) -> None:
    limits_ = LIMITS | {"bypass": {"permissions": ["administrator"]}}
    async with start(limits_, caller=Caller("gateway", ADMIN)) as (limits, _):
        answers = [await limits.Acquire(acquire("few"), timeout=5) for _ in range(4)]
        assert all(answer.allowed for answer in answers)
        assert [state.bypassed for answer in answers for state in answer.limits] == [False, False, True, True]
        assert answers[-1].limits[0].remaining == 0
        others = [await limits.Acquire(acquire("few", user=8), timeout=5) for _ in range(3)]
        assert [answer.allowed for answer in others] == [True, True, False]


async def test_a_reset_is_for_administrators_of_the_guild_and_is_audited(start: Start, redis_url: str) -> None:
    import redis.asyncio

    reset = pb.ResetRequest(subject=pb.Subject(user_id=8, guild_id=1), limits=["few"], reason="made up for an outage")
    async with start(LIMITS, caller=Caller("gateway", ADMIN)) as (limits, _):
        assert (await limits.Acquire(acquire("few", user=8, costs=(2,)), timeout=5)).allowed
        assert list((await limits.Reset(reset, timeout=5)).limits) == ["few"]
        assert (await limits.Acquire(acquire("few", user=8), timeout=5)).allowed
        wide = pb.ResetRequest(subject=pb.Subject(provider="openai", guild_id=1), limits=["money"], reason="try")
        assert (await refused(limits.Reset(wide, timeout=5))).reason == "NOT_AN_ADMINISTRATOR"
        unexplained = pb.ResetRequest(subject=reset.subject, limits=["few"])
        assert (await refused(limits.Reset(unexplained, timeout=5))).reason == "NO_REASON"
    member = Person(user_id=7, guild_id=1)
    elsewhere = Person(user_id=7, guild_id=2, permissions=1 << 3)
    for person in (member, elsewhere):
        async with start(LIMITS, caller=Caller("gateway", person)) as (limits, _):
            assert (await refused(limits.Reset(reset, timeout=5))).reason == "NOT_AN_ADMINISTRATOR"
    async with redis.asyncio.Redis.from_url(redis_url, decode_responses=True) as client:
        found: Any = await client.xrange("ratelimit:{*}:audit")
        entries = [entry for _, entry in found]
        assert [entry["allowed"] for entry in entries] == ["1", "0", "0", "0"]
        assert entries[0]["by"] == "7"
        assert await client.ttl("ratelimit:{*}:audit") > 0


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (acquire("nothing"), "UNKNOWN_LIMIT"),
        (acquire("x" * 5000), "UNKNOWN_LIMIT"),
        (acquire(), "NO_CHARGES"),
        (acquire("few", user=0), "EMPTY_SUBJECT"),
        (acquire("few", costs=(3,)), "COST_ABOVE_CAPACITY"),
        (acquire("few", costs=(2**64 - 1,)), "COST_OUT_OF_RANGE"),
        (acquire(*["few"] * 10_000), "TOO_MANY_LIMITS"),
        (acquire("few", request_id="a b"), "INVALID_REQUEST_ID"),
        (acquire("few", request_id="a" * 129), "INVALID_REQUEST_ID"),
        (acquire("few", wait=-1), "INVALID_MAX_WAIT"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_bad_input_is_refused_clearly_and_the_service_goes_on(
    start: Start, request_: pb.AcquireRequest, reason: str
) -> None:
    async with start(LIMITS) as (limits, _):
        error = await refused(limits.Acquire(request_, timeout=5))
        assert error.reason == reason
        assert error.fields
        assert (await limits.Acquire(acquire("few"), timeout=5)).allowed


async def test_bad_handles_and_times_are_refused(start: Start) -> None:
    async with start(LIMITS) as (limits, _):
        for handle in ("", "nonsense", "r!x~*; DROP", "r!" + "x" * 200 + "~*"):
            error = await refused(limits.Settle(pb.SettleRequest(reservation=handle), timeout=5))
            assert error.reason == "INVALID_HANDLE"
        unknown = await refused(limits.Settle(pb.SettleRequest(reservation="r!never~g1"), timeout=5))
        assert unknown.reason == "RESERVATION_NOT_FOUND"
        charges = [pb.Charge(limit="tokens")]
        nameless = pb.ReserveRequest(subject=pb.Subject(guild_id=1), charges=charges)
        assert (await refused(limits.Reserve(nameless, timeout=5))).reason == "NO_REQUEST_ID"
        endless = pb.ReserveRequest(
            request_id="a", subject=pb.Subject(guild_id=1), charges=charges, ttl=Duration(seconds=10**6)
        )
        assert (await refused(limits.Reserve(endless, timeout=5))).reason == "INVALID_TTL"


async def test_a_reload_puts_new_policies_in_force(redis_url: str, tmp_path: Path) -> None:
    path = tmp_path / "guildhall.yaml"
    path.write_text(yaml.safe_dump({"limits": LIMITS}))
    variables = {"GUILDHALL_CONFIG": str(path), "REDIS_URL": redis_url}
    async with (
        running_service("ratelimit", RatelimitSettings, build, variables=variables) as service,
        channel_to(service.address, Caller("gateway"), audience="ratelimit") as channel,
    ):
        limits = ratelimit_pb2_grpc.RateLimitServiceStub(channel)
        assert (await limits.Acquire(acquire("few", costs=(2,)), timeout=5)).allowed
        more = Limits.model_validate(
            {"policies": LIMITS["policies"] | {"few": LIMITS["policies"]["few"] | {"limit": 5}}, "groups": {}}
        )
        old = service.runtime.settings.current
        service.runtime.settings.replace(old.model_copy(update={"limits": more}))
        answer = await limits.Acquire(acquire("few"), timeout=5)
        assert answer.allowed
        assert answer.limits[0].capacity == 5
        assert (await refused(limits.Acquire(acquire("all"), timeout=5))).reason == "UNKNOWN_LIMIT"
        status = service.runtime.statuses["limits"]()
        assert status["hottest"] == [{"subject": "user", "id": "7", "requests": 2}]
        dump: Any = service.runtime.statuses["policies"]()
        assert dump["version"] == status["version"]
        assert dump["policies"]["few"] == {
            "algorithm": "sliding_window",
            "by": ["person"],
            "limit": 5,
            "window": 3600.0,
        }
        await eventually(lambda: service.runtime.statuses["limits"]()["replicas"] == 1)


async def test_a_bad_file_is_refused_with_its_paths_and_changes_nothing(redis_url: str, tmp_path: Path) -> None:
    path = tmp_path / "guildhall.yaml"
    path.write_text(yaml.safe_dump({"limits": LIMITS}))
    variables = {"GUILDHALL_CONFIG": str(path), "REDIS_URL": redis_url}
    async with (
        running_service("ratelimit", RatelimitSettings, build, variables=variables) as service,
        channel_to(service.address, Caller("gateway"), audience="ratelimit") as channel,
    ):
        limits, admin = ratelimit_pb2_grpc.RateLimitServiceStub(channel), admin_pb2_grpc.AdminServiceStub(channel)
        bad = {"few": LIMITS["policies"]["few"] | {"limit": -1}, "quick": {"algorithm": "none"}}
        path.write_text(yaml.safe_dump({"limits": LIMITS | {"policies": LIMITS["policies"] | bad}}))
        outcome = (await admin.Reload(admin_pb2.ReloadRequest(), timeout=5)).outcome
        assert not outcome.accepted
        assert any("limits.policies.few" in problem for problem in outcome.problems)
        assert any("limits.policies.quick" in problem for problem in outcome.problems)
        assert (await limits.Acquire(acquire("few", costs=(2,)), timeout=5)).allowed
        good = {"few": LIMITS["policies"]["few"] | {"limit": 3}}
        path.write_text(yaml.safe_dump({"limits": LIMITS | {"policies": LIMITS["policies"] | good}}))
        assert (await admin.Reload(admin_pb2.ReloadRequest(), timeout=5)).outcome.accepted
        assert (await limits.Acquire(acquire("few"), timeout=5)).limits[0].capacity == 3


def test_the_shipped_file_says_what_the_defaults_are() -> None:
    shipped = yaml.safe_load(Path("guildhall.yaml").read_text())["limits"]
    assert Limits.model_validate(shipped) == Limits()
