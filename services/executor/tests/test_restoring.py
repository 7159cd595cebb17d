"""Undo and restore as operations: what differs from a snapshot, what brings it back, and what need not come back."""

from __future__ import annotations

from typing import Any

from services.executor.plans.operation import Operation, Outcome, Status
from services.executor.plans.snapshot import Channel, Role, Snapshot
from services.executor.plans.undo import Difference, differences, invert, restore
from services.executor.tests import guilds as g
from services.executor.tests.rows import ROWS

NEW_CHANNEL, NEW_ROLE, NEW_MANAGED = 2_301, 1_301, 1_302
DONE = Outcome(status=Status.DONE)


def _with_channel(snapshot: Snapshot, number: int, **changes: Any) -> None:
    raw = dict(snapshot.channels[number].raw) | changes if number in snapshot.channels else changes
    snapshot.channels[number] = Channel.of(raw)


def _with_role(snapshot: Snapshot, number: int, **changes: Any) -> None:
    snapshot.roles[number] = Role.of(dict(snapshot.roles[number].raw) | changes)


def _changed() -> Snapshot:
    """The guild some time later: renamed, moved, deleted and made."""
    now = g.guild()
    _with_channel(now, g.GENERAL, topic="new topic")
    _with_channel(now, g.VOICE, user_limit=7)
    _with_channel(now, g.RULES, position=9)
    _with_role(now, g.VETERAN, name="Old guard")
    for number in (g.LOUNGE, g.TEST_ONE):
        del now.channels[number]
    for number in (g.RAIDER, g.MANAGED):
        del now.roles[number]
    now.channels[NEW_CHANNEL] = Channel.of(g.channel(NEW_CHANNEL, "fresh"))
    now.roles[NEW_ROLE] = Role.of(g.role(NEW_ROLE, "Fresh", 1))
    now.roles[NEW_MANAGED] = Role.of(g.role(NEW_MANAGED, "Robot", 1, managed=True))
    return now


def test_nothing_differs_from_itself() -> None:
    assert differences(g.guild(), g.guild()) == []
    assert restore(g.guild(), g.guild(), remove_new=True) == []


def test_differences_are_told_by_what_and_how() -> None:
    found = differences(g.guild(), _changed())
    assert set(found) == {
        Difference("role", "Raider", "missing"),
        Difference("role", "Integration", "missing"),
        Difference("role", "Veteran", "name"),
        Difference("role", "Fresh", "new"),
        Difference("role", "Robot", "new"),
        Difference("channel", "Lounge", "missing"),
        Difference("channel", "test-one", "missing"),
        Difference("channel", "general", "topic"),
        Difference("channel", "Voice", "user_limit"),
        Difference("channel", "fresh", "new"),
    }
    assert len(found) == 10


def test_what_is_gone_comes_back_before_what_names_it() -> None:
    operations = restore(g.guild(), _changed())
    by_label = {(one.kind, one.label): one for one in operations}
    lounge = by_label["channel.create", "Lounge"]
    inside = by_label["channel.create", "test-one"]
    assert inside.body["parent_id"] == f"$ref:{lounge.id}"
    assert inside.depends == {lounge.id}
    assert operations.index(lounge) < operations.index(inside)
    assert by_label["role.create", "@Raider"].body["name"] == "Raider"
    # Discord makes such a role itself when its integration is added.
    assert ("role.create", "@Integration") not in by_label


def test_what_changed_gets_its_old_values_and_nothing_else() -> None:
    by_label = {(one.kind, one.label): one for one in restore(g.guild(), _changed())}
    role = by_label["role.edit", "@Veteran"]
    assert (role.body, role.before) == ({"name": "Veteran"}, {"name": "Old guard"})
    topic = by_label["channel.rename", "general"]
    assert (topic.body, topic.before) == ({"topic": "hello"}, {"fields": {"topic": "new topic"}})
    limit = by_label["channel.edit", "Voice"]
    assert (limit.body, limit.before) == ({"user_limit": None}, {"fields": {"user_limit": 7}})
    assert not any(label == "rules" for _, label in by_label)


def test_what_is_new_goes_only_where_that_is_wanted() -> None:
    kept = restore(g.guild(), _changed())
    assert not any(one.kind.endswith(".delete") for one in kept)
    removing = restore(g.guild(), _changed(), remove_new=True)
    gone = [(one.kind, one.label) for one in removing if one.kind.endswith(".delete")]
    assert gone == [("channel.delete", "fresh"), ("role.delete", "@Fresh")]
    assert [(one.kind, one.label) for one in removing[-2:]] == gone


def _operation(number: str, kind: str, path: dict[str, str], **more: Any) -> Operation:
    return Operation(id=number, kind=kind, path=path, label=kind, **more)


GUILD = {"guild_id": str(g.GUILD)}


def test_only_what_was_done_is_undone() -> None:
    made = [_operation(number, "channel.create", GUILD, body={"name": number}) for number in ("1", "2", "3")]
    outcomes = {"1": Outcome(status=Status.DONE, result="71"), "2": Outcome(status=Status.FAILED)}
    undo = invert(made, outcomes)
    assert [(one.kind, one.path) for one in undo.operations] == [("channel.delete", {"channel_id": "71"})]
    assert not undo.losses


def test_what_a_plan_made_and_deleted_needs_no_undo() -> None:
    made = _operation("1", "channel.create", GUILD, body={"name": "a"})
    gone = _operation("2", "channel.delete", {"channel_id": "$ref:1"})
    undo = invert([made, gone], {"1": Outcome(status=Status.DONE, result="71"), "2": DONE})
    assert (undo.operations, undo.losses) == ((), ())


def test_undoing_the_making_is_enough() -> None:
    made = _operation("1", "role.create", GUILD, body={"name": "a"})
    edit = _operation("2", "role.edit", {**GUILD, "role_id": "$ref:1"}, body={"name": "b"}, before={"name": "a"})
    undo = invert([made, edit], {"1": Outcome(status=Status.DONE, result="71"), "2": DONE})
    assert [(one.kind, one.path) for one in undo.operations] == [("role.delete", {**GUILD, "role_id": "71"})]


def test_what_was_given_of_what_was_made_is_taken_by_its_id() -> None:
    made = _operation("1", "channel.create", GUILD, body={"name": "a", "type": 4})
    move = _operation(
        "2",
        "channel.reorder",
        GUILD,
        body=[{"id": "$ref:1", "position": 0}],
        before=[{"id": "$ref:1", "position": 4}, {"id": str(g.GENERAL), "position": 0}],
    )
    undo = invert([made, move], {"1": Outcome(status=Status.DONE, result="71"), "2": DONE})
    order = next(one for one in undo.operations if one.kind == "channel.reorder")
    assert order.body == [{"id": "71", "position": 4}, {"id": str(g.GENERAL), "position": 0}]
    assert order.before == [{"id": "71", "position": 0}]


def test_a_category_and_its_channel_come_back_as_they_hung_together() -> None:
    category = g.channel(g.LOUNGE, "Lounge", 4)
    child = g.channel(g.TEST_ONE, "test-one", 0, g.LOUNGE)
    raw = {"guild_id": str(g.GUILD)}
    operations = [
        _operation(
            "1", "channel.delete", {"channel_id": str(g.TEST_ONE)}, before={**raw, "raw": child, "children": []}
        ),
        _operation(
            "2",
            "channel.delete",
            {"channel_id": str(g.LOUNGE)},
            before={**raw, "raw": category, "children": [str(g.TEST_ONE), str(g.GENERAL)]},
        ),
    ]
    undo = invert(operations, {"1": DONE, "2": DONE})
    lounge, inside, back = undo.operations
    assert (lounge.body["name"], inside.body["name"]) == ("Lounge", "test-one")
    assert inside.body["parent_id"] == f"$ref:{lounge.id}"
    # What was made anew has its parent already; the other is put back.
    assert (back.kind, back.path) == ("channel.edit", {"channel_id": str(g.GENERAL)})
    assert back.body == {"parent_id": f"$ref:{lounge.id}"}
    assert len(undo.losses) == 1


def test_a_loss_is_said_once() -> None:
    kick = ROWS["member.kick"]
    undo = invert([kick, kick.model_copy(update={"id": "2"})], {"1": DONE, "2": DONE})
    assert not undo.operations
    assert len(undo.losses) == 1


def test_a_name_that_looks_like_an_id_or_a_reference_comes_back_as_it_was() -> None:
    deleted = [
        Operation(
            id=str(index),
            kind="channel.delete",
            path={"channel_id": str(number)},
            before={"guild_id": str(g.GUILD), "raw": g.channel(number, name, topic=topic), "children": []},
        )
        for index, (number, name, topic) in enumerate(((2_001, "2002", "$ref:2"), (2_002, "$ref:1", "2001")), 1)
    ]
    undone = invert(deleted, {operation.id: DONE for operation in deleted})
    bodies = [(operation.body["name"], operation.body["topic"]) for operation in undone.operations]
    assert sorted(bodies) == [("$ref:1", "2001"), ("2002", "$ref:2")]
    assert not any(operation.references for operation in undone.operations)
