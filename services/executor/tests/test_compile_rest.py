"""What intents about messages, threads, events, rules and settings become, and what is said where they cannot."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from services.executor.plans.compiler import Compiled, compile_plan
from services.executor.plans.schema import PLAN
from services.executor.plans.snapshot import Channel, Snapshot
from services.executor.tests import guilds as g
from services.executor.tests.guilds import NOW, select

LATER = datetime.fromtimestamp(NOW + 3_600, UTC).isoformat()
EVEN_LATER = datetime.fromtimestamp(NOW + 7_200, UTC).isoformat()
STAGE = 2_101
ONE = select(names=["general"])
FORUM = select(names=["ideas"])
THREAD = select(names=["old talk"])
BOLD = {"op": "create_thread", "channel": FORUM, "name": "p"}


def plan_of(*intents: dict[str, Any], snapshot: Snapshot | None = None, picture: str | None = None) -> Compiled:
    """What intents become on the guild, or on a guild that a test has changed."""
    document = PLAN.validate_python({"intents": list(intents)})
    return compile_plan(document, snapshot or g.guild(), now=NOW, picture=picture)


def said(number: int, text: str = "hello", *, name: str = "member", bot: bool = False, **more: Any) -> dict[str, Any]:
    """A message of a minute ago."""
    snowflake = (int((NOW - 60) * 1000) - 1_420_070_400_000 << 22) + number
    return {"id": str(snowflake), "content": text, "author": {"id": "5", "username": name, "bot": bot}, **more}


def spoken(*messages: dict[str, Any]) -> Snapshot:
    """The guild with these messages in #general."""
    snapshot = g.guild()
    snapshot.messages[g.GENERAL] = list(messages)
    return snapshot


def purged(snapshot: Snapshot, **wanted: Any) -> list[str]:
    """The messages that a purge of #general would delete."""
    plan = plan_of({"op": "purge_messages", "targets": ONE, **wanted}, snapshot=snapshot)
    assert not plan.problems
    together = [one for operation in plan.operations if operation.body for one in operation.body["messages"]]
    return together + [one.path["message_id"] for one in plan.operations if one.kind == "message.delete"]


def test_a_purge_chooses_by_author_and_by_bot() -> None:
    person, robot, other = said(1), said(2, name="helper", bot=True), said(3, name="crafter")
    snapshot = spoken(person, robot, other)
    assert purged(snapshot, author="@Member") == [person["id"]]
    assert purged(snapshot, bots=True) == [robot["id"]]
    assert purged(snapshot, bots=False) == [person["id"], other["id"]]


def test_a_purge_spares_pins_and_looks_at_the_newest_only() -> None:
    pinned, first, second = said(1, pinned=True), said(2), said(3)
    assert purged(spoken(pinned, first, second)) == [first["id"], second["id"]]
    assert purged(spoken(pinned, first, second), count=2) == [first["id"]]


def test_a_purge_of_many_goes_by_the_hundred() -> None:
    messages = [said(number) for number in range(201)]
    plan = plan_of({"op": "purge_messages", "targets": ONE, "count": 300}, snapshot=spoken(*messages))
    assert [one.kind for one in plan.operations] == ["message.bulk_delete"] * 2 + ["message.delete"]
    assert [len(one.body["messages"]) for one in plan.operations[:2]] == [100, 100]


def test_a_purge_without_a_match_says_so() -> None:
    plan = plan_of({"op": "purge_messages", "targets": ONE, "contains": "spam"}, snapshot=spoken(said(1)))
    assert not plan.operations
    assert any("general" in note for note in plan.notes)


def test_the_newest_message_is_pinned_and_all_pins_go() -> None:
    newest, older = said(2), said(1)
    snapshot = spoken(newest, older)
    snapshot.pins[g.GENERAL] = [older, newest]
    (pin,) = plan_of({"op": "pin_messages", "targets": ONE}, snapshot=snapshot).operations
    assert (pin.kind, pin.path["message_id"]) == ("message.pin", newest["id"])
    gone = plan_of({"op": "pin_messages", "targets": ONE, "unpin": True}, snapshot=snapshot).operations
    assert [one.path["message_id"] for one in gone] == [older["id"], newest["id"]]


def test_a_post_carries_its_message_and_its_tags() -> None:
    plain, tagged = plan_of({**BOLD, "message": "m"}, {**BOLD, "message": "m", "tags": ["BUG"]}).operations
    assert "applied_tags" not in plain.body
    assert tagged.body["applied_tags"] == ["9"]
    assert tagged.body["message"] == {"content": "m", "allowed_mentions": {"parse": []}}


@pytest.mark.parametrize(("private", "kind"), [(True, 12), (False, 11)])
def test_a_thread_without_a_message_is_one_call(private: bool, kind: int) -> None:
    (made,) = plan_of({"op": "create_thread", "channel": ONE, "name": "t", "private": private}).operations
    assert (made.kind, made.body) == ("thread.create", {"name": "t", "type": kind})


def _posted(parent: int) -> Snapshot:
    snapshot = g.guild()
    raw = g.channel(g.THREAD, "old talk", 11, parent, thread_metadata={"archived": True}, applied_tags=["7"])
    snapshot.threads = {g.THREAD: Channel.of(raw)}
    return snapshot


def test_a_thread_is_given_only_what_is_new() -> None:
    intent = {"op": "edit_thread", "targets": THREAD, "name": "talk", "archived": True, "locked": True, "tags": ["bug"]}
    (edit,) = plan_of(intent, snapshot=_posted(g.FORUM)).operations
    assert edit.body == {"name": "talk", "locked": True, "applied_tags": ["9"]}
    assert edit.before == {"name": "old talk", "locked": False, "applied_tags": ["7"]}
    assert not plan_of({"op": "edit_thread", "targets": THREAD, "archived": False}).operations


def test_a_thread_whose_forum_is_not_known_has_no_tags() -> None:
    plan = plan_of({"op": "edit_thread", "targets": THREAD, "tags": ["bug"]}, snapshot=_posted(99))
    assert [problem.code for problem in plan.problems] == ["NO_TAGS"]


def test_invitations_end_by_code_and_by_channel() -> None:
    assert len(plan_of({"op": "delete_invites", "codes": ["abc"]}).operations) == 1
    (by_channel,) = plan_of({"op": "delete_invites", "channels": ONE}).operations
    assert by_channel.path == {"code": "abc"}
    elsewhere = plan_of({"op": "delete_invites", "channels": select(names=["rules"])})
    assert [problem.code for problem in elsewhere.problems] == ["NOT_FOUND"]


def test_a_picture_becomes_an_emoji() -> None:
    (made,) = plan_of({"op": "create_emoji", "name": "spark"}, picture="data:image/png;base64,AA==").operations
    assert made.body == {"name": "spark", "image": "data:image/png;base64,AA=="}
    assert made.label == ":spark:"


@pytest.mark.parametrize(("picture", "code"), [(None, "PICTURE_MISSING"), ("", "PICTURE_UNFIT")])
def test_an_emoji_needs_a_picture_that_fits(picture: str | None, code: str) -> None:
    plan = plan_of({"op": "create_emoji", "name": "spark"}, picture=picture)
    assert not plan.operations
    assert [problem.code for problem in plan.problems] == [code]


def test_an_event_elsewhere_has_a_place_and_an_end() -> None:
    intent = {"op": "create_event", "name": "E", "start": LATER, "location": "the park"}
    (made,) = plan_of({**intent, "end": EVEN_LATER, "description": "Bring cake"}).operations
    assert made.body["entity_type"] == 3
    assert made.body["entity_metadata"] == {"location": "the park"}
    assert (made.body["scheduled_end_time"], made.body["description"]) == (EVEN_LATER, "Bring cake")
    assert [problem.code for problem in plan_of(intent).problems] == ["LOCATION_MISSING"]


def test_an_event_on_a_stage_is_one_of_a_stage() -> None:
    snapshot = g.guild()
    snapshot.channels[STAGE] = Channel.of(g.channel(STAGE, "Theatre", 13))
    intent = {"op": "create_event", "name": "E", "start": LATER, "channel": select(names=["Theatre"])}
    (made,) = plan_of(intent, snapshot=snapshot).operations
    assert (made.body["channel_id"], made.body["entity_type"]) == (str(STAGE), 1)


def test_an_event_gets_what_is_named() -> None:
    intent = {"op": "edit_event", "targets": select(names=["Raid night"]), "start": LATER, "end": EVEN_LATER}
    (edit,) = plan_of(intent).operations
    assert edit.body == {"scheduled_start_time": LATER, "scheduled_end_time": EVEN_LATER}
    assert edit.before == {"scheduled_start_time": None, "scheduled_end_time": None}


@pytest.mark.parametrize(
    ("trigger", "kind", "metadata"),
    [
        ({"keywords": ["bad"]}, 1, {"keyword_filter": ["bad"]}),
        ({"preset": "slurs"}, 4, {"presets": [3]}),
        ({"mention_limit": 7}, 5, {"mention_total_limit": 7}),
        ({"spam": True}, 3, {}),
    ],
    ids=["keywords", "preset", "mentions", "spam"],
)
def test_a_rule_has_its_one_trigger(trigger: dict[str, Any], kind: int, metadata: dict[str, Any]) -> None:
    intent = {"op": "create_automod", "name": "R", "exempt_roles": ["Moderator"], **trigger}
    (made,) = plan_of(intent).operations
    assert (made.body["trigger_type"], made.body["trigger_metadata"]) == (kind, metadata)
    assert made.body["exempt_roles"] == [str(g.MOD_ROLE)]


def test_settings_get_only_what_differs() -> None:
    intent = {
        "op": "edit_guild",
        "name": "The Hearth",
        "verification_level": "low",
        "notifications": "only_mentions",
        "explicit_content_filter": "all_members",
        "afk_timeout_seconds": 300,
        "system_channel": "rules",
    }
    (edit,) = plan_of(intent).operations
    assert edit.body == {
        "default_message_notifications": 1,
        "explicit_content_filter": 2,
        "afk_timeout": 300,
        "system_channel_id": str(g.RULES),
    }
    assert set(edit.before) == set(edit.body)


def test_a_name_that_stands_already_is_only_noted() -> None:
    plan = plan_of({"op": "edit_emoji", "emoji": ":blob:", "name": "blob"})
    assert not plan.operations
    assert not plan.problems
    assert any("blob" in note for note in plan.notes)


FRESH_FORUM = {"op": "create_channel", "id": "f", "name": "wishes", "type": "forum", "tags": ["bug"]}
CANNOT: dict[str, tuple[list[dict[str, Any]], str]] = {
    "no message to pin": ([{"op": "pin_messages", "targets": ONE}], "NOT_FOUND"),
    "a post without a message": ([BOLD], "MESSAGE_MISSING"),
    "a tag that is not there": ([{**BOLD, "message": "m", "tags": ["wish"]}], "NO_TAGS"),
    "a tag of a forum to be made": (
        [FRESH_FORUM, {**BOLD, "channel": {"from": "f"}, "message": "m", "tags": ["bug"]}],
        "TAGS_NOT_KNOWN",
    ),
    "no invitation with the code": ([{"op": "delete_invites", "codes": ["other"]}], "NOT_FOUND"),
    "no webhook with the name": ([{"op": "delete_webhooks", "channels": ONE, "names": ["ear"]}], "NOT_FOUND"),
    "an event in a text channel": (
        [{"op": "create_event", "name": "E", "start": LATER, "channel": ONE}],
        "NOT_A_VOICE_CHANNEL",
    ),
    "an event in the past": (
        [{"op": "create_event", "name": "E", "start": "2020-01-01T20:00:00+00:00", "channel": ONE}],
        "NOT_IN_THE_FUTURE",
    ),
    "an event without a time zone": (
        [{"op": "create_event", "name": "E", "start": "2099-01-01T20:00:00", "channel": ONE}],
        "NOT_IN_THE_FUTURE",
    ),
    "a rule without a trigger": ([{"op": "create_automod", "name": "R"}], "ONE_TRIGGER"),
    "a rule with two": ([{"op": "create_automod", "name": "R", "spam": True, "preset": "slurs"}], "ONE_TRIGGER"),
    "settings that stand already": ([{"op": "edit_guild", "name": "The Hearth"}], "NOTHING_TO_DO"),
}


@pytest.mark.parametrize(("intents", "code"), CANNOT.values(), ids=CANNOT.keys())
def test_what_cannot_be_done_is_said(intents: list[dict[str, Any]], code: str) -> None:
    plan = plan_of(*intents)
    assert [problem.code for problem in plan.problems] == [code]
    assert plan.problems[0].intent == len(intents) - 1
    assert len(plan.operations) == len(intents) - 1
