"""What holds in one guild: the configuration with the guild's own settings over it."""

from dataclasses import dataclass
from typing import Protocol

from chassis.caller import Person
from chassis.errors import PermissionDenied
from services.board.machine import Policy
from services.board.model import Actor, ActorKind
from services.board.settings import BoardSettings
from services.board.text import clean_line

_NAME_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Rules:
    """A guild's times, its cap, and who its officers are."""

    policy: Policy
    open_per_person: int
    officer_roles: frozenset[int] = frozenset()


class RuleBook(Protocol):
    """Says what holds in a guild."""

    async def of(self, guild_id: int) -> Rules:
        """The guild's rules now."""
        ...


def configured_rules(settings: BoardSettings) -> Rules:
    """What holds where a guild has set nothing."""
    timing = settings.timing
    return Rules(
        Policy(
            nudge_after=round(timing.nudge_after * 1000),
            release_after=round(timing.release_after * 1000),
            expire_after=round(timing.expire_after * 1000),
            remind_before=round(timing.remind_before * 1000),
        ),
        settings.open_per_person,
    )


def is_officer(person: Person, rules: Rules, officer_permissions: int) -> bool:
    """Whether what Discord said of a person in this very event makes them an officer of the board."""
    return bool(person.permissions & officer_permissions) or bool(rules.officer_roles.intersection(person.role_ids))


def actor_of(person: Person, rules: Rules, officer_permissions: int) -> Actor:
    """The person as an actor of the board."""
    kind = ActorKind.OFFICER if is_officer(person, rules, officer_permissions) else ActorKind.PERSON
    return Actor(person.user_id, clean_line(person.display_name)[:_NAME_LENGTH], kind)


def officers_only(actor: Actor) -> None:
    """PermissionDenied (OFFICERS_ONLY) for everybody else."""
    if actor.kind is not ActorKind.OFFICER:
        raise PermissionDenied("that is for the board's officers", reason="OFFICERS_ONLY")
