"""RecommendationService."""

from __future__ import annotations

from typing import Any

from guildhall.llm.v1 import recommendation_pb2, recommendation_pb2_grpc

from chassis.errors import InvalidArgument, PermissionDenied, Unavailable
from chassis.settings import Live
from services.llm.access import Access
from services.llm.catalogue import Model
from services.llm.conversation import clean
from services.llm.generation import Generator
from services.llm.limits import Asker
from services.llm.music.memory import Opinions
from services.llm.music.recommending import Recommender, Source
from services.llm.music.tracks import Track, links, plain
from services.llm.music.wishes import Basis, Wish
from services.llm.pool import ProviderPool
from services.llm.scoped import GuildSettings
from services.llm.servicers.common import asker, budget, denied_message, usage_message
from services.llm.settings import LlmSettings

_BASES: dict[int, Basis] = {
    recommendation_pb2.RECOMMEND_BASIS_ARTIST: "artist",
    recommendation_pb2.RECOMMEND_BASIS_GENRE: "genre",
    recommendation_pb2.RECOMMEND_BASIS_LIKES: "likes",
    recommendation_pb2.RECOMMEND_BASIS_TITLE: "title",
}
_SOURCES: dict[Source, recommendation_pb2.RecommendSource.ValueType] = {
    "model": recommendation_pb2.RECOMMEND_SOURCE_MODEL,
    "cache": recommendation_pb2.RECOMMEND_SOURCE_CACHE,
    "stale": recommendation_pb2.RECOMMEND_SOURCE_STALE,
    "keywords": recommendation_pb2.RECOMMEND_SOURCE_KEYWORDS,
}
_KINDS = {
    recommendation_pb2.FEEDBACK_KIND_LIKE: "like",
    recommendation_pb2.FEEDBACK_KIND_DISLIKE: "dislike",
    recommendation_pb2.FEEDBACK_KIND_MORE_LIKE_THIS: "more",
    recommendation_pb2.FEEDBACK_KIND_NONE: "none",
}
LONGEST_NAME = 200


class RecommendationServicer(recommendation_pb2_grpc.RecommendationServiceServicer):
    """Music."""

    def __init__(
        self,
        settings: Live[LlmSettings],
        *,
        pool: ProviderPool,
        generator: Generator,
        recommender: Recommender,
        opinions: Opinions,
        access: Access,
        guilds: GuildSettings,
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._generator = generator
        self._recommender = recommender
        self._opinions = opinions
        self._access = access
        self._guilds = guilds

    async def Recommend(
        self, request: recommendation_pb2.RecommendRequest, context: Any
    ) -> recommendation_pb2.RecommendResponse:
        """See the contract."""
        settings = self._settings.current
        who = asker(request.guild_id)
        await self._access.require_feature(who, "recommend")
        await self._pool.discovered(settings.discovery_wait)
        wish = Wish(request.query, _BASES.get(request.basis, "mood"), request.count, request.fresh)
        candidates = await self._candidates(who)
        found = await self._recommender.recommend(wish, who, candidates, budget(settings))
        preferred = await self._guilds.music_service(who)
        return recommendation_pb2.RecommendResponse(
            recommendations=[_recommendation(track, preferred) for track in found.tracks],
            source=_SOURCES[found.source],
            usage=usage_message(found.usage),
            denied=denied_message(found.denial) if found.denial is not None else None,
        )

    async def _candidates(self, who: Asker) -> list[Model]:
        """The models that may be asked for this person; none where there are none."""
        settings, catalogue = self._settings.current, self._pool.catalogue
        try:
            model = await self._generator.pick(
                catalogue, who, "", (*settings.recommend_models, *settings.default_models)
            )
        except (Unavailable, PermissionDenied):
            return []
        return [each for each in catalogue.route(model) if await self._access.may_use_model(who, each.name)]

    async def RecordFeedback(
        self, request: recommendation_pb2.RecordFeedbackRequest, context: Any
    ) -> recommendation_pb2.RecordFeedbackResponse:
        """See the contract."""
        who = asker()
        track = Track(clean(request.title)[:LONGEST_NAME], clean(request.artist)[:LONGEST_NAME])
        kind = _KINDS.get(request.kind)
        if not who.user_id or kind is None or not plain(track.title) or not plain(track.artist):
            raise InvalidArgument(
                "Feedback is by a person, about a title and its artist.",
                reason="INVALID_FEEDBACK",
                fields={"title": "a title, its artist and an opinion"},
            )
        await self._opinions.record(who.user_id, track, kind)
        return recommendation_pb2.RecordFeedbackResponse(track_id=track.track_id)

    async def ListFeedback(
        self, request: recommendation_pb2.ListFeedbackRequest, context: Any
    ) -> recommendation_pb2.ListFeedbackResponse:
        """See the contract."""
        opinions = sorted((await self._opinions.of(asker().user_id)).values(), key=lambda opinion: -opinion.at)
        kinds = {name: number for number, name in _KINDS.items()}
        rows = [
            recommendation_pb2.Feedback(
                track_id=opinion.track.track_id,
                title=opinion.track.title,
                artist=opinion.track.artist,
                kind=kinds[opinion.kind],
            )
            for opinion in opinions[: request.limit or 50]
        ]
        return recommendation_pb2.ListFeedbackResponse(feedback=rows)


def _recommendation(track: Track, preferred: str) -> recommendation_pb2.Recommendation:
    return recommendation_pb2.Recommendation(
        track_id=track.track_id,
        title=track.title,
        artist=track.artist,
        album=track.album,
        reason=track.reason,
        links=[
            recommendation_pb2.ListenLink(service=link.service, url=link.url, direct=link.direct)
            for link in links(track, preferred)
        ],
        verified=track.verified,
    )
