"""Tiers: who has which, what they inherit, and what a pattern takes away again."""

import pytest

from chassis.caller import Person
from chassis.tiers import Tier, allows, may, tiers_of

TIERS = {
    "everyone": Tier(features=("ask", "image"), grantable=False),
    "supporter": Tier(inherits=("everyone",), features=("!image", "plan"), discord_roles=(31,)),
    "admin": Tier(inherits=("everyone",), features=("*",), permissions=("MANAGE_GUILD",), grantable=False),
    "loop": Tier(inherits=("loop",), members=(9,)),
}


@pytest.mark.parametrize(
    ("person", "expected"),
    [
        (Person(1), ["everyone"]),
        (Person(1, role_ids=(31,)), ["everyone", "supporter"]),
        (Person(1, permissions=1 << 5), ["everyone", "admin"]),
        (Person(9), ["everyone", "loop"]),
    ],
)
def test_tiers_come_from_roles_permissions_and_names(person: Person, expected: list[str]) -> None:
    assert tiers_of(person, TIERS) == expected


def test_a_guild_gives_only_tiers_that_may_be_given() -> None:
    person = Person(1, role_ids=(50, 51))
    assert tiers_of(person, TIERS, {50: "supporter", 51: "admin", 52: "supporter"}) == ["everyone", "supporter"]


def test_features_are_granted_by_any_tier() -> None:
    assert may(Person(1), "features", "ask", TIERS)
    assert not may(Person(1), "features", "plan", TIERS)
    assert may(Person(1, permissions=1 << 5), "features", "plan", TIERS)
    # The tier that takes `image` away does not take it from everyone's.
    assert may(Person(1, role_ids=(31,)), "features", "image", TIERS)


def test_without_tiers_everything_is_allowed() -> None:
    assert may(Person(1), "models", "anything", {})


def test_the_last_pattern_that_fits_decides() -> None:
    assert allows(("*", "!openai/*", "openai/gpt-mini"), "openai/GPT-mini")
    assert not allows(("*", "!openai/*"), "openai/gpt")
    assert not allows((), "anything")
