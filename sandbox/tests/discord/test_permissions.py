"""How permissions combine, against a slow and literal reading of Discord's page; and what stays out of sight."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from sandbox.discord.permissions import ALL, P, apply_overwrites, base_permissions, settle

BITS = [P.VIEW_CHANNEL, P.SEND_MESSAGES, P.MANAGE_ROLES, P.ATTACH_FILES, P.ADMINISTRATOR]
SOME = st.sets(st.sampled_from(BITS[:4])).map(sum)


@dataclass
class Overwrite:
    allow: int
    deny: int


OVERWRITE = st.builds(Overwrite, SOME, SOME)


def literally(bit: int, base: int, everyone: Overwrite, roles: list[Overwrite], member: Overwrite) -> bool:
    """One bit, by the order of the page: everyone, then all roles' denies, all roles' allows, then the member."""
    held = bool(base & bit)
    for deny, allow in (
        (everyone.deny & bit, everyone.allow & bit),
        (any(r.deny & bit for r in roles), any(r.allow & bit for r in roles)),
        (member.deny & bit, member.allow & bit),
    ):
        if deny:
            held = False
        if allow:
            held = True
    return held


@given(base=SOME, everyone=OVERWRITE, roles=st.lists(OVERWRITE, max_size=4), member=OVERWRITE)
def test_overwrites_apply_in_discords_order(
    base: int, everyone: Overwrite, roles: list[Overwrite], member: Overwrite
) -> None:
    result = apply_overwrites(base, everyone, roles, member)
    for bit in BITS[:4]:
        assert bool(result & bit) == literally(bit, base, everyone, roles, member)


@given(everyone=OVERWRITE, roles=st.lists(OVERWRITE, max_size=3))
def test_an_administrator_is_stopped_by_nothing(everyone: Overwrite, roles: list[Overwrite]) -> None:
    assert apply_overwrites(int(P.ADMINISTRATOR), everyone, roles, Overwrite(0, ALL)) == ALL
    assert base_permissions(False, [0, int(P.ADMINISTRATOR)]) == ALL
    assert base_permissions(True, [0]) == ALL


def test_what_implies_what() -> None:
    assert settle(P.SEND_MESSAGES | P.MANAGE_ROLES, thread=False) == 0
    muted = settle(P.VIEW_CHANNEL | P.ATTACH_FILES | P.ADD_REACTIONS, thread=False)
    assert muted == P.VIEW_CHANNEL | P.ADD_REACTIONS
    in_thread = P.VIEW_CHANNEL | P.SEND_MESSAGES_IN_THREADS | P.ATTACH_FILES
    assert settle(in_thread, thread=True) == in_thread
    assert settle(in_thread, thread=False) == P.VIEW_CHANNEL | P.SEND_MESSAGES_IN_THREADS
