"""What guilds, channels and people set of gateway: where the bot listens, to what, and in which language it speaks."""

from collections.abc import Mapping

from guildhall.settings.v1 import settings_pb2

from chassis.scoped import Place, ScopeKind, Setting, SettingsMirror, ValueKind
from chassis.tiers import role_grants

AUTO_RESPOND = "auto_respond"
PAUSED = "paused"
ALLOWED_CHANNELS = "allowed_channels"
PREFIX = "prefix"
IMAGES = "images"
LANGUAGE = "language"
ROLE_TIERS = "role_tiers"

LANGUAGES = ("en", "de", "fr")
IMAGE_MODES = ("ask", "auto", "always", "never")

_IN_GUILDS = (ScopeKind.GUILD, ScopeKind.CATEGORY, ScopeKind.CHANNEL, ScopeKind.THREAD)

SETTINGS = (
    Setting(
        AUTO_RESPOND,
        ValueKind.BOOL,
        "Whether every message in the channel is answered; the channel is then one conversation.",
        default=False,
        scopes=_IN_GUILDS[1:],
    ),
    Setting(PAUSED, ValueKind.BOOL, "Whether the bot answers nothing here.", default=False, scopes=_IN_GUILDS),
    Setting(
        ALLOWED_CHANNELS,
        ValueKind.TEXTS,
        "The channels in which the bot answers, by their snowflakes; none means all.",
        default=(),
        scopes=(ScopeKind.GUILD,),
        maximum=100,
    ),
    Setting(
        PREFIX,
        ValueKind.TEXT,
        "What text commands begin with; empty for no text commands.",
        default="!",
        scopes=(ScopeKind.GUILD,),
        maximum=5,
    ),
    Setting(
        IMAGES,
        ValueKind.TEXT,
        "Whether pictures are made of messages: after asking, where the model finds one wished for, always, or never.",
        default="ask",
        scopes=_IN_GUILDS,
        choices=IMAGE_MODES,
    ),
    Setting(
        LANGUAGE,
        ValueKind.TEXT,
        "The language of the bot's own texts; empty follows each person's Discord.",
        default="",
        scopes=(ScopeKind.GUILD, ScopeKind.PERSON),
        choices=("", *LANGUAGES),
    ),
)

_DEFAULTS = {setting.key: setting.default for setting in SETTINGS}


class GuildSettings:
    """The settings in force, from the copy that this process keeps: asking costs nothing."""

    def __init__(self, own: SettingsMirror, of_llm: SettingsMirror) -> None:
        self._of = {"gateway": own, "llm": of_llm}

    def learn(self, service: str, held: settings_pb2.ScopeSettings) -> None:
        """Takes what a service answered to a change, so that what is drawn next already shows it."""
        if mirror := self._of.get(service):
            mirror.learn(held)

    async def known(self) -> None:
        """Returns once gateway's own are known."""
        await self._of["gateway"].current.wait()

    def flag(self, place: Place, key: str) -> bool:
        """A setting that is true or false."""
        return bool(self._value(place, key))

    def text(self, place: Place, key: str) -> str:
        """A setting that is a text."""
        return str(self._value(place, key) or "")

    def texts(self, place: Place, key: str) -> tuple[str, ...]:
        """A setting that is a list."""
        value = self._value(place, key)
        return value if isinstance(value, tuple) else ()

    def role_tiers(self, guild_id: int) -> Mapping[int, str]:
        """The tiers that a guild gave to its own roles; llm keeps them."""
        if not guild_id:
            return {}
        return role_grants(self._of["llm"].value(Place(guild_id=guild_id), ROLE_TIERS))

    def open_for_answers(self, place: Place) -> bool:
        """Whether the bot answers there: not paused, and in a channel that the guild allows."""
        if not place.guild_id:
            return True
        allowed = self.texts(place, ALLOWED_CHANNELS)
        here = {str(place.channel_id), str(place.thread_id), str(place.category_id)}
        return not self.flag(place, PAUSED) and (not allowed or not here.isdisjoint(allowed))

    def _value(self, place: Place, key: str) -> object:
        value = self._of["gateway"].value(place, key)
        return _DEFAULTS[key] if value is None else value
