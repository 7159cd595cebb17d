"""AnnouncementService: protobuf in, a durable job out."""

from __future__ import annotations

from guildhall.executor.v1 import announcement_pb2, announcement_pb2_grpc
from guildhall.settings.v1 import settings_pb2

from chassis.caller import current_caller
from chassis.errors import InvalidArgument
from services.executor.archive.announce_job import KIND, Announce
from services.executor.replies.actions import ReplyActions


class AnnouncementServicer(announcement_pb2_grpc.AnnouncementServiceServicer):
    """Takes announcements over."""

    def __init__(self, actions: ReplyActions) -> None:
        self._actions = actions

    async def AnnounceSettings(
        self, request: announcement_pb2.AnnounceSettingsRequest, context: object
    ) -> announcement_pb2.AnnounceSettingsResponse:
        """Takes one announcement over."""
        scope = request.scope
        in_guild = scope.kind not in (settings_pb2.SCOPE_KIND_UNSPECIFIED, settings_pb2.SCOPE_KIND_PERSON)
        if not (in_guild and scope.guild_id and scope.id and request.channel_id and request.event_id):
            raise InvalidArgument("only what lies in a guild is announced", reason="SCOPE_INVALID")
        person = current_caller().person
        order = Announce(
            guild_id=scope.guild_id,
            scope_kind=scope.kind,
            scope_id=scope.id,
            channel_id=request.channel_id,
            locale=person.locale if person is not None else "",
        )
        await self._actions.submit(
            KIND, f"settings/{scope.guild_id}/{scope.id}", order.model_dump_json(), request.event_id
        )
        return announcement_pb2.AnnounceSettingsResponse()
