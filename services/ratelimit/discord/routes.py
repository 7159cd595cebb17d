"""What a call of Discord's REST API counts against, as far as the call itself tells. Pure.

A bucket belongs to a method, a route's template and, for a few routes, the age of the message they touch; it counts per
major parameter. https://docs.discord.com/developers/topics/rate-limits
"""

import re
from dataclasses import dataclass
from hashlib import blake2b

from chassis.errors import InvalidArgument
from services.ratelimit.discord.settings import DiscordLimits, SubLimit

_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_PARAMETER = re.compile(r"\{[^/{}]*\}")
_ROUTE = re.compile(r"(/[A-Za-z0-9@._{}-]+)+")
_MAJOR = re.compile(r"[A-Za-z0-9/._@-]{0,256}")
_ASPECT = re.compile(r"[a-z_]{0,32}")
_MESSAGE = "/channels/{}/messages/{}"
_TOKEN_ROUTES = ("/webhooks/{}/{}", "/interactions/{}/{}")
_DISCORD_EPOCH_MS = 1_420_070_400_000
_LONGEST_ROUTE = 256


@dataclass(frozen=True, slots=True)
class Route:
    """One route as limits see it."""

    name: str
    """Method, template and class; what a bucket is learned for."""
    major: str
    """The top-level resource, shortened where it is a secret."""
    exempt: bool
    """Whether it does not count against the credential's global limit."""
    webhook: bool
    """Whether it is authorised by a token of its own in the path."""
    aspect: str
    """What of the target it changes, where that is counted apart."""
    noted: bool
    """Whether its calls are noted, so that hidden limits can be learned."""
    known: SubLimit | None
    """A limit inside the bucket that is known beforehand."""

    @property
    def sub_field(self) -> str:
        """Where a learned limit inside the bucket stands."""
        return f"~{self.name}~{self.aspect}"


def normalised(template: str) -> str:
    """A template with every parameter as `{}`, whatever it is called."""
    return _PARAMETER.sub("{}", template)


def classify(
    settings: DiscordLimits, *, method: str, template: str, major: str, aspect: str, message_id: int, now: float
) -> Route:
    """What a call counts against. InvalidArgument for what is no route."""
    method = method.upper()
    if method not in _METHODS:
        raise InvalidArgument(
            "not a method", reason="INVALID_ROUTE", fields={"method": "is not one that Discord takes"}
        )
    if len(template) > _LONGEST_ROUTE or not _ROUTE.fullmatch(template):
        raise InvalidArgument("not a route", reason="INVALID_ROUTE", fields={"route": "is not a template"})
    if not _MAJOR.fullmatch(major):
        raise InvalidArgument("not a resource", reason="INVALID_ROUTE", fields={"major": "is not a resource"})
    if not _ASPECT.fullmatch(aspect):
        raise InvalidArgument(
            "not an aspect", reason="INVALID_ROUTE", fields={"aspect": "lower-case letters, at most 32"}
        )
    route = normalised(template)
    age = _age_class(settings, method, route, message_id, now)
    webhook = route.startswith(_TOKEN_ROUTES)
    known = next(
        (
            limit
            for limit in settings.sub_limits
            if limit.method == method and normalised(limit.route) == route and limit.aspect == aspect
        ),
        None,
    )
    # A webhook's or an interaction's major holds a token: a secret has no place in a key.
    shown = blake2b(major.encode(), digest_size=12).hexdigest() if webhook else major
    return Route(
        name=f"{method} {route}{f' {age}' if age else ''}",
        major=shown,
        exempt=route.startswith(settings.exempt),
        webhook=webhook,
        aspect=aspect,
        noted=method != "GET",
        known=known,
    )


def _age_class(settings: DiscordLimits, method: str, route: str, message_id: int, now: float) -> str:
    if not message_id or route != _MESSAGE:
        return ""
    age = now - ((message_id >> 22) + _DISCORD_EPOCH_MS) / 1000
    if method == "DELETE":
        return "new" if age < settings.delete_new else "old" if age > settings.delete_old else ""
    return "old" if method == "PATCH" and age > settings.edit_old else ""
