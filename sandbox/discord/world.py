"""The whole state of one Discord, in memory, and the questions that everything asks of it.

Holds records and indices, hands out ids, tells subscribers what happened. What may change and how is decided in
`core`, one module per resource; how it looks on the wire in `render`.
"""

import bisect
import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from chassis.clock import Clock
from sandbox.discord import permissions
from sandbox.discord.entities import (
    THREAD_TYPES,
    Application,
    Channel,
    ChannelType,
    Command,
    Guild,
    Interaction,
    Invite,
    Member,
    Message,
    User,
    Webhook,
)
from sandbox.discord.errors import DiscordError
from sandbox.discord.events import Event
from sandbox.discord.limits import SIZES
from sandbox.discord.permissions import Permission
from sandbox.discord.session_starts import SessionStarts
from sandbox.discord.snowflake import Snowflakes

# Far beyond a token's fifteen minutes: what became of an interaction can be asked for an hour.
_INTERACTIONS_KEPT_SECONDS = 3600.0
_REMOVED_KEPT = 20_000
CDN_SECONDS = 86400
Subscriber = Callable[[Event], None]


class MessageLog:
    """The messages of one channel, in the order of their ids."""

    __slots__ = ("_by_id", "_ids")

    def __init__(self) -> None:
        self._ids: list[int] = []
        self._by_id: dict[int, Message] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[Message]:
        return (self._by_id[id_] for id_ in self._ids)

    def add(self, message: Message) -> None:
        """Adds one; ids mostly grow, so this is an append."""
        if not self._ids or message.id > self._ids[-1]:
            self._ids.append(message.id)
        else:
            bisect.insort(self._ids, message.id)
        self._by_id[message.id] = message

    def get(self, message_id: int) -> Message | None:
        """One by its id."""
        return self._by_id.get(message_id)

    def remove(self, message_id: int) -> Message | None:
        """Takes one out."""
        message = self._by_id.pop(message_id, None)
        if message is not None:
            del self._ids[bisect.bisect_left(self._ids, message_id)]
        return message

    def newest_first(self, before: int | None = None) -> Iterator[Message]:
        """Backwards in time, from just below `before`."""
        end = len(self._ids) if before is None else bisect.bisect_left(self._ids, before)
        return (self._by_id[self._ids[index]] for index in range(end - 1, -1, -1))

    def oldest_first(self, after: int) -> Iterator[Message]:
        """Forwards in time, from just above `after`."""
        start = bisect.bisect_right(self._ids, after)
        return (self._by_id[id_] for id_ in self._ids[start:])


@dataclass(slots=True)
class Counts:
    """What tests want counted, of what has an id above `since`."""

    since: int = 0
    messages_sent: int = 0
    messages_edited: int = 0
    deduplicated: int = 0
    duplicates: list[dict[str, Any]] = field(default_factory=list)


class World:
    """One Discord. Everything in it happens on one thread, synchronously, and is told to subscribers at once."""

    def __init__(self, clock: Clock, base_url: str = "http://127.0.0.1:8100") -> None:
        self.clock = clock
        self.base_url = base_url
        self.ids = Snowflakes(clock)
        self.users: dict[int, User] = {}
        self.applications: dict[int, Application] = {}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.messages: dict[int, MessageLog] = {}
        self.webhooks: dict[int, Webhook] = {}
        self.invites: dict[str, Invite] = {}
        self.commands: dict[int, Command] = {}
        self.files: dict[int, bytes] = {}
        self.file_kinds: dict[int, str] = {}
        self.removed_messages: dict[int, Message] = {}
        self.nonces: dict[tuple[int, str], tuple[int, int, float]] = {}
        self.interactions: dict[int, Interaction] = {}
        self.interaction_tokens: dict[str, int] = {}
        self.sent_by_bots: dict[int, int] = {}
        self.command_creates: dict[tuple[int, int | None], list[float]] = {}
        self.closed_direct: set[int] = set()
        self.counts = Counts()
        self.session_starts = SessionStarts(clock)
        self.event_number = 0
        self._subscribers: list[Subscriber] = []
        self.cdn_key = secrets.token_bytes(32)

    # -- time and ids

    def now(self) -> float:
        """Unix seconds."""
        return self.clock.now()

    def new_id(self) -> int:
        """A new snowflake."""
        return self.ids.next()

    @staticmethod
    def new_token() -> str:
        """A secret for a webhook or an interaction."""
        return secrets.token_urlsafe(51)

    # -- telling

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Calls `subscriber` with every event from now on; the result ends that."""
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    def emit(
        self,
        name: str,
        data: dict[str, Any],
        *,
        guild_id: int | None = None,
        channel_id: int | None = None,
        audience: Iterable[int] | None = None,
        subject_id: int | None = None,
        needs: int = 0,
    ) -> Event:
        """Tells everybody that something happened."""
        self.event_number += 1
        event = Event(
            self.event_number,
            name,
            data,
            guild_id,
            channel_id,
            None if audience is None else frozenset(audience),
            subject_id,
            needs,
        )
        for subscriber in list(self._subscribers):
            subscriber(event)
        return event

    # -- looking up; each refuses with Discord's own error

    def user(self, user_id: int) -> User:
        """An account; 10013."""
        found = self.users.get(user_id)
        if found is None:
            raise DiscordError(10013)
        return found

    def guild(self, guild_id: int) -> Guild:
        """A guild; 10004."""
        found = self.guilds.get(guild_id)
        if found is None:
            raise DiscordError(10004)
        return found

    def channel(self, channel_id: int) -> Channel:
        """A channel or thread; 10003."""
        found = self.channels.get(channel_id)
        if found is None:
            raise DiscordError(10003)
        return found

    def member(self, guild: Guild, user_id: int) -> Member:
        """A member; 10013 for nobody at all, 10007 for somebody else."""
        found = guild.members.get(user_id)
        if found is None:
            raise DiscordError(10007 if user_id in self.users else 10013)
        return found

    def log(self, channel_id: int) -> MessageLog:
        """The messages of a channel."""
        found = self.messages.get(channel_id)
        if found is None:
            found = self.messages[channel_id] = MessageLog()
        return found

    def message(self, channel_id: int, message_id: int) -> Message:
        """A message of that channel; 10008."""
        log = self.messages.get(channel_id)
        found = None if log is None else log.get(message_id)
        if found is None:
            raise DiscordError(10008)
        return found

    def application_of(self, bot_id: int) -> Application | None:
        """The application whose bot that is."""
        for application in self.applications.values():
            if application.bot_id == bot_id:
                return application
        return None

    def application_by_token(self, token: str) -> Application | None:
        """The application that a bot token belongs to."""
        # Half a surrogate pair is no token, and no reason to fail.
        given = token.encode(errors="surrogatepass")
        for application in self.applications.values():
            if secrets.compare_digest(application.token.encode(), given):
                return application
        return None

    def threads_of(self, parent_id: int) -> list[Channel]:
        """The threads below a channel."""
        parent = self.channels.get(parent_id)
        if parent is None or parent.guild_id is None:
            return []
        return [t for t in self.guilds[parent.guild_id].threads.values() if t.parent_id == parent_id]

    def direct_channel(self, one: int, other: int) -> Channel | None:
        """The direct message channel of two users, where there is one."""
        pair = {one, other}
        for channel in self.channels.values():
            if channel.type is ChannelType.DM and set(channel.recipients) == pair:
                return channel
        return None

    def cdn_address(self, channel_id: int, attachment_id: int, filename: str) -> str:
        """Where a file is served, signed and for a day only, as Discord's CDN does it."""
        issued = int(self.now())
        expires = issued + CDN_SECONDS
        path = f"/attachments/{channel_id}/{attachment_id}/{filename}"
        return f"{self.base_url}{path}?ex={expires:x}&is={issued:x}&hm={self.cdn_signature(path, expires)}"

    def cdn_signature(self, path: str, expires: int) -> str:
        """What makes an address valid until then."""
        return hmac.new(self.cdn_key, f"{path}|{expires}".encode(), hashlib.sha256).hexdigest()

    def tidy(self) -> None:
        """Forgets what nobody can ask for any more, so that a long run does not grow."""
        now = self.now()
        for id_ in [i.id for i in self.interactions.values() if now - i.created_at > _INTERACTIONS_KEPT_SECONDS]:
            del self.interaction_tokens[self.interactions.pop(id_).token]
        for key in [key for key, (_, _, at) in self.nonces.items() if now - at > SIZES.nonce_seconds]:
            del self.nonces[key]
        for id_ in list(self.removed_messages)[: max(0, len(self.removed_messages) - _REMOVED_KEPT)]:
            del self.removed_messages[id_]

    # -- permissions

    def guild_permissions(self, guild: Guild, user_id: int) -> int:
        """What a member may do guild-wide; 0 for others."""
        member = guild.members.get(user_id)
        if member is None:
            return 0
        roles = [guild.everyone.permissions]
        roles += [guild.roles[id_].permissions for id_ in member.roles if id_ in guild.roles]
        result = permissions.base_permissions(guild.owner_id == user_id, roles)
        if self.timed_out(member) and not result & Permission.ADMINISTRATOR:
            result &= permissions.WHILE_TIMED_OUT
        return result

    def permissions_in(self, channel: Channel, user_id: int) -> int:
        """What a user may do in a channel or thread."""
        if channel.guild_id is None:
            return permissions.IN_DIRECT_MESSAGES if user_id in channel.recipients else 0
        guild = self.guilds[channel.guild_id]
        member = guild.members.get(user_id)
        if member is None:
            return 0
        place = channel
        if channel.type in THREAD_TYPES:
            parent = self.channels.get(channel.parent_id or 0)
            if parent is None:
                return 0
            place = parent
        base = self.guild_permissions(guild, user_id)
        if place.overwrites:
            base = permissions.apply_overwrites(
                base,
                place.overwrites.get(guild.id),
                (place.overwrites[id_] for id_ in member.roles if id_ in place.overwrites),
                place.overwrites.get(user_id),
            )
            if self.timed_out(member) and not base & Permission.ADMINISTRATOR:
                base &= permissions.WHILE_TIMED_OUT
        result = permissions.settle(base, thread=channel.is_thread)
        if (
            channel.thread is not None
            and channel.type is ChannelType.PRIVATE_THREAD
            and user_id not in channel.thread.members
            and not result & Permission.MANAGE_THREADS
        ):
            return 0
        return result

    def can_view(self, channel: Channel, user_id: int) -> bool:
        """Whether a user sees that channel."""
        return bool(self.permissions_in(channel, user_id) & Permission.VIEW_CHANNEL)

    def timed_out(self, member: Member) -> bool:
        """Whether a member's timeout lasts still."""
        return member.timed_out_until is not None and member.timed_out_until > self.now()

    def top_position(self, guild: Guild, user_id: int) -> int:
        """The position of a member's highest role; the owner stands above all."""
        if guild.owner_id == user_id:
            return 1 << 30
        member = guild.members.get(user_id)
        if member is None:
            return -1
        return max((guild.roles[id_].position for id_ in member.roles if id_ in guild.roles), default=0)
