"""Reading who has to do with the board: its guilds, and whether somebody left anything on it."""

import sqlalchemy as sa

from services.board.store.connection import Connection
from services.board.store.schema import characters, guilds, members, subscriptions


async def all_guilds(connection: Connection) -> list[int]:
    """The guilds in which something was ever put on the board."""
    return [int(guild_id) for guild_id in (await connection.execute(sa.select(guilds.c.guild_id))).scalars()]


async def keeps_anything(connection: Connection, guild_id: int, user_id: int) -> bool:
    """Whether anything is kept of a person that goes when they leave: characters, subscriptions, vacation."""
    kept = (
        sa.exists().where(
            characters.c.guild_id == guild_id, characters.c.owner_id == user_id, characters.c.removed_at.is_(None)
        ),
        sa.exists().where(subscriptions.c.guild_id == guild_id, subscriptions.c.user_id == user_id),
        sa.exists().where(members.c.guild_id == guild_id, members.c.user_id == user_id, members.c.blocked_at.is_(None)),
    )
    return bool((await connection.execute(sa.select(sa.or_(*kept)))).scalar())
