"""Members as they stand in the store."""

from hypothesis import given
from hypothesis import strategies as st

from services.executor.mirror.model import (
    MemberRecord,
    RoleTable,
    bucket_of,
    buckets_for,
    member_field,
    pack,
    unpack,
)

SNOWFLAKES = st.integers(1, (1 << 63) - 1)
TIMES = st.one_of(st.just(0), st.integers(1_420_070_401, 1 << 33))
NAMES = st.text(max_size=32)
MEMBERS = st.builds(
    MemberRecord,
    user_id=SNOWFLAKES,
    username=st.text(min_size=1, max_size=32),
    global_name=NAMES,
    nickname=NAMES,
    role_ids=st.lists(SNOWFLAKES, unique=True, max_size=40).map(tuple),
    bot=st.booleans(),
    pending=st.booleans(),
    joined=TIMES,
    timed_out_until=TIMES,
)


@given(st.lists(MEMBERS, max_size=10))
def test_what_is_packed_comes_out_again_whatever_the_table_held_before(members: list[MemberRecord]) -> None:
    table = RoleTable()
    packed = [(member_field(member.user_id), pack(member, table)) for member in members]
    stored = RoleTable.load(table.dump())
    assert [unpack(name, raw, stored.roles) for name, raw in packed] == members


def test_a_deleted_role_is_held_by_nobody_and_its_place_is_not_given_away() -> None:
    table = RoleTable()
    raw = pack(MemberRecord(7, "ann", role_ids=(100, 200, 300)), table)
    table.forget(200)
    other = pack(MemberRecord(8, "ben", role_ids=(400,)), table)
    stored = RoleTable.load(table.dump())
    assert unpack(member_field(7), raw, stored.roles).role_ids == (100, 300)
    assert unpack(member_field(8), other, stored.roles).role_ids == (400,)
    table.keep_only({300})
    assert unpack(member_field(7), raw, table.roles).role_ids == (300,)


def test_a_lone_surrogate_in_a_name_is_replaced() -> None:
    raw = pack(MemberRecord(7, "a\ud800b"), RoleTable())
    assert unpack(member_field(7), raw, []).username == "a?b"


def test_buckets_stay_small_enough_to_be_packed_by_redis() -> None:
    members = 50_000
    buckets = buckets_for(members, 64)
    sizes = [0] * buckets
    for number in range(members):
        sizes[bucket_of(member_field(175_928_847_299_117_063 + number * 4_194_304), buckets)] += 1
    assert max(sizes) <= 128
    assert buckets_for(0, 64) == 1
