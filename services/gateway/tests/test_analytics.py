"""Uses of commands: counted at the source, bounded, kept in Redis without text, given and forgotten by person."""

from datetime import date
from typing import Any

from redis.asyncio import Redis

from chassis.caller import Person
from chassis.errors import FailedPrecondition, NotFound, PermissionDenied, ResourceExhausted
from chassis.redis_connections import cancellable
from chassis.settings import Live
from services.gateway.analytics.activity import OTHERS, Outcome, Share, Tally, days_until
from services.gateway.analytics.recorder import ActivityRecorder, outcome_of
from services.gateway.analytics.store import ActivityStore
from services.gateway.settings import Analytics, GatewaySettings
from tests.support.clock import ManualClock

ANNA, BERT = Person(user_id=1, guild_id=9), Person(user_id=2, guild_id=9)
TODAY = date(2027, 1, 15)


def settings(**analytics: object) -> Live[GatewaySettings]:
    return Live(
        GatewaySettings.model_validate(
            {"analytics": Analytics.model_validate(analytics), "discord": {"token": "t", "api_base": "http://h"}}
        )
    )


async def test_uses_are_summed_by_hour_command_and_person(redis_url: str) -> None:
    redis: Any = cancellable(Redis.from_url(redis_url))
    clock = ManualClock(1_800_000_000.0)  # 15 January 2027, 08:00 UTC
    store = ActivityStore(redis, settings())
    recorder = ActivityRecorder(store, settings(), clock)
    for _ in range(3):
        recorder.note(ANNA, 9, "/ask", Outcome.DONE)
    recorder.note(BERT, 9, "/ask", Outcome.DENIED)
    clock.advance(3600)
    recorder.note(BERT, 9, "/image", Outcome.ERROR)
    recorder.note(ANNA, 8, "/ask", Outcome.DONE)
    await recorder.flush()
    recorder.note(ANNA, 9, "/ask", Outcome.DONE)
    await recorder.flush()

    activity = await store.read(9, [TODAY])
    assert (activity.total(), activity.total(Outcome.DENIED), activity.total(Outcome.ERROR)) == (6, 1, 1)
    assert activity.commands(10) == [("/ask", 5), ("/image", 1)]
    assert activity.by_hour()[8:10] == [4, 2]
    assert activity.people(Outcome.ERROR, 10) == [(2, 1)]
    assert ("2027-01-15", 8, "/ask", "denied", 1) in activity.rows()
    assert ("2027-01-15", 1, "done", 4) in activity.person_rows()
    assert not (await store.read(9, [date(2027, 1, 14)])).total()
    # Nothing but names, hours and outcomes is kept, and none of it for ever.
    for key in await redis.keys("*"):
        assert key.startswith(b"gateway:activity:")
        assert 0 < await redis.ttl(key) <= 90 * 86_400
    await redis.aclose()


async def test_a_persons_part_is_given_and_forgotten_while_sums_stay(redis_url: str) -> None:
    redis = cancellable(Redis.from_url(redis_url))
    store = ActivityStore(redis, settings())
    recorder = ActivityRecorder(store, settings(), ManualClock(1_800_000_000.0))
    recorder.note(ANNA, 9, "/ask", Outcome.DONE)
    recorder.note(ANNA, 8, "/ask", Outcome.DENIED)
    recorder.note(BERT, 9, "/ask", Outcome.DONE)
    await recorder.flush()
    assert await store.shares_of(1) == {Share(9, TODAY, 1, Outcome.DONE): 1, Share(8, TODAY, 1, Outcome.DENIED): 1}
    assert await store.forget(1) == 2
    assert not await store.shares_of(1)
    activity = await store.read(9, [TODAY])
    assert activity.total() == 2
    assert {share.user_id for share in activity.shares} == {2}
    assert await store.shares_of(2)
    await redis.aclose()


async def test_further_people_of_a_day_count_together(redis_url: str) -> None:
    redis = cancellable(Redis.from_url(redis_url))
    store = ActivityStore(redis, settings(people_per_day=1))
    recorder = ActivityRecorder(store, settings(), ManualClock(1_800_000_000.0))
    for user_id in range(1, 20):
        recorder.note(Person(user_id=user_id, guild_id=9), 9, "/ask", Outcome.DONE)
        await recorder.flush()
    recorder.note(Person(user_id=1, guild_id=9), 9, "/ask", Outcome.DONE)
    await recorder.flush()
    activity = await store.read(9, [TODAY])
    assert sum(activity.shares.values()) == activity.total() == 20
    assert activity.shares[Share(9, TODAY, 1, Outcome.DONE)] == 2
    assert activity.shares[Share(9, TODAY, OTHERS, Outcome.DONE)] == 16
    await redis.aclose()


async def test_what_could_not_be_written_is_written_later(redis_url: str) -> None:
    away = Redis.from_url("redis://127.0.0.1:1/0", socket_connect_timeout=0.2)
    redis = cancellable(Redis.from_url(redis_url))
    recorder = ActivityRecorder(ActivityStore(away, settings()), settings(), ManualClock(1_800_000_000.0))
    recorder.note(ANNA, 9, "/ask", Outcome.DONE)
    await recorder.flush()
    recorder._store = ActivityStore(redis, settings())
    await recorder.flush()
    assert (await recorder._store.read(9, [TODAY])).total() == 1
    await away.aclose()
    await redis.aclose()


async def test_nothing_is_kept_where_it_is_turned_off(redis_url: str) -> None:
    redis = cancellable(Redis.from_url(redis_url))
    recorder = ActivityRecorder(ActivityStore(redis, settings()), settings(enabled=False), ManualClock())
    recorder.note(ANNA, 9, "/ask", Outcome.DONE)
    await recorder.flush()
    assert await redis.keys("*") == []
    await redis.aclose()


def test_what_waits_is_bounded_and_what_is_lost_is_known() -> None:
    tally = Tally(most=100)
    for user_id in range(150):
        tally.note(guild_id=9, user_id=user_id, command="/ask", outcome=Outcome.DONE, now=0.0)
    tally.note(guild_id=9, user_id=1, command="/ask", outcome=Outcome.DONE, now=0.0)
    assert tally.lost == 50
    batch = tally.take()
    assert sum(batch.moments.values()) == sum(batch.shares.values()) == 101
    assert not tally.take()
    tally.put_back(batch)
    assert sum(tally.take().moments.values()) == 101


def test_a_denial_is_no_error() -> None:
    assert outcome_of(None) is Outcome.DONE
    assert outcome_of(PermissionDenied("no", reason="FEATURE_FORBIDDEN")) is Outcome.DENIED
    assert outcome_of(ResourceExhausted("no", reason="QUOTA")) is Outcome.DENIED
    assert outcome_of(FailedPrecondition("no", reason="CLOSED_HERE")) is Outcome.DENIED
    assert outcome_of(NotFound("no", reason="MODEL_UNKNOWN")) is Outcome.ERROR


def test_days_end_today() -> None:
    assert days_until(1_800_000_000.0, 2) == [date(2027, 1, 14), TODAY]
