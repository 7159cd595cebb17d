"""What can be set in a menu, at which level, and where each level keeps it."""

from dataclasses import dataclass

from chassis.scoped import Place, Scope, ScopeKind
from services.gateway.guild_settings import IMAGE_MODES, LANGUAGES
from services.gateway.scoped_client import Plain

ME, THREAD, CHANNEL, GUILD = "me", "thread", "channel", "guild"
KINDS = {ME: ScopeKind.PERSON, THREAD: ScopeKind.THREAD, CHANNEL: ScopeKind.CHANNEL, GUILD: ScopeKind.GUILD}


@dataclass(frozen=True, slots=True)
class Item:
    """Something that can be set in a menu: a choice among texts, a switch, or channels of the guild."""

    service: str
    key: str
    levels: tuple[str, ...]
    page: int = 0
    choices: tuple[str, ...] = ()
    switch: bool = False
    channels: int = 0
    """How many channels may be chosen; 0 where it is no choice of channels."""


ITEMS = (
    Item("llm", "model", (ME, THREAD, CHANNEL, GUILD)),
    Item("llm", "prompt", (ME, THREAD, CHANNEL, GUILD)),
    Item("llm", "thinking", (ME, THREAD, CHANNEL, GUILD), choices=("off", "low", "medium", "high", "max")),
    Item("gateway", "auto_respond", (THREAD, CHANNEL), switch=True),
    Item("gateway", "paused", (CHANNEL, GUILD), switch=True),
    Item("executor", "footer", (ME, CHANNEL, GUILD), switch=True),
    Item("executor", "reactions", (CHANNEL, GUILD), switch=True),
    Item("llm", "contexts", (ME,), switch=True),
    Item("gateway", "language", (ME, GUILD), page=1, choices=LANGUAGES),
    Item("gateway", "images", (CHANNEL, GUILD), page=1, choices=IMAGE_MODES),
    Item("executor", "error_policy", (CHANNEL, GUILD), page=1, choices=("reply", "reaction", "silent")),
    Item("executor", "thinking_shown", (CHANNEL, GUILD), page=1, choices=("collapsed", "hidden")),
    Item("gateway", "allowed_channels", (GUILD,), page=2, channels=25),
    Item("executor", "log_channel", (GUILD,), page=2, channels=1),
)
BY_NAME = {f"{item.service}.{item.key}": item for item in ITEMS}


def plain_value(name: str, value: str) -> Plain:
    """A value that was typed or carried by a button, as the service keeps it. KeyError for what no menu has."""
    return value == "on" if BY_NAME[name].switch else value


def place_of(place: Place, level: str) -> Place:
    """What of a place counts at a level."""
    if level == ME:
        return Place(user_id=place.user_id)
    return Place(
        guild_id=place.guild_id,
        category_id=place.category_id if level != GUILD else 0,
        channel_id=place.channel_id if level != GUILD else 0,
        thread_id=place.thread_id if level == THREAD else 0,
    )


def scope_of(place: Place, level: str) -> Scope:
    """Where a level keeps what is set in a place."""
    found = {ME: place.user_id, THREAD: place.thread_id, CHANNEL: place.channel_id, GUILD: place.guild_id}
    return Scope(KINDS[level], 0 if level == ME else place.guild_id, found[level])
