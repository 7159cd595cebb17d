"""The demo model's grammar in executor's own schema: a wish for each kind of intent that there is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import pytest

from sandbox.model.dialogue import Ask, Turn
from sandbox.model.plans import plan
from services.executor.plans.schema import PLAN, Intent, json_schema

SCHEMA = json_schema()
WISHES: tuple[tuple[str, list[dict[str, Any]]], ...] = (
    ("make #lobby nsfw", [{"op": "edit_channel", "targets": "lobby", "nsfw": True}]),
    ("sync the permissions of #lobby with its category", [{"op": "sync_channel", "targets": "lobby"}]),
    ("sync #lobby", [{"op": "sync_channel", "targets": "lobby"}]),
    (
        "only let Raider see #lobby",
        [
            {"op": "set_permission", "targets": "lobby", "who": "everyone", "deny": ("view_channel",)},
            {"op": "set_permission", "targets": "lobby", "who": "Raider", "allow": ("view_channel",)},
        ],
    ),
    (
        "restrict #lobby to the role Raider",
        [
            {"op": "set_permission", "targets": "lobby", "who": "everyone", "deny": ("view_channel",)},
            {"op": "set_permission", "targets": "lobby", "who": "Raider", "allow": ("view_channel",)},
        ],
    ),
    (
        "remove the permissions of Raider in #lobby",
        [{"op": "clear_permission", "targets": "lobby", "who": "Raider"}],
    ),
    (
        "make the role Raider blue and hoist it",
        [{"op": "edit_role", "targets": "Raider", "colour": "#3498db", "hoist": True}],
    ),
    ("make the role Raider mentionable", [{"op": "edit_role", "targets": "Raider", "mentionable": True}]),
    ("reset the nickname of member", [{"op": "set_nickname", "members": "member"}]),
    (
        "ban @cass and @mina and delete their messages of the last 2 days",
        [{"op": "ban", "members": "cass, mina", "delete_message_days": 2}],
    ),
    (
        "delete all messages in #lobby that contain spam",
        [{"op": "purge_messages", "targets": "lobby", "contains": "spam"}],
    ),
    ("rename the emoji party to fest", [{"op": "edit_emoji", "emoji": "party", "name": "fest"}]),
    ("delete the emoji party", [{"op": "delete_emoji", "targets": "party"}]),
    ("add an emoji called blob", [{"op": "create_emoji", "id": "emoji1", "name": "blob"}]),
    (
        "create an event called Meetup on 2026-12-24 18:00 at the Town square",
        [
            {
                "op": "create_event",
                "id": "event1",
                "name": "Meetup",
                "start": "2026-12-24T18:00Z",
                "end": "2026-12-24T20:00:00+00:00",
                "location": "Town square",
            }
        ],
    ),
    (
        "create an event called Raid on 2026-12-24T18:00Z in the voice channel Den",
        [{"op": "create_event", "id": "event1", "name": "Raid", "start": "2026-12-24T18:00Z", "channel": "Den"}],
    ),
    ("rename the event Meetup to Xmas", [{"op": "edit_event", "targets": "Meetup", "name": "Xmas"}]),
    ("cancel the event Meetup", [{"op": "delete_event", "targets": "Meetup"}]),
    (
        "create an automod rule against spam",
        [{"op": "create_automod", "id": "automod1", "name": "Block spam", "spam": True}],
    ),
    ("disable the automod rule Spam", [{"op": "edit_automod", "targets": "Spam", "enabled": False}]),
    ("enable the automod rule Spam", [{"op": "edit_automod", "targets": "Spam", "enabled": True}]),
    ("delete the automod rule Spam", [{"op": "delete_automod", "targets": "Spam"}]),
    ("set the AFK timeout to 5 minutes", [{"op": "edit_guild", "afk_timeout_seconds": 300}]),
    ("make #lobby the system channel", [{"op": "edit_guild", "system_channel": "lobby"}]),
    ("prune members who were inactive for 14 days", [{"op": "prune", "days": 14}]),
    ("unban stranger", [{"op": "unban", "users": ("stranger",)}]),
    ("kick @cass", [{"op": "kick", "members": "cass"}]),
    ("delete the category Hall", [{"op": "delete_channel", "targets": "Hall", "types": ("category",)}]),
    ("sort the channels in Hall", [{"op": "reorder_channels", "category": "Hall"}]),
    (
        "move the role Raider below Veteran",
        [{"op": "reorder_roles", "targets": "Raider", "place": "below", "anchor": "Veteran"}],
    ),
    ("delete all invites", [{"op": "delete_invites"}]),
    (
        "create a webhook called Feed in #lobby",
        [{"op": "create_webhook", "id": "webhook1", "channel": "lobby", "name": "Feed"}],
    ),
    ("archive the thread Plans", [{"op": "edit_thread", "targets": "Plans", "archived": True}]),
    ("delete the thread Plans", [{"op": "delete_thread", "targets": "Plans"}]),
    ("clone #lobby", [{"op": "clone_channel", "targets": "lobby", "id": "channel1"}]),
)


def _lean(intent: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is as it would be anyway; a choice by name as that name."""
    lean: dict[str, Any] = {}
    for key, value in intent.items():
        if isinstance(value, Mapping) and "select" in value:
            select = {k: v for k, v in (value["select"] or {}).items() if v not in (None, (), [], False)}
            names = select.pop("names", ())
            lean |= {key: ", ".join(names)} if names else {}
            lean |= select
        elif value not in (None, (), [], "role") and (key, value) not in _USUAL:
            lean[key] = value
    return lean


_USUAL = (("count", 100), ("delete_message_days", 0), ("order", "alphabetical"), ("spam", False), ("sync", False),
          ("unlock", False), ("copy", False), ("with_children", False))  # fmt: skip


@pytest.mark.parametrize(("wish", "intents"), WISHES, ids=[wish for wish, _ in WISHES])
def test_words_become_intents_of_the_schema(wish: str, intents: list[dict[str, Any]]) -> None:
    document = PLAN.validate_python(plan(Ask("demo", (Turn("user", wish),), schema=SCHEMA)))
    assert [_lean(intent.model_dump()) for intent in document.intents] == intents
    assert not document.unsupported


def test_there_is_a_wish_for_what_the_other_tables_leave_out() -> None:
    everything = {kind.model_fields["op"].annotation.__args__[0] for kind in get_args(get_args(Intent)[0])}
    wished = {intent["op"] for _, intents in WISHES for intent in intents}
    # These stand in the sandbox's own table of the grammar, and in the sixty requests of the evaluation.
    elsewhere = {
        "create_channel", "move_channel", "lock_channel", "archive_channel", "create_role", "delete_role", "give_role",
        "take_role", "timeout", "pin_messages", "create_thread", "create_invite", "delete_webhooks",
    }  # fmt: skip
    assert everything == wished | elsewhere
