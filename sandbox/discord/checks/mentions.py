"""Who a text mentions, and what `allowed_mentions` lets through.

Source: https://discord.com/developers/docs/resources/message#allowed-mentions-object
"""

import re
from dataclasses import dataclass

from sandbox.discord.checks.fields import Fields
from sandbox.discord.limits import SIZES

_USER = re.compile(r"<@!?(\d{1,20})>")
_ROLE = re.compile(r"<@&(\d{1,20})>")
_EVERYONE = re.compile(r"@(everyone|here)\b")


@dataclass(frozen=True, slots=True)
class Allowed:
    """None means everything of that kind."""

    users: frozenset[int] | None = None
    roles: frozenset[int] | None = None
    everyone: bool = True
    replied_user: bool = True


def read_allowed(fields: Fields) -> Allowed:
    """The body's `allowed_mentions`; absent means all."""
    child = fields.child("allowed_mentions")
    if child is None:
        return Allowed()
    parse = child.items("parse") or []
    for index, item in enumerate(parse):
        if item not in ("users", "roles", "everyone"):
            child.fail(("parse", index), "BASE_TYPE_CHOICES", "Value must be one of ('roles', 'users', 'everyone').")
    kinds: dict[str, frozenset[int] | None] = {}
    for kind in ("users", "roles"):
        listed = child.snowflakes(kind, high=SIZES.mentions_allowed)
        if kind in parse and listed:
            child.fail(
                "parse",
                "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
                f'parse:["{kind}"] and {kind}: [ids...] are mutually exclusive.',
            )
        kinds[kind] = None if kind in parse else frozenset(listed or ())
    return Allowed(kinds["users"], kinds["roles"], "everyone" in parse, child.boolean("replied_user", default=False))


def user_ids(text: str) -> tuple[int, ...]:
    """Users whom a text mentions, in order, once each."""
    return tuple(dict.fromkeys(int(found) for found in _USER.findall(text)))


def role_ids(text: str) -> tuple[int, ...]:
    """Roles that a text mentions, in order, once each."""
    return tuple(dict.fromkeys(int(found) for found in _ROLE.findall(text)))


def names_everyone(text: str) -> bool:
    """Whether a text says @everyone or @here."""
    return _EVERYONE.search(text) is not None
