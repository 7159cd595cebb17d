"""Who may use what. Tiers in the configuration grant models, prompts and features by pattern; people have tiers by
their Discord roles, their permissions, or by name; a guild's admins may give further roles a tier, if the configuration
lets them.

The section `roles` is shared: `roles: Annotated[dict[str, Tier], FromSection("roles")] = {}`.
"""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Literal, Protocol

from chassis.settings.section import Section

EVERYONE = "everyone"
"""The tier that all people have."""
Kind = Literal["models", "prompts", "features"]
PERMISSION_BITS = {
    "ADMINISTRATOR": 1 << 3,
    "MANAGE_CHANNELS": 1 << 4,
    "MANAGE_GUILD": 1 << 5,
    "MANAGE_MESSAGES": 1 << 13,
    "MANAGE_ROLES": 1 << 28,
    "MODERATE_MEMBERS": 1 << 40,
}
"""https://discord.com/developers/docs/topics/permissions"""


class Asking(Protocol):
    """Whoever asks, as far as tiers go; a `chassis.caller.Person` is one."""

    @property
    def user_id(self) -> int:
        """The user's snowflake."""
        ...

    @property
    def role_ids(self) -> tuple[int, ...]:
        """Their roles."""
        ...

    @property
    def permissions(self) -> int:
        """Their permissions, as Discord's bit set."""
        ...


class Tier(Section):
    """What people of one tier may use. Tiers inherit; Discord's roles are mapped to tiers."""

    inherits: tuple[str, ...] = ()
    """Tiers whose grants this one has too."""
    models: tuple[str, ...] = ()
    """Patterns of models, for example `openai/*`; one that starts with `!` takes away."""
    prompts: tuple[str, ...] = ()
    """Patterns of prompts."""
    features: tuple[str, ...] = ()
    """Patterns of features, for example `ask`, `image`, `board`."""
    discord_roles: tuple[int, ...] = ()
    """Discord roles that have this tier in every guild."""
    members: tuple[int, ...] = ()
    """People who have this tier everywhere."""
    permissions: tuple[str, ...] = ()
    """Discord permissions that bring this tier, for example `ADMINISTRATOR`."""
    grantable: bool = True
    """Whether a guild's admins may map their own roles to this tier."""


def role_grants(entries: object) -> dict[int, str]:
    """A guild's own tiers by role, from its setting `role_tiers`: each entry is `role snowflake=tier`. What names no
    role is left out."""
    pairs = (str(entry).partition("=") for entry in entries) if isinstance(entries, tuple | list) else ()
    return {int(role): tier.strip() for role, _, tier in pairs if role.strip().isdecimal()}


def tiers_of(person: Asking, tiers: Mapping[str, Tier], granted: Mapping[int, str] | None = None) -> list[str]:
    """The tiers that a person has, without inherited ones. `granted` is the guild's own mapping of roles to tiers."""
    own = {
        tier
        for role, tier in (granted or {}).items()
        if role in person.role_ids and tier in tiers and tiers[tier].grantable
    }
    return [name for name, tier in tiers.items() if name == EVERYONE or name in own or _has(person, tier)]


def may(
    person: Asking, kind: Kind, name: str, tiers: Mapping[str, Tier], granted: Mapping[int, str] | None = None
) -> bool:
    """Whether a person may use something. An installation without tiers limits nobody."""
    if not tiers:
        return True
    return any(allows(patterns(tiers, tier, kind), name) for tier in tiers_of(person, tiers, granted))


def patterns(tiers: Mapping[str, Tier], tier: str, kind: Kind) -> list[str]:
    """The patterns of a tier, inherited ones first. A circle of inheritance ends where it closes."""
    found: list[str] = []
    seen: set[str] = set()

    def visit(name: str) -> None:
        if name in seen or name not in tiers:
            return
        seen.add(name)
        for parent in tiers[name].inherits:
            visit(parent)
        found.extend(getattr(tiers[name], kind))

    visit(tier)
    return found


def allows(rules: Iterable[str], name: str) -> bool:
    """Whether the last pattern that fits grants; one that starts with `!` takes away."""
    verdict = False
    for rule in rules:
        if fnmatchcase(name.lower(), rule.removeprefix("!").lower()):
            verdict = not rule.startswith("!")
    return verdict


def _has(person: Asking, tier: Tier) -> bool:
    return (
        person.user_id in tier.members
        or any(role in tier.discord_roles for role in person.role_ids)
        or any(person.permissions & PERMISSION_BITS[name] for name in tier.permissions if name in PERMISSION_BITS)
    )
