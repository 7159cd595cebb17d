"""Recommends music. Fresh results from the cache come first, then a model's with Spotify's confirmation; where neither
can be had, stale results and then titles that fitted the same keywords before, each marked as what it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal

import structlog

from chassis.clock import Clock
from chassis.errors import GuildhallError, Unavailable
from chassis.settings import Live
from services.llm.catalogue import Model
from services.llm.chat import Usage
from services.llm.conversation import clean
from services.llm.flights import Flights
from services.llm.limits import Asker, Denial
from services.llm.music.asking import SongFinder
from services.llm.music.memory import Keywords, Level, Opinions, Result
from services.llm.music.spotify import Spotify
from services.llm.music.tracks import Opinion, Track, keywords, ranked
from services.llm.music.wishes import Inquiry, Wish, key_of, likes_of
from services.llm.problems import empty_prompt, prompt_too_long
from services.llm.router import NoModelAnsweredError
from services.llm.settings import LlmSettings

log = structlog.get_logger(__name__)
Facts = dict[str, int] | int
Source = Literal["model", "cache", "stale", "keywords"]
MOST = 25


@dataclass(frozen=True, slots=True)
class Recommended:
    """Tracks, and where they come from."""

    tracks: tuple[Track, ...]
    source: Source
    usage: Usage
    denial: Denial | None = None


class Recommender:
    """Recommends music."""

    def __init__(
        self,
        settings: Live[LlmSettings],
        clock: Clock,
        *,
        finder: SongFinder,
        results: Level,
        words: Keywords,
        opinions: Opinions,
        spotify: Spotify,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._finder = finder
        self._results = results
        self._keywords = words
        self._opinions = opinions
        self._spotify = spotify
        self._flights: Flights[tuple[Result, Usage] | Denial] = Flights()
        self.joined = 0

    async def recommend(self, wish: Wish, asker: Asker, candidates: Sequence[Model], budget: float) -> Recommended:
        """Tracks for a wish, for this person. Raises GuildhallError as the contract says.

        Args:
            wish: What is wished for.
            asker: For whom.
            candidates: The models that may be asked, in order; none where there are none.
            budget: Seconds for everything.
        """
        settings = self._settings.current.recommend
        query = clean(wish.query)
        if len(query) > settings.max_query_chars:
            raise prompt_too_long(len(query), settings.max_query_chars)
        opinions = await self._opinions.of(asker.user_id)
        likes = likes_of(opinions) if wish.basis == "likes" else []
        if not query and not likes:
            raise empty_prompt()
        count = min(wish.count or settings.count, MOST)
        key = key_of(asker.guild_id, wish.basis, query, likes)
        value = await self._results.get(key)
        kept = Result.decode(value) if value is not None else None
        if kept is not None and not wish.fresh and self._serves(kept, count):
            return self._served(kept, opinions, count, "cache")
        denial: Denial | None = None
        try:
            inquiry = Inquiry(key, wish.basis, query, tuple(likes), count, wish.fresh, asker, tuple(candidates))
            found = await self._ask(inquiry, budget)
            if not isinstance(found, Denial):
                result, usage = found
                return self._served(result, opinions, count, "model", usage)
            denial = found
        except (NoModelAnsweredError, GuildhallError, TimeoutError) as error:
            log.warning("no model recommended anything", error=str(error))
        if kept is not None:
            return self._served(kept, opinions, count, "stale", denial=denial)
        known = await self._keywords.tracks(asker.guild_id, keywords(query))
        if known:
            return self._served(Result(tuple(known), 0.0, 0), opinions, count, "keywords", denial=denial)
        if denial is not None:
            return Recommended((), "keywords", Usage(cost_nanos=0), denial)
        raise Unavailable("Nothing can be recommended right now; no model answers.", reason="NO_RECOMMENDATION")

    def facts(self) -> dict[str, Facts]:
        """For operators."""
        return {
            "results": self._results.facts(),
            "keywords": self._keywords.facts(),
            "tokens": {"hits": self._spotify.tokens.hits, "misses": self._spotify.tokens.misses},
            "joined": self.joined,
        }

    def _serves(self, kept: Result, count: int) -> bool:
        """Whether a kept result is fresh and was meant for as many."""
        return self._clock.now() - kept.at < self._settings.current.recommend.result_ttl and kept.asked >= count

    def _served(
        self,
        result: Result,
        opinions: Mapping[str, Opinion],
        count: int,
        source: Source,
        usage: Usage | None = None,
        *,
        denial: Denial | None = None,
    ) -> Recommended:
        tracks = tuple(ranked(result.tracks, opinions)[:count])
        return Recommended(tracks, source, usage or Usage(cost_nanos=0), denial)

    async def _ask(self, inquiry: Inquiry, budget: float) -> tuple[Result, Usage] | Denial:
        """What a model recommends; equal wishes at the same time are one question."""
        key = f"{inquiry.key}:{inquiry.count}"
        timeout = min(budget, self._settings.current.recommend.model_timeout)

        async def source() -> AsyncGenerator[tuple[Result, Usage] | Denial, None]:
            # An equal question may have been answered since this one looked.
            value = None if inquiry.fresh else await self._results.look_again(inquiry.key)
            if value is not None and self._serves(kept := Result.decode(value), inquiry.count):
                yield kept, Usage(cost_nanos=0)
                return
            async with asyncio.timeout(timeout):
                answer = await self._finder.find(inquiry, timeout)
            if not isinstance(answer, Denial):
                await self._remember(inquiry, answer[0])
            yield answer

        while True:
            joined = self._flights.join(key)
            self.joined += joined is not None
            async with aclosing(joined or self._flights.lead(key, source())) as flight:
                answer = await anext(flight)
            if joined is None:
                return answer
            # A limit that stands against somebody else says nothing of this person's.
            if not isinstance(answer, Denial):
                return answer[0], Usage(cost_nanos=0)

    async def _remember(self, inquiry: Inquiry, result: Result) -> None:
        settings = self._settings.current
        ttl = settings.recommend.result_ttl
        await self._results.put(inquiry.key, result.encode(), ttl + settings.cache.stale_ttl, ttl)
        await self._keywords.learn(inquiry.asker.guild_id, keywords(inquiry.query), result.tracks)
