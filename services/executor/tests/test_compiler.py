"""Intents and the operations that they become: sixty of them, on one guild."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.executor.plans.compiler import Compiled, compile_plan
from services.executor.plans.operation import resolved
from services.executor.plans.schema import PLAN
from services.executor.tests import guilds as g
from services.executor.tests.guilds import NOW, select


def compiled(*intents: dict[str, Any], answers: dict[str, str] | None = None) -> Compiled:
    """Compiles intents on the guild."""
    snapshot = g.guild()
    snapshot.messages[g.GENERAL] = [_message(1, 3), _message(2, 2, "spam spam"), _message(3, 20)]
    snapshot.pins[g.GENERAL] = [_message(3, 20)]
    snapshot.prune_count[30, ()] = 4
    return compile_plan(PLAN.validate_python({"intents": list(intents)}), snapshot, now=NOW, answers=answers)


def _message(number: int, days: float, text: str = "hello") -> dict[str, Any]:
    snowflake = (int((NOW - days * 86_400) * 1000) - 1_420_070_400_000 << 22) + number
    return {"id": str(snowflake), "content": text, "author": {"id": "5", "username": "member"}, "pinned": False}


ONE = select(names=["general"])
TESTS = select(name_glob="test*")
EVERYBODY = select(names=["everyone"])

CASES: list[tuple[list[dict[str, Any]], list[str]]] = [
    ([{"op": "create_channel", "name": "a"}], ["channel.create"]),
    ([{"op": "create_channel", "name": "a-{i}", "repeat": 3}], ["channel.create"] * 3),
    ([{"op": "create_channel", "name": "x", "names": ["a", "b"], "type": "voice"}], ["channel.create"] * 2),
    ([{"op": "create_channel", "name": "a", "category": select(names=["Lounge"])}], ["channel.create"]),
    ([{"op": "create_channel", "name": "a", "category": select(types=["category"], all=True)}], ["channel.create"] * 2),
    ([{"op": "create_channel", "name": "f", "type": "forum", "tags": ["bug", "idea"]}], ["channel.create"]),
    ([{"op": "create_channel", "name": "staff", "private_to": select(names=["Moderator"])}], ["channel.create"]),
    ([{"op": "edit_channel", "targets": ONE, "topic": "new"}], ["channel.rename"]),
    ([{"op": "edit_channel", "targets": ONE, "topic": "hello"}], []),
    ([{"op": "edit_channel", "targets": ONE, "slowmode_seconds": 5}], ["channel.edit"]),
    ([{"op": "edit_channel", "targets": TESTS, "name": "trial-{i}"}], ["channel.rename"] * 2),
    ([{"op": "edit_channel", "targets": select(names=["Voice"]), "user_limit": 5}], ["channel.edit"]),
    ([{"op": "delete_channel", "targets": TESTS}], ["channel.delete"] * 2),
    ([{"op": "delete_channel", "targets": select(name_glob="test*", exclude=["test-two"])}], ["channel.delete"]),
    ([{"op": "delete_channel", "targets": select(contains="EST-")}], ["channel.delete"] * 2),
    ([{"op": "delete_channel", "targets": select(names=["Lounge"])}], ["channel.delete"]),
    ([{"op": "delete_channel", "targets": select(names=["Lounge"]), "with_children": True}], ["channel.delete"] * 6),
    ([{"op": "delete_channel", "targets": select(types=["voice"])}], ["channel.delete"]),
    ([{"op": "delete_channel", "targets": select(category="Information", types=["text"])}], ["channel.delete"]),
    ([{"op": "move_channel", "targets": ONE, "category": select(names=["Information"])}], ["channel.edit"]),
    ([{"op": "move_channel", "targets": ONE}], ["channel.edit"]),
    (
        [{"op": "move_channel", "targets": ONE, "category": select(names=["Information"]), "sync": True}],
        ["channel.edit"],
    ),
    ([{"op": "reorder_channels", "targets": TESTS, "order": "reverse"}], ["channel.reorder"]),
    ([{"op": "clone_channel", "targets": ONE}], ["channel.create"]),
    ([{"op": "lock_channel", "targets": ONE}], ["overwrite.set"]),
    ([{"op": "lock_channel", "targets": select(names=["Lounge"])}], ["overwrite.set"] * 6),
    ([{"op": "lock_channel", "targets": ONE, "unlock": True}], []),
    ([{"op": "archive_channel", "targets": ONE}], ["channel.create", "channel.edit"]),
    ([{"op": "archive_channel", "targets": TESTS}], ["channel.create", "channel.edit", "channel.edit"]),
    ([{"op": "archive_channel", "targets": ONE, "copy": True}], ["channel.create", "channel.create"]),
    ([{"op": "archive_channel", "targets": ONE, "category": "Information"}], ["channel.edit"]),
    ([{"op": "set_permission", "targets": ONE, "who": EVERYBODY, "deny": ["send_messages"]}], ["overwrite.set"]),
    (
        [
            {
                "op": "set_permission",
                "targets": ONE,
                "who": select(names=["member"]),
                "kind": "member",
                "allow": ["speak"],
            }
        ],
        ["overwrite.set"],
    ),
    ([{"op": "clear_permission", "targets": ONE, "who": EVERYBODY}], []),
    ([{"op": "create_role", "name": "Hero", "colour": "#ff8800", "hoist": True}], ["role.create"]),
    ([{"op": "create_role", "name": "Team {i}", "repeat": 4}], ["role.create"] * 4),
    ([{"op": "edit_role", "targets": select(names=["Raider"]), "name": "Raiders"}], ["role.edit"]),
    ([{"op": "edit_role", "targets": select(names=["Raider"]), "grant": ["attach_files"]}], ["role.edit"]),
    ([{"op": "delete_role", "targets": select(names=["Veteran"])}], ["role.delete"]),
    (
        [{"op": "reorder_roles", "targets": select(names=["Raider"]), "place": "above", "anchor": "Veteran"}],
        ["role.reorder"],
    ),
    (
        [{"op": "give_role", "members": select(with_role="Raider"), "role": select(names=["Veteran"])}],
        ["member.role_add"],
    ),
    (
        [{"op": "give_role", "members": select(with_role="everyone", bots=False), "role": select(names=["Raider"])}],
        ["member.role_add"] * 3,
    ),
    (
        [{"op": "take_role", "members": select(all=True), "role": select(names=["Raider"])}],
        ["member.role_remove"] * 2,
    ),
    ([{"op": "set_nickname", "members": select(names=["member"]), "nickname": "Mina"}], ["member.nickname"]),
    ([{"op": "timeout", "members": select(names=["member"]), "minutes": 10}], ["member.timeout"]),
    ([{"op": "kick", "members": select(names=["member", "crafter"])}], ["member.kick"] * 2),
    ([{"op": "ban", "members": select(names=["member"])}], ["member.ban"]),
    ([{"op": "ban", "members": select(names=["member", "crafter"])}], ["member.bulk_ban"]),
    ([{"op": "ban", "members": select(names=["123456789012345678"])}], ["member.ban"]),
    ([{"op": "unban", "users": ["troll"]}], ["member.unban"]),
    ([{"op": "prune", "days": 30}], ["guild.prune"]),
    ([{"op": "purge_messages", "targets": ONE}], ["message.bulk_delete", "message.delete"]),
    ([{"op": "purge_messages", "targets": ONE, "contains": "spam"}], ["message.delete"]),
    ([{"op": "pin_messages", "targets": ONE, "contains": "spam"}], ["message.pin"]),
    ([{"op": "pin_messages", "targets": ONE, "unpin": True}], ["message.unpin"]),
    ([{"op": "create_thread", "channel": ONE, "name": "talk", "message": "hi"}], ["thread.create", "thread.message"]),
    (
        [{"op": "create_thread", "channel": select(names=["ideas"]), "name": "p", "message": "m", "tags": ["bug"]}],
        ["post.create"],
    ),
    ([{"op": "edit_thread", "targets": select(names=["old talk"]), "archived": True}], ["thread.edit"]),
    ([{"op": "delete_thread", "targets": select(names=["old talk"])}], ["thread.delete"]),
    ([{"op": "create_invite", "channel": ONE}], ["invite.create"]),
    ([{"op": "delete_invites"}], ["invite.delete"]),
    ([{"op": "create_webhook", "channel": ONE, "name": "hook"}], ["webhook.create"]),
    ([{"op": "delete_webhooks", "channels": ONE}], ["webhook.delete"]),
    ([{"op": "edit_emoji", "emoji": "blob", "name": "blob2"}], ["emoji.edit"]),
    ([{"op": "delete_emoji", "targets": select(names=["blob"])}], ["emoji.delete"]),
    (
        [{"op": "create_event", "name": "R", "start": "2030-01-01T20:00:00+00:00", "channel": select(names=["Voice"])}],
        ["event.create"],
    ),
    ([{"op": "edit_event", "targets": select(names=["Raid night"]), "name": "Raid"}], ["event.edit"]),
    ([{"op": "delete_event", "targets": select(names=["Raid night"])}], ["event.delete"]),
    ([{"op": "create_automod", "name": "Words", "keywords": ["bad"]}], ["automod.create"]),
    ([{"op": "edit_automod", "targets": select(names=["No spam"]), "enabled": False}], ["automod.edit"]),
    ([{"op": "delete_automod", "targets": select(names=["No spam"])}], ["automod.delete"]),
    ([{"op": "edit_guild", "verification_level": "high"}], ["guild.edit"]),
    (
        [
            {"op": "create_channel", "id": "c", "name": "t-{i}", "type": "category", "repeat": 5},
            {"op": "delete_channel", "targets": {"from": "c"}},
        ],
        ["channel.create"] * 5 + ["channel.delete"] * 5,
    ),
    (
        [
            {"op": "create_role", "id": "r", "name": "Elite"},
            {"op": "create_channel", "name": "elite", "private_to": {"from": "r"}},
            {"op": "give_role", "members": select(with_role="Veteran"), "role": {"from": "r"}},
        ],
        ["role.create", "channel.create", "member.role_add"],
    ),
]


@pytest.mark.parametrize(("intents", "kinds"), CASES, ids=[str(n) for n in range(len(CASES))])
def test_an_intent_becomes_these_operations(intents: list[dict[str, Any]], kinds: list[str]) -> None:
    result = compiled(*intents)
    assert not result.problems
    assert not result.questions
    assert [operation.kind for operation in result.operations] == kinds


def test_the_compiler_is_deterministic() -> None:
    everything = [
        intent for intents, _ in CASES for intent in intents if "id" not in intent and "from" not in str(intent)
    ]
    assert compiled(*everything[:60]) == compiled(*everything[:60])


def test_what_is_made_can_be_used_and_is_waited_for() -> None:
    create, delete = compiled(
        {"op": "create_channel", "id": "c", "name": "a"}, {"op": "delete_channel", "targets": {"from": "c"}}
    ).operations
    assert delete.path == {"channel_id": "$ref:1"}
    assert delete.depends == {create.id}


@pytest.mark.parametrize("text", ["$ref:1", "$ref:9", "{name}"])
def test_a_text_is_no_reference_whatever_it_says(text: str) -> None:
    category, channel = compiled(
        {"op": "create_channel", "id": "c", "name": text, "type": "category"},
        {"op": "create_channel", "name": text, "topic": text, "category": {"from": "c"}},
    ).operations
    assert (set(category.depends), set(channel.depends)) == (set(), {"1"})
    body = resolved(channel.body, {"1": "777"})
    assert (body["name"], body["topic"], body["parent_id"]) == (text, text, "777")


def test_a_private_channel_is_closed_in_its_own_creation() -> None:
    (create,) = compiled(
        {"op": "create_channel", "name": "staff", "private_to": select(names=["Moderator"])}
    ).operations
    overwrites = {one["id"]: one for one in create.body["permission_overwrites"]}
    assert int(overwrites[str(g.GUILD)]["deny"]) & 1 << 10
    assert int(overwrites[str(g.MOD_ROLE)]["allow"]) & 1 << 10
    assert int(overwrites[str(g.BOT)]["allow"]) & 1 << 10


def test_operations_on_one_thing_keep_their_order() -> None:
    operations = compiled(
        {"op": "edit_channel", "targets": ONE, "slowmode_seconds": 5},
        {"op": "lock_channel", "targets": ONE},
        {"op": "delete_channel", "targets": ONE},
    ).operations
    assert [operation.needs for operation in operations] == [(), ("1",), ("2",)]


def test_half_an_intent_is_never_left() -> None:
    result = compiled(
        {"op": "create_event", "name": "E", "start": "yesterday", "location": "here", "end": "later"},
        {"op": "create_channel", "name": "kept"},
    )
    assert [operation.label for operation in result.operations] == ["#kept"]
    assert [problem.code for problem in result.problems] == ["NOT_A_TIME"]


def test_a_failed_step_takes_what_uses_it_along() -> None:
    result = compiled(
        {"op": "create_channel", "id": "c", "name": "a", "category": select(names=["Nowhere"])},
        {"op": "lock_channel", "targets": {"from": "c"}},
    )
    assert not result.operations
    assert [problem.code for problem in result.problems] == ["NOT_FOUND", "NOTHING_MADE"]


@pytest.mark.parametrize("name", ["General", "#general", "GENERAL"])
def test_names_are_found_as_people_write_them(name: str) -> None:
    (delete,) = compiled({"op": "delete_channel", "targets": select(names=[name])}).operations
    assert delete.path == {"channel_id": str(g.GENERAL)}


def test_nothing_is_chosen_by_accident() -> None:
    result = compiled({"op": "delete_channel", "targets": select()})
    assert not result.operations
    assert [problem.code for problem in result.problems] == ["NOTHING_CHOSEN"]


def test_what_the_plan_makes_is_known_by_its_name() -> None:
    plan = compiled(
        {"op": "create_role", "name": "x", "names": ["Gold", "Silver"]},
        {"op": "give_role", "members": select(names=["crafter"]), "role": select(names=["Gold"])},
        {"op": "create_channel", "name": "Halls", "type": "category"},
        {"op": "create_channel", "name": "hall", "category": select(names=["Halls"])},
    )
    assert not plan.problems
    given = next(one for one in plan.operations if one.kind == "member.role_add")
    assert given.path["role_id"] == "$ref:1"
    assert plan.operations[-1].body["parent_id"] == f"$ref:{plan.operations[-2].id}"


def test_a_name_that_exists_means_what_exists() -> None:
    plan = compiled(
        {"op": "create_role", "name": "Veteran"},
        {"op": "give_role", "members": select(names=["member"]), "role": select(names=["Veteran"])},
    )
    assert plan.operations[-1].path["role_id"] == str(g.VETERAN)


def test_a_setting_is_made_where_there_is_one() -> None:
    plan = compiled({"op": "edit_channel", "targets": select(all=True), "slowmode_seconds": 30})
    kinds = {g.guild().channels[int(one.path["channel_id"])].kind for one in plan.operations}
    assert "category" not in kinds
    assert any("no such setting" in note for note in plan.notes)
    named = compiled({"op": "edit_channel", "targets": select(names=["Lounge"]), "slowmode_seconds": 30})
    assert [problem.code for problem in named.problems] == ["WRONG_KIND"]


def reordered(positions: dict[int, int], moving: str, place: str, anchor: str) -> list[dict[str, Any]]:
    snapshot = g.guild()
    for number, position in positions.items():
        snapshot.roles[number] = replace(snapshot.roles[number], position=position)
    intent = {"op": "reorder_roles", "targets": select(names=[moving]), "place": place, "anchor": anchor}
    done = compile_plan(PLAN.validate_python({"intents": [intent]}), snapshot, now=NOW)
    assert not done.problems
    return [move for operation in done.operations for move in operation.body]


def test_only_the_roles_that_move_get_new_places() -> None:
    # The moderators' and the bot's own role stand at 5 and 8, with gaps below: they are nobody's business.
    swapped = [{"id": str(g.VETERAN), "position": 1}, {"id": str(g.RAIDER), "position": 2}]
    assert reordered({}, "Raider", "above", "Veteran") == swapped


def test_a_role_moves_over_gaps_into_the_places_between() -> None:
    assert reordered({}, "Raider", "above", "Moderator") == [
        {"id": str(g.VETERAN), "position": 1},
        {"id": str(g.MOD_ROLE), "position": 2},
        {"id": str(g.RAIDER), "position": 5},
    ]


def test_roles_that_share_a_place_are_told_apart_by_age() -> None:
    older, younger = sorted((g.RAIDER, g.VETERAN))
    names = {g.RAIDER: "Raider", g.VETERAN: "Veteran"}
    shared = {older: 1, younger: 1}
    assert reordered(shared, names[older], "above", names[younger]) == []
    assert reordered(shared, names[younger], "above", names[older]) == [{"id": str(younger), "position": 2}]
