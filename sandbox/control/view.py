"""What a person sees: the same data that Discord's client would hold for them."""

from typing import Any

from sandbox.discord import render
from sandbox.discord.entities import JSON, Guild, Interaction
from sandbox.discord.world import World


def guilds(world: World, user_id: int) -> list[JSON]:
    """The guilds that somebody is in, with all that they may see in them."""
    return [guild(world, g, user_id) for g in world.guilds.values() if user_id in g.members]


def guild(world: World, record: Guild, user_id: int) -> JSON:
    """One guild as a person sees it."""
    shown = [c for c in record.channels.values() if world.can_view(c, user_id)]
    return {
        **render.guild(world, record),
        "permissions": str(world.guild_permissions(record, user_id)),
        "channels": [
            {**render.channel(world, c), "permissions": str(world.permissions_in(c, user_id))}
            for c in sorted(shown, key=lambda c: (c.position, c.id))
        ],
        "threads": [
            {**render.thread(t, reader_id=user_id), "permissions": str(world.permissions_in(t, user_id))}
            for t in record.threads.values()
            if world.can_view(t, user_id)
        ],
        "members": [render.member(world, m) for m in record.members.values()],
    }


def direct(world: World, user_id: int) -> list[JSON]:
    """A person's direct channels."""
    return [
        render.channel(world, c, reader_id=user_id)
        for c in world.channels.values()
        if c.guild_id is None and user_id in c.recipients
    ]


def snapshot(world: World, user_id: int) -> JSON:
    """Everything that a client starts with."""
    return {
        "me": render.user(world.user(user_id)),
        "guilds": guilds(world, user_id),
        "dms": direct(world, user_id),
        "event": world.event_number,
    }


def interaction(world: World, record: Interaction) -> JSON:
    """What became of an interaction."""
    answer: dict[str, Any] = {
        "id": str(record.id),
        "type": int(record.type),
        "user_id": str(record.user_id),
        "state": record.state,
        "token_state": "live" if world.now() - record.created_at <= 900 else "expired",
        "callback_type": record.callback_type,
        "ack_ms": None if record.ack_seconds is None else round(record.ack_seconds * 1000, 3),
        "message_id": render.id_or_none(record.original_id),
        "channel_id": str(record.channel_id),
        "ephemeral": record.ephemeral,
        "modal": record.modal,
        "choices": record.choices,
        "failed": record.state == "failed",
        "created_at": record.created_at,
        "name": record.data.get("name") or record.data.get("custom_id"),
    }
    return answer
