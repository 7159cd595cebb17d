"""The mirror's contracts: protobuf in, domain out."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar, cast

from guildhall.executor.v1 import mirror_pb2, mirror_pb2_grpc
from redis.exceptions import RedisError

from chassis.caller import Person
from chassis.deadline import remaining
from chassis.errors import InvalidArgument, NotFound, Unavailable
from services.executor.mirror import convert
from services.executor.mirror.applying import Applier
from services.executor.mirror.feeds import Feeds
from services.executor.mirror.fetching import Fetching
from services.executor.mirror.permitted import permissions_there
from services.executor.mirror.reading import MirrorReader
from services.executor.mirror.settings import MirrorSettings
from services.executor.mirror.state import shard_name
from services.executor.mirror.watching import Changes

_MARGIN = 0.5
_SHARDS = 1 << 20
Method = TypeVar("Method", bound=Callable[..., Awaitable[Any]])


def _stored(method: Method) -> Method:
    """Says of a store that is away that it is."""

    @functools.wraps(method)
    async def asked(*arguments: Any) -> Any:
        try:
            return await method(*arguments)
        except RedisError as error:
            raise _away() from error

    return cast(Method, asked)


class MirrorFeedServicer(mirror_pb2_grpc.MirrorFeedServiceServicer):
    """Takes what gateway tells."""

    def __init__(self, applier: Applier, feeds: Feeds) -> None:
        self._applier = applier
        self._feeds = feeds

    @_stored
    async def OpenFeed(self, request: mirror_pb2.OpenFeedRequest, context: object) -> mirror_pb2.OpenFeedResponse:
        """Begins a feed."""
        _check_shard(request.shard_id, request.shard_count)
        if not request.session:
            raise InvalidArgument("a feed is of a session", reason="FEED_INVALID", fields={"session": "must be set"})
        feed, wanted = await self._applier.open(
            request.shard_id,
            request.shard_count,
            request.session,
            gap=request.gap,
            members_told=request.members_told,
            listed=frozenset(request.guilds.guild_ids) if request.HasField("guilds") else None,
        )
        return mirror_pb2.OpenFeedResponse(epoch=feed.epoch, wanted_guild_ids=wanted)

    @_stored
    async def ApplyChanges(
        self, request: mirror_pb2.ApplyChangesRequest, context: object
    ) -> mirror_pb2.ApplyChangesResponse:
        """Applies a batch."""
        _check_shard(request.shard_id, request.shard_count)
        feed = await self._feeds.check(shard_name(request.shard_id, request.shard_count), request.epoch)
        changes = [convert.change_of(change) for change in request.changes]
        wanted = await self._applier.apply(feed, request.number, changes)
        return mirror_pb2.ApplyChangesResponse(wanted_guild_ids=wanted)


class MirrorServicer(mirror_pb2_grpc.MirrorServiceServicer):
    """Says what is known."""

    def __init__(
        self,
        reader: MirrorReader,
        fetching: Fetching,
        changes: Changes,
        *,
        applier: Applier,
        settings: Callable[[], MirrorSettings],
    ) -> None:
        self._reader = reader
        self._fetching = fetching
        self._changes = changes
        self._applier = applier
        self._settings = settings

    @_stored
    async def GetGuild(self, request: mirror_pb2.GetGuildRequest, context: object) -> mirror_pb2.GetGuildResponse:
        """Gives a guild."""
        guild_id = _guild(request.guild_id)
        certainty = await self._reader.certainty(guild_id)
        copy = await self._reader.guild(guild_id) if certainty.guild or request.as_is else None
        if copy is None and not request.as_is:
            copy = await self._fetching.guild(guild_id)
            certainty = await self._reader.certainty(guild_id)
        if copy is None:
            raise NotFound("nothing is known of this guild", reason="GUILD_UNKNOWN")
        return mirror_pb2.GetGuildResponse(
            guild_json=copy.guild,
            channels=convert.things(copy.channels),
            roles=convert.things(copy.roles),
            emojis_json=copy.emojis,
            certainty=convert.certainty_message(certainty),
        )

    @_stored
    async def GetPermissions(
        self, request: mirror_pb2.GetPermissionsRequest, context: object
    ) -> mirror_pb2.GetPermissionsResponse:
        """Says what somebody may do in a channel."""
        guild_id = _guild(request.guild_id)
        certainty = await self._reader.certainty(guild_id)
        copy = await self._reader.guild(guild_id) if certainty.guild else None
        if copy is None or request.channel_id not in copy.channels:
            # A channel may be so new that nobody told of it yet.
            copy = await self._fetching.guild(guild_id)
        if request.channel_id not in copy.channels:
            raise NotFound("there is no such channel", reason="CHANNEL_UNKNOWN")
        who = Person(user_id=request.user_id, guild_id=guild_id, role_ids=tuple(request.role_ids))
        return mirror_pb2.GetPermissionsResponse(
            permissions=permissions_there(copy, request.channel_id, who), certain=True
        )

    @_stored
    async def GetMember(self, request: mirror_pb2.GetMemberRequest, context: object) -> mirror_pb2.GetMemberResponse:
        """Gives a member."""
        guild_id, user_id = _guild(request.guild_id), request.user_id
        certain = (await self._reader.certainty(guild_id)).members
        member = (await self._reader.members(guild_id, [user_id])).get(user_id)
        if not certain and request.ask_discord:
            member, certain = await self._fetching.member(guild_id, user_id), True
        if member is None:
            raise NotFound(
                "that is no member", reason="MEMBER_UNKNOWN", metadata={"certain": "true" if certain else "false"}
            )
        return mirror_pb2.GetMemberResponse(member=convert.member_message(member), certain=certain)

    @_stored
    async def ListMembers(
        self, request: mirror_pb2.ListMembersRequest, context: object
    ) -> mirror_pb2.ListMembersResponse:
        """Lists members."""
        guild_id = _guild(request.guild_id)
        certainty = await self._reader.certainty(guild_id)
        if request.ask_discord and not certainty.members and not request.page_token:
            filled = await self._fetching.members(guild_id, self._settings().largest_guild)
            if filled is not None:
                await self._applier.filled(guild_id, filled, f"fetched/{filled.generation}")
            certainty = await self._reader.certainty(guild_id)
        page = await self._reader.page(
            guild_id, role_id=request.role_id, size=request.page_size, token=request.page_token
        )
        return mirror_pb2.ListMembersResponse(
            members=map(convert.member_message, page.members),
            next_page_token=page.next_token,
            certainty=convert.certainty_message(certainty),
        )

    async def WatchMembers(
        self, request: mirror_pb2.WatchMembersRequest, context: Any
    ) -> AsyncIterator[mirror_pb2.WatchMembersResponse]:
        """Tells what happens."""
        longest = self._settings().watch_seconds
        try:
            async for told in self._changes.watch(request.revision, min(longest, (remaining() or longest) - _MARGIN)):
                yield convert.told_message(told)
        except RedisError as error:
            raise _away() from error


def _away() -> Unavailable:
    return Unavailable("the mirror's store does not answer", reason="STORE_UNAVAILABLE", retry_after=1.0)


def _guild(guild_id: int) -> int:
    if not 0 < guild_id < 1 << 63:
        raise InvalidArgument("which guild?", reason="REQUEST_INVALID", fields={"guild_id": "a guild's snowflake"})
    return guild_id


def _check_shard(shard_id: int, shard_count: int) -> None:
    if not shard_id < shard_count <= _SHARDS:
        raise InvalidArgument("there is no such shard", reason="FEED_INVALID", fields={"shard_id": "below shard_count"})
