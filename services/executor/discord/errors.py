"""What Discord's answers mean: the error codes that matter here, and the exceptions they become.

https://docs.discord.com/developers/topics/opcodes-and-status-codes#json
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Any


class Code(IntEnum):
    """Discord's JSON error codes, by the names of its documentation."""

    UNKNOWN_CHANNEL = 10003
    UNKNOWN_GUILD = 10004
    UNKNOWN_MEMBER = 10007
    UNKNOWN_MESSAGE = 10008
    UNKNOWN_OVERWRITE = 10009
    UNKNOWN_ROLE = 10011
    UNKNOWN_USER = 10013
    UNKNOWN_EMOJI = 10014
    UNKNOWN_WEBHOOK = 10015
    UNKNOWN_BAN = 10026
    UNKNOWN_INVITE = 10006
    UNKNOWN_INTERACTION = 10062
    UNKNOWN_GUILD_SCHEDULED_EVENT = 10070
    QUARANTINED = 20026
    ANNOUNCEMENT_RATE = 20022
    MAXIMUM_PINS = 30003
    MAXIMUM_ROLES = 30005
    MAXIMUM_WEBHOOKS = 30007
    MAXIMUM_EMOJI = 30008
    MAXIMUM_CHANNELS = 30013
    MAXIMUM_INVITES = 30016
    MAXIMUM_OVERWRITES = 30060
    OPENING_DIRECT_MESSAGES_TOO_FAST = 40003
    REQUEST_ENTITY_TOO_LARGE = 40005
    ALREADY_ACKNOWLEDGED = 40060
    MISSING_ACCESS = 50001
    CANNOT_EDIT_OTHERS_MESSAGE = 50005
    EMPTY_MESSAGE = 50006
    DIRECT_MESSAGES_CLOSED = 50007
    MISSING_PERMISSIONS = 50013
    INVALID_WEBHOOK_TOKEN = 50027
    INVALID_FORM_BODY = 50035
    COMMUNITY_CHANNEL = 50074
    THREAD_ARCHIVED = 50083
    THREAD_EXISTS = 160004
    THREAD_LOCKED = 160005


GONE = frozenset(
    {
        Code.UNKNOWN_CHANNEL,
        Code.UNKNOWN_GUILD,
        Code.UNKNOWN_MEMBER,
        Code.UNKNOWN_MESSAGE,
        Code.UNKNOWN_OVERWRITE,
        Code.UNKNOWN_ROLE,
        Code.UNKNOWN_USER,
        Code.UNKNOWN_EMOJI,
        Code.UNKNOWN_WEBHOOK,
        Code.UNKNOWN_BAN,
        Code.UNKNOWN_INVITE,
        Code.UNKNOWN_GUILD_SCHEDULED_EVENT,
    }
)
"""What a request was about does not exist (any more): for a deletion, that is success."""

TOKEN_DEAD = frozenset({Code.UNKNOWN_INTERACTION, Code.UNKNOWN_WEBHOOK, Code.INVALID_WEBHOOK_TOKEN})
"""An interaction's token that is not known: not yet, before the acknowledgement arrived, or not any more."""

FORBIDDEN = frozenset({Code.MISSING_ACCESS, Code.MISSING_PERMISSIONS, Code.DIRECT_MESSAGES_CLOSED, Code.THREAD_LOCKED})
"""The bot may not do this here."""


class DiscordError(Exception):
    """Something went wrong between executor and Discord."""


class Refused(DiscordError):
    """Discord answered 4xx: the same request would be refused again."""

    def __init__(self, status: int, code: int, message: str, errors: Mapping[str, Any] | None = None) -> None:
        details = "; ".join(f"{path}: {text}" for path, text in _flatten(errors or {}))
        super().__init__(f"{status} ({code}) {message}{f' [{details}]' if details else ''}")
        self.status = status
        self.code = code
        self.message = message
        self.details = details

    @property
    def gone(self) -> bool:
        """Whether what the request was about does not exist."""
        return self.code in GONE or (self.status == 404 and self.code == 0)

    @property
    def token_dead(self) -> bool:
        """Whether an interaction's token is not, or no longer, known."""
        return self.code in TOKEN_DEAD

    @property
    def response_missing(self) -> bool:
        """Whether an interaction has no response to be changed by its token: not yet, or no longer."""
        return self.token_dead or self.code == Code.UNKNOWN_MESSAGE

    @property
    def forbidden(self) -> bool:
        """Whether the bot lacks the right."""
        return self.code in FORBIDDEN or self.status == 403


class Unauthorized(DiscordError):
    """Discord does not know the bot's token: everything stops, or it bans the address."""


class OutcomeUnknown(DiscordError):
    """The request may or may not have happened, and repeating it blindly could do it twice."""

    answered = False
    """Whether Discord has answered, so that nothing is under way any more."""


class Unreachable(DiscordError):
    """Discord cannot be reached or keeps failing; nothing was done, or it can be repeated safely."""

    answered = False
    """Whether Discord has answered, so that nothing is under way any more."""


class NotPermitted(DiscordError):
    """ratelimit gave no permit in the time that the caller would wait."""

    def __init__(
        self, why: str, retry_after: float, *, quota: bool = False, queued: bool = True, stopped: bool = False
    ) -> None:
        super().__init__(f"{why}; next slot in {retry_after:.1f} s")
        self.retry_after = retry_after
        self.quota = quota
        """Whether a long quota is used up, so that waiting may mean hours."""
        self.queued = queued
        """Whether a call keeps a place while it asks again; else it only makes sense to ask after `retry_after`."""
        self.stopped = stopped
        """Whether Discord refused the credential or the webhook, so that asking on only uses up the budget."""


class NotSent(DiscordError):
    """A call's passage was closed before it travelled: nothing has happened."""


def _flatten(errors: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    for name, value in errors.items():
        if name == "_errors" and isinstance(value, list):
            for item in value:
                yield path, str(item.get("message", item))
        elif isinstance(value, dict):
            yield from _flatten(value, f"{path}.{name}" if path else name)
