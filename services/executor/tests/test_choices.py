"""Choosing among what a guild holds: by name, by what it is, by who has it; and asking where a name means several."""

from __future__ import annotations

from typing import Any

import pytest

from services.executor.plans.choosing import Thing, Unresolved
from services.executor.plans.compiler import compile_plan
from services.executor.plans.draft import Draft
from services.executor.plans.schema import PLAN, Select, Targets
from services.executor.plans.snapshot import Channel, Named, Role, Snapshot
from services.executor.tests import guilds as g
from services.executor.tests.guilds import NOW

TWIN, EMPTY, TWIN_ROLE, TWIN_EMOJI, TWIN_MEMBER = 2_201, 2_202, 1_101, 4_101, 101


def twins() -> Snapshot:
    """The guild with a second #general, Raider, member and blob, and a category that nothing is in."""
    snapshot = g.guild()
    snapshot.channels[TWIN] = Channel.of(g.channel(TWIN, "general", 0, g.INFORMATION))
    snapshot.channels[EMPTY] = Channel.of(g.channel(EMPTY, "Attic", 4))
    snapshot.roles[TWIN_ROLE] = Role.of(g.role(TWIN_ROLE, "Raider", 3))
    snapshot.members[TWIN_MEMBER] = g.member(TWIN_MEMBER, "someone", nick="member")
    snapshot.emojis[TWIN_EMOJI] = Named.of({"id": str(TWIN_EMOJI), "name": "blob"})
    return snapshot


def draft(**answers: str) -> Draft:
    """A plan that has nothing in it yet; answers are to `channel:` questions."""
    kept = {f"channel:{name}": value for name, value in answers.items()}
    return Draft(twins(), PLAN.validate_python({"intents": [{"op": "prune", "days": 30}]}), NOW, answers=kept)


def choice(**fields: Any) -> Targets:
    """A choice among what exists."""
    return Targets(select=Select(**fields))


def ids(things: list[Thing]) -> list[int]:
    """What was chosen."""
    return [int(thing.id) for thing in things]


def refused(made: Draft, code: str) -> None:
    """That the choice is a problem of this kind, and no question."""
    assert [problem.code for problem in made.problems] == [code]
    assert not made.questions


def test_categories_are_chosen_by_whether_they_are_empty() -> None:
    assert ids(draft().channels(choice(empty=True))) == [EMPTY]
    assert set(ids(draft().channels(choice(empty=False)))) == {g.INFORMATION, g.LOUNGE}


def test_roles_are_chosen_by_whether_anybody_has_them() -> None:
    assert set(ids(draft().roles(choice(empty=True)))) == {TWIN_ROLE, g.MANAGED}
    held = ids(draft().roles(choice(empty=False)))
    assert g.RAIDER in held
    assert not {TWIN_ROLE, g.GUILD} & set(held)


def test_everyone_is_a_role_only_where_that_makes_sense() -> None:
    assert ids(draft().roles(choice(names=("@everyone",)), everyone=True)) == [g.GUILD]
    made = draft()
    with pytest.raises(Unresolved):
        made.roles(choice(names=("everyone",)))
    refused(made, "NOT_FOUND")


def test_members_are_chosen_by_the_role_they_lack() -> None:
    without = ids(draft().members(choice(without_role="Veteran", bots=False)))
    assert g.CRAFTER not in without
    assert g.BOT not in without
    assert g.MEMBER in without


def test_what_an_intent_makes_is_nobody() -> None:
    made = draft()
    with pytest.raises(Unresolved):
        made.members(Targets.model_validate({"from": "c"}))
    refused(made, "NOT_MEMBERS")


def test_a_category_is_a_category() -> None:
    assert ids(draft().category(choice(names=("Lounge",)))) == [g.LOUNGE]
    made = draft()
    with pytest.raises(Unresolved):
        made.category(choice(names=("Voice",), types=("voice",)))
    refused(made, "NOT_A_CATEGORY")


def test_emoji_that_an_intent_makes_are_known() -> None:
    made = draft()
    operation = made.add("emoji.create", {"guild_id": made.guild_id}, {"name": "spark"}, label=":spark:")
    made.makes("e", [made.created(operation, "spark")])
    (thing,) = made.named(Targets.model_validate({"from": "e"}), made.snapshot.emojis, "emoji")
    assert (thing.id, thing.name) == ("$ref:1", "spark")


def test_what_nobody_asked_for_under_a_name_is_not_remembered() -> None:
    made = draft()
    made.makes(None, [Thing("$ref:1", "spark")])
    assert not made.made


@pytest.mark.parametrize("name", ["test one", "Test One"])
def test_a_space_may_stand_for_the_dash(name: str) -> None:
    assert ids(draft().channels(choice(names=(name,)))) == [g.TEST_ONE]


def test_a_name_that_is_nearly_right_is_offered() -> None:
    made = draft()
    with pytest.raises(Unresolved):
        made.channels(choice(names=("tset-one",)))
    assert "test-one" in made.problems[0].text
    far = draft()
    with pytest.raises(Unresolved):
        far.channels(choice(names=("zzzzzz",)))
    assert "test-one" not in far.problems[0].text


def test_a_condition_that_nothing_meets_is_said() -> None:
    made = draft()
    with pytest.raises(Unresolved):
        made.channels(choice(name_glob="nothing-*"))
    refused(made, "NOT_FOUND")


def _pick(made: Draft, what: str) -> list[Thing]:
    if what == "channel":
        return made.channels(choice(names=("general",)))
    if what == "role":
        return made.roles(choice(names=("Raider",)))
    if what == "member":
        return made.members(choice(names=("member",)))
    return made.named(choice(names=("blob",)), made.snapshot.emojis, "emoji")


@pytest.mark.parametrize(
    ("what", "labels"),
    [
        ("channel", {str(g.GENERAL): "general (text in Lounge)", str(TWIN): "general (text in Information)"}),
        ("role", {str(g.RAIDER): "Raider (position 1)", str(TWIN_ROLE): "Raider (position 3)"}),
        ("member", {str(g.MEMBER): "member (member)", str(TWIN_MEMBER): "member (someone)"}),
        ("emoji", {str(g.EMOJI): f"blob ({g.EMOJI})", str(TWIN_EMOJI): f"blob ({TWIN_EMOJI})"}),
    ],
)
def test_a_name_of_several_things_is_asked_once(what: str, labels: dict[str, str]) -> None:
    made = draft()
    for _ in range(2):
        with pytest.raises(Unresolved):
            _pick(made, what)
    (question,) = made.questions
    assert not made.problems
    assert {candidate.id: candidate.label for candidate in question.candidates} == labels


def test_an_answer_settles_which_is_meant() -> None:
    assert ids(draft(general=str(TWIN)).channels(choice(names=("#General",)))) == [TWIN]


def test_an_answer_that_has_gone_since_is_said() -> None:
    made = draft(general="31")
    with pytest.raises(Unresolved):
        made.channels(choice(names=("general",)))
    refused(made, "NOT_FOUND")


def test_a_question_leaves_the_other_intents_alone() -> None:
    intents = [
        {"op": "delete_channel", "targets": {"select": {"names": ["general"]}}},
        {"op": "create_channel", "name": "kept"},
    ]
    made = compile_plan(PLAN.validate_python({"intents": intents}), twins(), now=NOW)
    assert [question.key for question in made.questions] == ["channel:general"]
    assert [operation.label for operation in made.operations] == ["#kept"]
