"""Recommendations: what is found, verified, ranked, cached on three levels, and served when nothing answers."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import grpc
import pytest
from aiohttp import web
from guildhall.llm.v1 import recommendation_pb2, recommendation_pb2_grpc

from chassis.caller import Caller, Person
from chassis.testing import channel_to
from services.llm.music.tracks import Opinion, Track, distinct, links, normal_query, plain, ranked
from services.llm.tests.harness import TIMEOUT, Llm, reason, running, variables
from services.llm.tests.upstream import fails, says, upstream
from tests.support.waiting import eventually

SONGS = [
    {"title": "Blue Train", "artist": "John Coltrane", "album": "Blue Train", "reason": "Calm."},
    {"title": "BLUE TRAIN (Remastered)", "artist": "john coltrane"},
    {"title": "So What", "artist": "Miles Davis"},
    {"title": "", "artist": "Nobody"},
    {"title": "Naima", "artist": "John Coltrane"},
]


def songs(*found: dict[str, str]) -> Any:
    return says(json.dumps({"songs": list(found or SONGS)}))


@dataclass
class SpotifyServer:
    """Spotify's Web API as far as it is used: a token endpoint and the search."""

    url: str = ""
    known: dict[str, str] = field(default_factory=dict)
    """Artist by title."""
    tokens: int = 0
    searches: list[str] = field(default_factory=list)
    refuse_tokens: bool = False
    limited: bool = False

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        assert request.headers["Authorization"] == "Basic aWQ6c2VjcmV0"
        assert form["grant_type"] == "client_credentials"
        self.tokens += 1
        return web.json_response({"access_token": f"token{self.tokens}", "token_type": "Bearer", "expires_in": 3600})

    async def search(self, request: web.Request) -> web.Response:
        if self.limited:
            return web.json_response({"error": {"status": 429}}, status=429, headers={"Retry-After": "30"})
        if request.headers["Authorization"] != f"Bearer token{self.tokens}" or self.refuse_tokens:
            self.refuse_tokens = False
            return web.json_response({"error": {"status": 401}}, status=401)
        query = request.query["q"]
        self.searches.append(query)
        items = [
            {
                "name": title,
                "artists": [{"name": artist}],
                "album": {"name": "The Album"},
                "external_urls": {"spotify": "https://open.spotify.com/track/1"},
            }
            for title, artist in self.known.items()
            if f'track:"{title}"' in query
        ]
        return web.json_response({"tracks": {"items": items}})


@asynccontextmanager
async def spotify() -> AsyncIterator[SpotifyServer]:
    server = SpotifyServer(known={"So What": "Miles Davis", "Naima": "Somebody Else"})
    app = web.Application()
    app.router.add_post("/api/token", server.token)
    app.router.add_get("/v1/search", server.search)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


def with_spotify(server: SpotifyServer) -> dict[str, str]:
    base = "GUILDHALL_LLM__RECOMMEND__SPOTIFY__"
    return {
        f"{base}CLIENT_ID": "id", f"{base}CLIENT_SECRET": "secret", f"{base}API_URL": f"{server.url}/v1",
        f"{base}TOKEN_URL": f"{server.url}/api/token",
    }  # fmt: skip


async def recommend(llm: Llm, query: str = "calm evening", **fields: Any) -> recommendation_pb2.RecommendResponse:
    stub = recommendation_pb2_grpc.RecommendationServiceStub(llm.channel)
    return await stub.Recommend(recommendation_pb2.RecommendRequest(query=query, guild_id=7, **fields), timeout=TIMEOUT)


async def feedback(llm: Llm, title: str, artist: str, kind: Any) -> None:
    stub = recommendation_pb2_grpc.RecommendationServiceStub(llm.channel)
    await stub.RecordFeedback(
        recommendation_pb2.RecordFeedbackRequest(title=title, artist=artist, kind=kind), timeout=TIMEOUT
    )


def titles(answer: recommendation_pb2.RecommendResponse) -> list[str]:
    return [each.title for each in answer.recommendations]


async def test_songs_are_distinct_linked_and_marked_as_not_verified(redis_url: str) -> None:
    async with upstream(songs()) as provider, running(variables(redis_url, provider.url)) as llm:
        answer = await recommend(llm)
        assert titles(answer) == ["Blue Train", "So What", "Naima"]
        assert answer.source == recommendation_pb2.RECOMMEND_SOURCE_MODEL
        first = answer.recommendations[0]
        assert (first.verified, first.reason, first.album) == (False, "Calm.", "Blue Train")
        youtube = urlsplit(first.links[0].url)
        assert (youtube.hostname, parse_qs(youtube.query)) == (
            "www.youtube.com",
            {"search_query": ["John Coltrane Blue Train"]},
        )
        assert [link.service for link in first.links] == ["youtube", "spotify", "apple_music"]
        assert answer.usage.input_tokens == 12


async def test_spotify_confirms_what_exists_with_one_token(redis_url: str) -> None:
    async with (
        spotify() as server,
        upstream(songs()) as provider,
        running(variables(redis_url, provider.url, **with_spotify(server))) as llm,
    ):
        answer = await recommend(llm)
        assert [(each.title, each.verified) for each in answer.recommendations] == [
            ("So What", True), ("Blue Train", False), ("Naima", False),
        ]  # fmt: skip
        known = answer.recommendations[0]
        assert (known.album, known.links[1].url, known.links[1].direct) == (
            "The Album",
            "https://open.spotify.com/track/1",
            True,
        )
        server.refuse_tokens = True
        await recommend(llm, "something else")
        assert server.tokens == 2
        server.limited = True
        assert not any(each.verified for each in (await recommend(llm, "a third wish")).recommendations)
        searched = len(server.searches)
        server.limited = False
        await recommend(llm, "a fourth wish")
        assert len(server.searches) == searched
        facts: Any = llm.runtime.statuses["recommendations"]()
        assert facts["tokens"]["misses"] == 2
        assert facts["tokens"]["hits"] > 2


async def test_equal_wishes_are_served_from_the_cache(redis_url: str) -> None:
    async with upstream(songs()) as provider, running(variables(redis_url, provider.url)) as llm:
        await recommend(llm, "Calm evening music, please!")
        again = await recommend(llm, "some music for a calm EVENING")
        assert again.source == recommendation_pb2.RECOMMEND_SOURCE_CACHE
        assert again.usage.input_tokens == 0
        await recommend(llm, "calm evening", fresh=True)
        await recommend(llm, "calm evening", basis=recommendation_pb2.RECOMMEND_BASIS_GENRE)
        assert len(provider.requests) == 3
        facts: Any = llm.runtime.statuses["recommendations"]()
        assert facts["results"]["hits"] == 2
        assert facts["results"]["misses"] == 2


async def test_equal_wishes_at_once_are_one_question(redis_url: str) -> None:
    async with upstream(songs()) as provider, running(variables(redis_url, provider.url)) as llm:
        answers = await asyncio.gather(*(recommend(llm) for _ in range(6)))
        assert all(titles(answer) == titles(answers[0]) for answer in answers)
        assert len(provider.requests) == 1


async def test_stale_results_and_keywords_are_served_when_no_model_answers(redis_url: str) -> None:
    more = {"GUILDHALL_LLM__RECOMMEND__RESULT_TTL": "0.05", "GUILDHALL_LLM__RETRY__ATTEMPTS": "1"}
    async with upstream(songs(), fails(503)) as provider, running(variables(redis_url, provider.url, **more)) as llm:
        await recommend(llm, "calm evening")

        async def old_enough() -> recommendation_pb2.RecommendResponse | None:
            answer = await recommend(llm, "calm evening")
            return answer if answer.source != recommendation_pb2.RECOMMEND_SOURCE_CACHE else None

        stale = await eventually(old_enough)
        assert stale is not None
        assert (stale.source, titles(stale)) == (
            recommendation_pb2.RECOMMEND_SOURCE_STALE,
            ["Blue Train", "So What", "Naima"],
        )
        near = await recommend(llm, "stormy evening")
        assert (near.source, len(near.recommendations)) == (recommendation_pb2.RECOMMEND_SOURCE_KEYWORDS, 3)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await recommend(llm, "polka")
        assert (caught.value.code(), reason(caught.value)) == (grpc.StatusCode.UNAVAILABLE, "NO_RECOMMENDATION")


async def test_what_people_think_changes_what_they_get(redis_url: str) -> None:
    async with upstream(songs()) as provider, running(variables(redis_url, provider.url)) as llm:
        await feedback(llm, "Blue Train", "John Coltrane", recommendation_pb2.FEEDBACK_KIND_DISLIKE)
        await feedback(llm, "Milestones", "Miles Davis", recommendation_pb2.FEEDBACK_KIND_LIKE)
        assert titles(await recommend(llm)) == ["So What", "Naima"]
        async with channel_to(
            llm.address, Caller("executor", Person(user_id=99, guild_id=7)), audience="llm"
        ) as channel:
            assert titles(await recommend(Llm(channel, llm.address, llm.runtime))) == ["Blue Train", "So What", "Naima"]
        await recommend(llm, "", basis=recommendation_pb2.RECOMMEND_BASIS_LIKES)
        assert "Milestones" in str(provider.requests[-1]["messages"])
        stub = recommendation_pb2_grpc.RecommendationServiceStub(llm.channel)
        rows = (await stub.ListFeedback(recommendation_pb2.ListFeedbackRequest(), timeout=TIMEOUT)).feedback
        assert [row.title for row in rows] == ["Milestones", "Blue Train"]
        await feedback(llm, "blue train", "JOHN COLTRANE", recommendation_pb2.FEEDBACK_KIND_NONE)
        assert titles(await recommend(llm)) == ["So What", "Blue Train", "Naima"]


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"query": " \x00"}, "EMPTY_PROMPT"),
        ({"query": "x" * 301}, "PROMPT_TOO_LONG"),
        ({"query": "", "basis": 4}, "EMPTY_PROMPT"),
    ],
)
async def test_wishes_that_say_nothing_or_too_much(redis_url: str, fields: dict[str, Any], why: str) -> None:
    async with upstream(songs()) as provider, running(variables(redis_url, provider.url)) as llm:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await recommend(llm, **fields)
        assert reason(caught.value) == why
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await feedback(llm, "", "x", recommendation_pb2.FEEDBACK_KIND_LIKE)
        assert reason(caught.value) == "INVALID_FEEDBACK"


def test_names_are_the_same_however_they_are_written() -> None:
    assert plain("Déjà Vu (feat. Somebody)") == plain("deja vu") == plain("Deja  Vu ft. X") == "deja vu"
    assert normal_query("Calm music for an evening!") == normal_query("evening CALM") == "calm evening"
    assert normal_query("the") == "the"
    assert len(distinct([Track("A", "B"), Track("a", "b"), Track("", "B"), Track("A", "")])) == 1


def test_ranking_leaves_out_what_is_disliked_and_lifts_what_is_liked() -> None:
    a, b, c = Track("1", "A"), Track("2", "B"), Track("3", "C")
    opinions = {a.track_id: Opinion(a, "dislike", 1), "x": Opinion(Track("9", "C"), "more", 2)}
    assert ranked([a, b, c], opinions) == [c, b]


def test_the_preferred_service_comes_first() -> None:
    assert links(Track("A & B", "C/D"), "apple_music")[0].service == "apple_music"
    assert "C%2FD%20A%20%26%20B" in links(Track("A & B", "C/D"), "spotify")[0].url
