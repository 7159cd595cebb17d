"""What lets others in, and what they use there: webhooks, invites, commands."""

from sandbox.discord.entities import JSON, Command, Invite, Webhook
from sandbox.discord.render.people import user
from sandbox.discord.render.values import id_or_none, iso
from sandbox.discord.world import World


def webhook(world: World, record: Webhook, *, secret: bool) -> JSON:
    """A webhook; its token only for who may manage it."""
    answer: JSON = {
        "application_id": id_or_none(record.application_id),
        "avatar": record.avatar,
        "channel_id": str(record.channel_id),
        "guild_id": str(record.guild_id),
        "id": str(record.id),
        "name": record.name,
        "type": 1,
        "user": user(world.users[record.creator_id]),
    }
    if secret:
        answer["token"] = record.token
        answer["url"] = f"{world.base_url}/api/webhooks/{record.id}/{record.token}"
    return answer


def invite(world: World, record: Invite, *, counts: bool = False) -> JSON:
    """An invite."""
    place = world.guilds[record.guild_id]
    where = world.channels[record.channel_id]
    answer: JSON = {
        "type": 0,
        "code": record.code,
        "inviter": user(world.users[record.inviter_id]),
        "max_age": record.max_age,
        "created_at": iso(record.created_at),
        "expires_at": None if record.max_age == 0 else iso(record.created_at + record.max_age),
        "flags": 0,
        "guild": {
            "id": str(place.id),
            "name": place.name,
            "splash": None,
            "banner": None,
            "description": place.description,
            "icon": place.icon,
            "features": list(place.features),
            "verification_level": place.verification_level,
            "vanity_url_code": None,
            "nsfw_level": 0,
            "nsfw": False,
            "premium_subscription_count": 0,
            "premium_tier": 0,
        },
        "guild_id": str(place.id),
        "channel": {"id": str(where.id), "type": int(where.type), "name": where.name},
        "uses": record.uses,
        "max_uses": record.max_uses,
        "temporary": record.temporary,
    }
    if counts:
        answer["approximate_member_count"] = len(place.members)
        answer["approximate_presence_count"] = len(place.members)
    return answer


def command(record: Command, *, localizations: bool = True) -> JSON:
    """A registered command."""
    answer: JSON = {
        "id": str(record.id),
        "application_id": str(record.application_id),
        "version": str(record.version),
        **record.definition,
    }
    if record.guild_id is not None:
        answer["guild_id"] = str(record.guild_id)
    if not localizations:
        answer.pop("name_localizations", None)
        answer.pop("description_localizations", None)
    return answer
