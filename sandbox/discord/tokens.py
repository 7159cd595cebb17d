"""Bot tokens in Discord's form: the bot's id in base64, which libraries read, a timestamp, a secret."""

import base64
import secrets


def new_bot_token(bot_id: int) -> str:
    """A token that nobody can guess."""
    owner = base64.urlsafe_b64encode(str(bot_id).encode()).decode().rstrip("=")
    return f"{owner}.{secrets.token_urlsafe(4)}.{secrets.token_urlsafe(28)}"
