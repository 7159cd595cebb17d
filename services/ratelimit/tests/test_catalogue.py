"""Which numbers hold for whom, and where a counter stands."""

import pytest
from pydantic import ValidationError

from chassis.errors import InvalidArgument
from services.ratelimit.algorithms import FORCED
from services.ratelimit.catalogue import Catalogue
from services.ratelimit.demands import Subject
from services.ratelimit.limits import Limits

BUCKET = {"algorithm": "token_bucket", "by": ["person"], "capacity": 5, "rate": 15}


def catalogue(**policies: dict[str, object]) -> Catalogue:
    return Catalogue(Limits.model_validate({"policies": policies, "groups": {}}))


def capacity(made: Catalogue, subject: Subject) -> int:
    return made.demands(subject, [("one", 1)])[0].variant.algorithm.capacity


def test_of_a_persons_roles_the_most_generous_counts_whatever_their_order() -> None:
    overrides = [{"roles": [1], "capacity": 9, "rate": 90}, {"roles": [2], "capacity": 20, "rate": 30}]
    made = catalogue(one=BUCKET | {"overrides": overrides})
    assert capacity(made, Subject(user_id=7)) == 5
    assert capacity(made, Subject(user_id=7, role_ids=(2,))) == 20
    assert (
        capacity(made, Subject(user_id=7, role_ids=(2, 1))) == capacity(made, Subject(user_id=7, role_ids=(1, 2))) == 9
    )


def test_a_role_without_limit_wins_over_any_other() -> None:
    overrides = [{"roles": [1], "unlimited": True}, {"roles": [2], "capacity": 20}]
    made = catalogue(one=BUCKET | {"overrides": overrides})
    assert made.demands(Subject(user_id=7, role_ids=(1, 2)), [("one", 1)]) == []


def test_of_other_overrides_the_last_match_counts() -> None:
    overrides = [
        {"guilds": [1], "capacity": 2},
        {"persons": [7], "capacity": 50},
        {"models": ["openai/*"], "capacity": 3},
    ]
    made = catalogue(one=BUCKET | {"overrides": overrides})
    assert capacity(made, Subject(user_id=8, guild_id=1)) == 2
    assert capacity(made, Subject(user_id=7, guild_id=1)) == 50
    assert capacity(made, Subject(user_id=7, guild_id=1, model="openai/gpt")) == 3


@pytest.mark.parametrize(
    ("by", "subject", "key"),
    [
        (["person"], Subject(user_id=7, guild_id=1), "ratelimit:{u7}:one"),
        (["guild"], Subject(user_id=7, guild_id=1), "ratelimit:{g1}:one"),
        (["guild", "person"], Subject(user_id=7, guild_id=1), "ratelimit:{g1}:one:u7"),
        (["guild", "person"], Subject(user_id=7), "ratelimit:{u7}:one"),
        (["provider", "model"], Subject(model="a/b{c}", provider="p"), "ratelimit:{*}:one:p:a/b%7Bc%7D"),
        (["person", "channel"], Subject(user_id=7, channel_id=3), "ratelimit:{u7}:one:c3"),
    ],
)
def test_a_counters_key_names_what_it_counts_by(by: list[str], subject: Subject, key: str) -> None:
    assert catalogue(one=BUCKET | {"by": by}).demands(subject, [("one", 1)])[0].key == key


def test_a_limit_by_role_counts_for_the_first_role_that_a_person_has() -> None:
    made = catalogue(one=BUCKET | {"by": ["role"], "roles": [5, 6]})
    assert made.demands(Subject(user_id=7, role_ids=(6, 5)), [("one", 1)])[0].key.endswith(":r5")
    assert made.demands(Subject(user_id=7, role_ids=(9,)), [("one", 1)]) == []


def test_outside_of_guilds_no_guild_is_limited() -> None:
    assert catalogue(one=BUCKET | {"by": ["guild"]}).demands(Subject(user_id=7), [("one", 1)]) == []


def test_a_limit_that_is_named_twice_is_taken_from_once_with_the_sum() -> None:
    made = Catalogue(Limits.model_validate({"policies": {"one": BUCKET}, "groups": {"all": ["one"]}}))
    demands = made.demands(Subject(user_id=7), [("one", 2), ("all", 3)])
    assert [demand.cost for demand in demands] == [5]
    with pytest.raises(InvalidArgument, match="can never give 6"):
        made.demands(Subject(user_id=7), [("one", 2), ("all", 4)])


def test_rights_lift_what_may_be_lifted_and_never_a_providers_limit() -> None:
    made = catalogue(one=BUCKET, two=BUCKET | {"by": ["provider"]}, three=BUCKET | {"bypass": False})
    charges = [("one", 1), ("two", 1), ("three", 1)]
    demands = made.demands(Subject(user_id=7, provider="p"), charges, bypass=True)
    assert [demand.flags == FORCED for demand in demands] == [True, False, False]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"by": ["provider"], "bypass": True}, "can't be bypassed"),
        ({"capacity": 0}, "greater than or equal to 1"),
        ({"rate": 1, "per": "1d", "capacity": 10**15}, "71 years"),
        ({"per": "soon"}, "a duration is"),
        ({"by": ["role"]}, "go together"),
        ({"by": ["person", "person"]}, "twice"),
        ({"overrides": [{"capacity": 3}]}, "names whom"),
        ({"overrides": [{"roles": [1]}]}, "changes a number"),
        ({"overrides": [{"roles": [1], "window": 5}]}, "not a number of this algorithm"),
        ({"algorithm": "calendar", "limit": 5, "period": "day", "time_zone": "Mars/Base"}, "IANA"),
        ({"algorithm": "leaky"}, "union_tag_invalid|does not match"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        catalogue(one=BUCKET | change)


def test_a_group_names_limits_that_exist() -> None:
    with pytest.raises(ValidationError, match="there is no limit two"):
        Limits.model_validate({"policies": {"one": BUCKET}, "groups": {"all": ["two"]}})
    with pytest.raises(ValidationError, match="has this name"):
        Limits.model_validate({"policies": {"one": BUCKET}, "groups": {"one": ["one"]}})
