"""How Discord is reached: the shared section `discord` of guildhall.yaml, for the services that may speak to it.

discord: Annotated[DiscordAccess, FromSection("discord")]
"""

from typing import Annotated

from pydantic import SecretStr, field_validator

from chassis.settings.section import Env, Section


class DiscordAccess(Section):
    """The bot's credential and the address of the API. Nothing else says whether it is the real Discord."""

    token: Annotated[SecretStr, Env("DISCORD_TOKEN")]
    """The bot's token, from the application's page at https://discord.com/developers/applications."""
    api_base: Annotated[str, Env("DISCORD_API_BASE")] = "https://discord.com/api/v10"
    """The REST API's address with its version."""

    @field_validator("api_base")
    @classmethod
    def _no_slash_at_the_end(cls, value: str) -> str:
        return value.rstrip("/")
