"""A guild as Discord would describe it, for tests of what is pure."""

from __future__ import annotations

from typing import Any

from services.executor.plans import permissions
from services.executor.plans.snapshot import Channel, Member, Named, Snapshot, build

GUILD, BOT, OWNER, ADMIN, MOD, MEMBER, CRAFTER, ROBOT = 1_000, 1, 2, 3, 4, 5, 6, 7
BOT_ROLE, ADMIN_ROLE, MOD_ROLE, RAIDER, VETERAN, MANAGED = 1_010, 1_011, 1_012, 1_013, 1_014, 1_015
INFORMATION, LOUNGE, GENERAL, RULES, TEST_ONE, TEST_TWO, VOICE, FORUM = range(2_001, 2_009)
THREAD, EMOJI, EVENT, RULE, HOOK, BANNED = 3_001, 4_001, 5_001, 6_001, 7_001, 8_001


NOW = 1_800_000_000.0
"""The time of the tests, in Unix seconds."""


def select(**fields: Any) -> dict[str, Any]:
    """A choice among what exists, as intents say it."""
    return {"select": fields}


def role(number: int, name: str, position: int, bits: int = 0, **more: Any) -> dict[str, Any]:
    """A role."""
    return {"id": str(number), "name": name, "position": position, "permissions": str(bits), "managed": False, **more}


def channel(number: int, name: str, kind: int = 0, parent: int = 0, position: int = 0, **more: Any) -> dict[str, Any]:
    """A channel."""
    return {
        "id": str(number),
        "name": name,
        "type": kind,
        "parent_id": str(parent) if parent else None,
        "position": position,
        "permission_overwrites": [],
        **more,
    }


def member(number: int, name: str, *roles: int, bot: bool = False, **more: Any) -> Member:
    """A member."""
    user = {"id": str(number), "username": name, "bot": bot}
    return Member.of({"user": user, "roles": [str(one) for one in roles], **more})


def guild() -> Snapshot:
    """A guild with a little of everything."""
    usual = permissions.bits(["view_channel", "send_messages", "connect", "speak", "create_instant_invite"])
    most = permissions.ALL & ~permissions.ADMINISTRATOR
    raw = {
        "id": str(GUILD),
        "name": "The Hearth",
        "owner_id": str(OWNER),
        "features": [],
        "verification_level": 1,
        "description": None,
        "roles": [
            role(GUILD, "@everyone", 0, usual),
            role(RAIDER, "Raider", 1),
            role(VETERAN, "Veteran", 2),
            role(MOD_ROLE, "Moderator", 5, permissions.bits(["manage_channels", "manage_messages", "kick_members"])),
            role(MANAGED, "Integration", 6, managed=True),
            role(BOT_ROLE, "Guildhall", 8, most),
            role(ADMIN_ROLE, "Admin", 9, permissions.ADMINISTRATOR),
        ],
        "emojis": [{"id": str(EMOJI), "name": "blob"}],
    }
    channels = [
        channel(INFORMATION, "Information", 4),
        channel(LOUNGE, "Lounge", 4, position=1),
        channel(GENERAL, "general", 0, LOUNGE, topic="hello"),
        channel(RULES, "rules", 0, INFORMATION),
        channel(TEST_ONE, "test-one", 0, LOUNGE, 1),
        channel(TEST_TWO, "test-two", 0, LOUNGE, 2),
        channel(VOICE, "Voice", 2, LOUNGE),
        channel(FORUM, "ideas", 15, LOUNGE, 3, available_tags=[{"id": "9", "name": "bug"}]),
    ]
    made = build(raw, channels, BOT)
    people = [
        member(BOT, "guildhall", BOT_ROLE, bot=True),
        member(OWNER, "owner"),
        member(ADMIN, "admin", ADMIN_ROLE),
        member(MOD, "moderator", MOD_ROLE),
        member(MEMBER, "member", RAIDER),
        member(CRAFTER, "crafter", RAIDER, VETERAN),
        member(ROBOT, "helper", bot=True),
    ]
    made.members = {one.user_id: one for one in people}
    made.all_members = True
    thread = channel(THREAD, "old talk", 11, GENERAL, thread_metadata={"archived": False, "locked": False})
    made.threads = {THREAD: Channel.of(thread)}
    made.bans = {BANNED: Named(BANNED, "troll", {})}
    made.events = {EVENT: Named.of({"id": str(EVENT), "name": "Raid night"})}
    made.rules = {RULE: Named.of({"id": str(RULE), "name": "No spam", "enabled": True, "trigger_type": 3})}
    made.webhooks = {HOOK: Named.of({"id": str(HOOK), "name": "feed", "channel_id": str(GENERAL)})}
    made.invites = {"abc": Named.of({"code": "abc", "channel": {"id": str(GENERAL)}})}
    return made
