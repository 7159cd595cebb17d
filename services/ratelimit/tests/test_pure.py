"""The pure parts: calendar, fair queue, busiest subjects, routes and headers of Discord."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import InvalidArgument
from services.ratelimit.calendar import Period, boundaries
from services.ratelimit.discord.answers import read_answer
from services.ratelimit.discord.routes import classify
from services.ratelimit.discord.settings import DiscordLimits
from services.ratelimit.fair_queue import FairQueue
from services.ratelimit.meters import Hottest

ZONES = st.sampled_from(("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/Sao_Paulo", "Pacific/Apia"))
PERIODS: st.SearchStrategy[Period] = st.sampled_from(("hour", "day", "week", "month"))


@given(now=st.integers(1_000_000_000, 2_500_000_000), zone=ZONES, period=PERIODS)
def test_boundaries_follow_one_another_around_now(now: int, zone: str, period: Period) -> None:
    found = boundaries(now * 1_000_000, period, ZoneInfo(zone))
    assert list(found) == sorted(set(found))
    assert found[1] <= now * 1_000_000 < found[2]


def test_a_day_on_which_clocks_change_has_23_or_25_hours() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    for day, hours in (((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2026, 6, 1), 24)):
        noon = int(datetime(*day, 12, tzinfo=berlin).timestamp()) * 1_000_000
        _, start, end, _ = boundaries(noon, "day", berlin)
        assert end - start == hours * 3_600_000_000


def served(queue: FairQueue[str], number: int) -> list[str]:
    order = []
    for _ in range(number):
        (head,) = queue.due(0.0)
        order.append(head.item)
        queue.served(head)
    return order


def test_flows_take_turns_however_much_one_asks_for() -> None:
    queue: FairQueue[str] = FairQueue()
    for number in range(4):
        queue.add(f"a{number}", "r", flow="a", until=0)
    queue.add("b0", "r", flow="b", until=0)
    queue.add("b1", "r", flow="b", until=0)
    assert served(queue, 6) == ["a0", "b0", "a1", "b1", "a2", "a3"]
    assert len(queue) == 0


def test_the_more_important_goes_first_and_a_blocked_head_keeps_its_place() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.add("bulk", "r", flow="a", until=0, priority=3)
    queue.add("final", "r", flow="a", until=5, priority=1)
    (head,) = queue.due(0.0)
    assert head.item == "final"
    queue.blocked(head, "r", 10.0)
    assert queue.due(9.0) == []
    assert queue.next_time() == 10.0
    (again,) = queue.due(10.0)
    assert again.item == "final"
    queue.blocked(again, "other", 12.0)
    assert [waiter.item for waiter in queue.due(10.0)] == ["bulk"]
    assert queue.waits("other", 1)
    assert not queue.waits("other", 0)


def test_whoever_leaves_is_not_tried() -> None:
    queue: FairQueue[str] = FairQueue()
    first = queue.add("first", "r", flow="a", until=0)
    queue.add("second", "r", flow="b", until=0)
    queue.left(first)
    assert served(queue, 1) == ["second"]
    assert queue.next_time() is None


def test_a_poke_tries_the_head_at_once() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.add("one", "r", flow="a", until=100.0)
    assert queue.due(1.0) == []
    queue.poke("r")
    assert [waiter.item for waiter in queue.due(1.0)] == ["one"]


def test_a_poke_while_the_head_is_tried_is_not_lost() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.add("waits", "r", flow="a", until=0.0)
    (head,) = queue.due(1.0)
    # The head saw the resource as it was before it came free.
    queue.poke("r")
    queue.blocked(head, "r", 60.0)
    assert queue.due(1.0) == [head]
    queue.blocked(head, "r", 60.0)
    assert queue.due(1.0) == []


def test_the_busiest_are_found_among_many() -> None:
    hottest = Hottest(keep=50)
    for number in range(20_000):
        hottest.saw(f"u{number}")
        if number % 10 == 0:
            hottest.saw("busy")
        if number % 25 == 0:
            hottest.saw("second")
    assert [name for name, _ in hottest.top(2)] == ["busy", "second"]


SETTINGS = DiscordLimits()
NOW = 1_800_000_000.0


def snowflake(age: float) -> int:
    return (round((NOW - age) * 1000) - 1_420_070_400_000) << 22


def name(method: str, template: str, message_id: int = 0) -> str:
    found = classify(
        SETTINGS, method=method, template=template, major="channels/1", aspect="", message_id=message_id, now=NOW
    )
    return found.name


def test_deletes_count_by_the_age_of_the_message_and_so_do_late_edits() -> None:
    template = "/channels/{channel_id}/messages/{message_id}"
    names = [name("DELETE", template, snowflake(age)) for age in (1, 60, 15 * 86_400)]
    assert names == [
        "DELETE /channels/{}/messages/{} new",
        "DELETE /channels/{}/messages/{}",
        "DELETE /channels/{}/messages/{} old",
    ]
    assert name("PATCH", template, snowflake(7200)).endswith(" old")
    assert name("PATCH", template, snowflake(60)) == "PATCH /channels/{}/messages/{}"


def test_templates_are_the_same_however_their_parameters_are_called() -> None:
    assert name("POST", "/channels/{channel.id}/messages") == name("POST", "/channels/{channel_id}/messages")


def test_a_token_in_the_major_parameter_never_stands_in_a_key() -> None:
    found = classify(
        SETTINGS,
        method="PATCH",
        template="/webhooks/{application_id}/{interaction_token}/messages/@original",
        major="webhooks/1/secret",
        aspect="",
        message_id=0,
        now=NOW,
    )
    assert "secret" not in found.major
    assert found.exempt
    assert found.webhook


@pytest.mark.parametrize(
    "wrong",
    [{"method": "BREW"}, {"template": "channels"}, {"template": "/a/" + "b" * 300}, {"major": "a b"}, {"aspect": "A"}],
)
def test_what_is_no_route_is_refused(wrong: dict[str, str]) -> None:
    given_ = {"method": "GET", "template": "/gateway", "major": "", "aspect": ""} | wrong
    with pytest.raises(InvalidArgument):
        classify(SETTINGS, **given_, message_id=0, now=NOW)


def test_headers_are_read_with_decimals_rounded_up_and_nonsense_as_absent() -> None:
    answer = read_answer(
        429,
        {
            "X-RateLimit-Limit": "5",
            "x-ratelimit-remaining": "0",
            "x-ratelimit-reset-after": "0.2500001",
            "retry-after": "1",
        },
        0,
        False,
    )
    assert (answer.limit, answer.remaining, answer.reset_after_us, answer.retry_after_us) == (5, 0, 250_001, 1_000_000)
    nonsense = read_answer(200, {"x-ratelimit-limit": "inf", "x-ratelimit-reset-after": "-1"}, 0, False)
    assert not nonsense.has_headers
    assert nonsense.reset_after_us == 0
    assert read_answer(429, {"x-ratelimit-scope": "shared"}, 5, False).invalid is False
    assert read_answer(429, {}, 0, True).is_global
    assert [read_answer(status, {}, 0, False).invalid for status in (401, 403, 404, 429)] == [True, True, False, True]
