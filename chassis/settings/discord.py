"""The section `discord`: where Discord is and as whom the platform speaks to it.

Borrowed by the two services that do, gateway and executor: `discord: Annotated[Discord, FromSection("discord")]`.
"""

from typing import Annotated

from pydantic import SecretStr

from chassis.settings.section import Env, Section


class Discord(Section):
    """Address and credential."""

    token: Annotated[SecretStr | None, Env("DISCORD_TOKEN")] = None
    """The bot's token, from the developer portal."""
    api_base: Annotated[str, Env("DISCORD_API_BASE")] = "https://discord.com/api/v10"
    """The REST API, with its version and without a slash at the end."""
