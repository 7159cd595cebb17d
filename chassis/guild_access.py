"""Where the bot may be: the shared section `guilds` of guildhall.yaml.

guilds: Annotated[GuildAccess, FromSection("guilds")] = GuildAccess()
"""

from typing import Annotated

from pydantic import Field

from chassis.settings.section import Section

Snowflake = Annotated[int, Field(gt=0, lt=1 << 63)]


class GuildAccess(Section):
    """The guilds that the bot may be in."""

    allowed: frozenset[Snowflake] = frozenset()
    """The snowflakes of the guilds in which the bot stays; it leaves all others, also those that it was in before.
    Empty for no limit."""

    def allows(self, guild_id: int) -> bool:
        """Whether the bot may be there."""
        return not self.allowed or guild_id in self.allowed
