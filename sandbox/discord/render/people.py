"""Accounts, members and applications as Discord's JSON."""

from sandbox.discord.entities import JSON, Application, Member, User
from sandbox.discord.render.values import iso, iso_or_none
from sandbox.discord.world import World


def user(record: User) -> JSON:
    """A user as others see them."""
    return {
        "id": str(record.id),
        "username": record.username,
        "avatar": record.avatar,
        "discriminator": record.discriminator,
        "public_flags": 0,
        "flags": 0,
        "bot": record.bot,
        "banner": None,
        "accent_color": record.accent_color,
        "global_name": record.global_name,
        "avatar_decoration_data": None,
        "collectibles": None,
        "primary_guild": None,
    }


def own_user(record: User) -> JSON:
    """A user as they see themselves."""
    return {
        **user(record),
        "mfa_enabled": True,
        "locale": record.locale,
        "premium_type": 0,
        "email": None,
        "verified": True,
    }


def application(world: World, record: Application) -> JSON:
    """An application as its owner and its bot see it."""
    return {
        "id": str(record.id),
        "name": record.name,
        "icon": None,
        "description": record.description,
        "summary": "",
        "type": None,
        "bot": user(world.users[record.bot_id]),
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "flags": record.flags,
        "flags_new": str(record.flags),
        "tags": list(record.tags),
        "redirect_uris": [],
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
        "owner": user(world.users[record.owner_id]),
        "approximate_guild_count": sum(record.bot_id in g.members for g in world.guilds.values()),
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
        "explicit_content_filter": 0,
        "team": None,
        "eligible_oauth2_scopes": [],
    }


def bare_member(record: Member) -> JSON:
    """A member without the user, as messages carry it."""
    return {
        "avatar": record.avatar,
        "avatar_decoration_data": None,
        "banner": None,
        "communication_disabled_until": iso_or_none(record.timed_out_until),
        "flags": record.flags,
        "joined_at": iso(record.joined_at),
        "nick": record.nick,
        "pending": record.pending,
        "premium_since": iso_or_none(record.premium_since),
        "roles": [str(id_) for id_ in record.roles],
        "collectibles": None,
        "mute": record.mute,
        "deaf": record.deaf,
    }


def member(world: World, record: Member) -> JSON:
    """A member with their user."""
    return {**bare_member(record), "user": user(world.users[record.user_id])}
