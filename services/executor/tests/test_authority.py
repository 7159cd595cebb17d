"""Authority: nobody does through a plan what they could not do themselves, and some things nobody does."""

from __future__ import annotations

from typing import Any

import pytest

from services.executor.plans.authority import refusal
from services.executor.plans.compiler import compile_plan
from services.executor.plans.preflight import check
from services.executor.plans.schema import PLAN
from services.executor.plans.snapshot import Role, Snapshot
from services.executor.plans.table import TABLE
from services.executor.tests import guilds as g
from services.executor.tests.guilds import NOW, select
from services.executor.tests.rows import ROWS


def kinds(requester: int, *intents: dict[str, Any], snapshot: Snapshot | None = None) -> list[str]:
    """The operations that are left of intents for a person."""
    guild = snapshot or g.guild()
    plan = compile_plan(PLAN.validate_python({"intents": list(intents)}), guild, now=NOW)
    checked = check(plan.operations, guild, guild.members[requester], guild.members[g.BOT])
    assert len(checked.security) <= len(checked.problems)
    return [operation.kind for operation in checked.operations]


ONE = select(names=["general"])
EVERYBODY = select(names=["everyone"])

# The moderator manages channels and messages and kicks; the member does nothing of it. Both stand below the bot.
ATTEMPTS: list[tuple[int, dict[str, Any]]] = [
    (g.MEMBER, {"op": "create_channel", "name": "mine"}),
    (g.MEMBER, {"op": "delete_channel", "targets": ONE}),
    (g.MEMBER, {"op": "edit_channel", "targets": ONE, "topic": "mine"}),
    (g.MEMBER, {"op": "create_role", "name": "King"}),
    (g.MEMBER, {"op": "give_role", "members": select(names=["member"]), "role": select(names=["Veteran"])}),
    (g.MEMBER, {"op": "kick", "members": select(names=["crafter"])}),
    (g.MEMBER, {"op": "ban", "members": select(names=["crafter"])}),
    (g.MEMBER, {"op": "timeout", "members": select(names=["crafter"]), "minutes": 5}),
    (g.MEMBER, {"op": "set_nickname", "members": select(names=["crafter"]), "nickname": "x"}),
    (g.MEMBER, {"op": "edit_guild", "verification_level": "none"}),
    (g.MEMBER, {"op": "create_webhook", "channel": ONE, "name": "spy"}),
    (g.MEMBER, {"op": "delete_invites"}),
    (g.MEMBER, {"op": "delete_emoji", "targets": select(names=["blob"])}),
    (g.MEMBER, {"op": "edit_automod", "targets": select(names=["No spam"]), "enabled": False}),
    (g.MEMBER, {"op": "unban", "users": ["troll"]}),
    (g.MEMBER, {"op": "delete_thread", "targets": select(names=["old talk"])}),
    (g.MOD, {"op": "create_role", "name": "Helper"}),
    (g.MOD, {"op": "edit_role", "targets": select(names=["Raider"]), "grant": ["ban_members"]}),
    (g.MOD, {"op": "edit_role", "targets": select(names=["Moderator"]), "grant": ["manage_guild"]}),
    (g.MOD, {"op": "delete_role", "targets": select(names=["Admin"])}),
    (g.MOD, {"op": "kick", "members": select(names=["admin"])}),
    (g.MOD, {"op": "kick", "members": select(names=["owner"])}),
    (g.MOD, {"op": "kick", "members": select(names=["moderator"])}),
    (g.MOD, {"op": "kick", "members": select(names=["guildhall"])}),
    (g.MOD, {"op": "ban", "members": select(names=["member"])}),
    (g.MOD, {"op": "set_permission", "targets": ONE, "who": select(names=["Moderator"]), "allow": ["manage_roles"]}),
    (g.MOD, {"op": "lock_channel", "targets": ONE}),
    (g.MOD, {"op": "create_channel", "name": "x", "overwrites": [{"who": EVERYBODY, "allow": ["manage_messages"]}]}),
    (g.ADMIN, {"op": "edit_role", "targets": select(names=["Raider"]), "grant": ["administrator"]}),
    (g.ADMIN, {"op": "create_role", "name": "Root", "permissions": ["administrator"]}),
    (g.ADMIN, {"op": "delete_role", "targets": select(names=["Admin"])}),
    (g.ADMIN, {"op": "edit_role", "targets": select(names=["Guildhall"]), "name": "Owned"}),
    (g.ADMIN, {"op": "give_role", "members": select(names=["member"]), "role": select(names=["Integration"])}),
    (g.ADMIN, {"op": "delete_role", "targets": select(names=["Integration"])}),
    (g.ADMIN, {"op": "ban", "members": select(names=["owner"])}),
    (g.ADMIN, {"op": "ban", "members": select(names=["admin"])}),
    (g.ADMIN, {"op": "set_nickname", "members": select(names=["owner"]), "nickname": "fool"}),
    (g.ADMIN, {"op": "reorder_roles", "targets": select(names=["Raider"]), "place": "above", "anchor": "Admin"}),
    (g.OWNER, {"op": "edit_role", "targets": select(names=["Raider"]), "grant": ["administrator"]}),
    (g.OWNER, {"op": "edit_role", "targets": select(names=["Integration"]), "name": "Mine"}),
    (g.OWNER, {"op": "kick", "members": select(names=["owner"])}),
    (g.OWNER, {"op": "kick", "members": select(names=["admin"])}),
]


@pytest.mark.parametrize(("requester", "intent"), ATTEMPTS, ids=[f"{n}-{i['op']}" for n, (_, i) in enumerate(ATTEMPTS)])
def test_not_one_operation_above_the_requester_or_the_bot(requester: int, intent: dict[str, Any]) -> None:
    assert kinds(requester, intent) == []


@pytest.mark.parametrize(
    ("requester", "intent", "expected"),
    [
        (g.MOD, {"op": "create_channel", "name": "ok"}, ["channel.create"]),
        (g.MOD, {"op": "kick", "members": select(names=["member"])}, ["member.kick"]),
        (
            g.ADMIN,
            {"op": "give_role", "members": select(names=["member"]), "role": select(names=["Veteran"])},
            ["member.role_add"],
        ),
        (g.OWNER, {"op": "edit_role", "targets": select(names=["Raider"]), "grant": ["ban_members"]}, ["role.edit"]),
        (g.ADMIN, {"op": "ban", "members": select(names=["member"])}, ["member.ban"]),
        (g.ADMIN, {"op": "lock_channel", "targets": ONE}, ["overwrite.set"]),
    ],
)
def test_what_one_may_do_one_may_plan(requester: int, intent: dict[str, Any], expected: list[str]) -> None:
    assert kinds(requester, intent) == expected


@pytest.mark.parametrize("kind", sorted(TABLE))
def test_without_its_permissions_no_row_is_granted(kind: str) -> None:
    """Forbidden, for every row: to a person, and to the bot."""
    snapshot, operation = g.guild(), ROWS[kind]
    snapshot.roles[g.GUILD] = Role.of(g.role(g.GUILD, "@everyone", 0))
    powerless, almighty = snapshot.members[g.MEMBER], snapshot.members[g.OWNER]
    bot = snapshot.members[g.BOT]
    assert "You lack" in refusal(operation, snapshot, powerless, bot)
    weak = g.member(g.BOT, "guildhall", g.RAIDER, bot=True)
    assert "I lack" in refusal(operation, snapshot, almighty, weak)


def test_a_denial_in_the_channel_counts() -> None:
    snapshot = g.guild()
    raw = dict(snapshot.channels[g.GENERAL].raw)
    raw["permission_overwrites"] = [{"id": str(g.MOD_ROLE), "type": 0, "allow": "0", "deny": str(1 << 4)}]
    snapshot.channels[g.GENERAL] = type(snapshot.channels[g.GENERAL]).of(raw)
    assert kinds(g.MOD, {"op": "edit_channel", "targets": ONE, "topic": "x"}, snapshot=snapshot) == []
    other = {"op": "edit_channel", "targets": select(names=["rules"]), "topic": "x"}
    assert kinds(g.MOD, other, snapshot=snapshot) == ["channel.rename"]


def test_the_channels_of_a_community_stay() -> None:
    snapshot = g.guild()
    snapshot.guild = {**snapshot.guild, "features": ["COMMUNITY"], "rules_channel_id": str(g.RULES)}
    assert kinds(g.OWNER, {"op": "delete_channel", "targets": select(names=["rules"])}, snapshot=snapshot) == []


def test_the_ceilings_are_counted_in_the_order_of_the_plan() -> None:
    snapshot = g.guild()
    for number in range(500 - len(snapshot.channels)):
        raw = g.channel(50_000 + number, f"filler-{number}")
        snapshot.channels[50_000 + number] = type(snapshot.channels[g.GENERAL]).of(raw)
    two = {"op": "create_channel", "name": "new-{i}", "repeat": 2}
    one_less = {"op": "delete_channel", "targets": select(names=["test-one"])}
    assert kinds(g.OWNER, two, snapshot=snapshot) == []
    assert kinds(g.OWNER, one_less, two, snapshot=snapshot) == ["channel.delete", "channel.create"]


def test_a_category_holds_fifty() -> None:
    snapshot = g.guild()
    for number in range(48):
        raw = g.channel(60_000 + number, f"filler-{number}", parent=g.INFORMATION)
        snapshot.channels[60_000 + number] = type(snapshot.channels[g.GENERAL]).of(raw)
    three = {"op": "create_channel", "name": "n-{i}", "repeat": 3, "category": select(names=["Information"])}
    assert kinds(g.OWNER, three, snapshot=snapshot) == ["channel.create"]
