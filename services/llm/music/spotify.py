"""Spotify's Web API: finds out whether a title exists, with the client credentials flow.

https://developer.spotify.com/documentation/web-api/tutorials/client-credentials-flow and …/reference/search. Everything
here is an extra: when Spotify is slow, away or limits us, titles stay unverified and are marked so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx2
import structlog

from chassis.clock import Clock
from chassis.settings import Live
from services.llm.failures import retry_after
from services.llm.feature_settings import SpotifySettings
from services.llm.lru import Statistics
from services.llm.music.tracks import Track, confirmed, plain
from services.llm.settings import LlmSettings

log = structlog.get_logger(__name__)
AT_ONCE = 4
"""Searches under way at once."""
EARLIER = 30.0
"""Seconds before its end that a token is renewed."""
DEFAULT_REST = 5.0


class Spotify:
    """A client of the Web API."""

    def __init__(self, settings: Live[LlmSettings], clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._http = httpx2.AsyncClient()
        self._token = ""
        self._token_ends = 0.0
        self._token_of: SpotifySettings | None = None
        self._renewing = asyncio.Lock()
        self._resting_until = 0.0
        self._slots = asyncio.Semaphore(AT_ONCE)
        self.tokens = Statistics()

    async def verify(self, tracks: Sequence[Track]) -> list[Track]:
        """The tracks, those that Spotify knows confirmed."""
        settings = self._settings.current.recommend.spotify
        if not settings.client_id or settings.client_secret is None or self._clock.monotonic() < self._resting_until:
            return list(tracks)
        return list(await asyncio.gather(*(self._verify(track, settings) for track in tracks)))

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def _verify(self, track: Track, settings: SpotifySettings) -> Track:
        if track.verified:
            return track
        try:
            async with self._slots:
                if self._clock.monotonic() < self._resting_until:
                    return track
                found = await self._search(track, settings)
        except (httpx2.HTTPError, ValueError, KeyError, TypeError) as error:
            log.info("Spotify did not help", error=repr(error))
            return track
        for item in found:
            artists = [str(artist.get("name", "")) for artist in item.get("artists", ())]
            if _same(track, str(item.get("name", "")), artists):
                return confirmed(
                    track,
                    title=str(item["name"]),
                    artist=artists[0],
                    album=str((item.get("album") or {}).get("name", "")),
                    url=str((item.get("external_urls") or {}).get("spotify", "")),
                )
        return track

    async def _search(self, track: Track, settings: SpotifySettings) -> list[dict[str, Any]]:
        words = f'track:"{track.title}" artist:"{track.artist}"'
        parameters: dict[str, str | int] = {"q": words, "type": "track", "limit": 5}
        for fresh in (False, True):
            token = await self._bearer(settings, fresh=fresh)
            answer = await self._http.get(
                f"{settings.api_url}/search",
                params=parameters,
                headers={"Authorization": f"Bearer {token}"},
                timeout=settings.timeout,
            )
            if answer.status_code != httpx2.codes.UNAUTHORIZED:
                break
        if answer.status_code == httpx2.codes.TOO_MANY_REQUESTS:
            rest = retry_after(answer.headers)
            self._resting_until = self._clock.monotonic() + (DEFAULT_REST if rest is None else rest)
        answer.raise_for_status()
        items = answer.json()["tracks"]["items"]
        return [item for item in items if isinstance(item, dict)]

    async def _bearer(self, settings: SpotifySettings, *, fresh: bool) -> str:
        """An access token, the one that is still good if possible."""
        before = self._token
        async with self._renewing:
            good = self._token and self._token_of == settings and self._clock.monotonic() < self._token_ends
            if good and not (fresh and self._token == before):
                self.tokens.hits += 1
                return self._token
            self.tokens.misses += 1
            secret = settings.client_secret
            assert secret is not None
            answer = await self._http.post(
                settings.token_url,
                data={"grant_type": "client_credentials"},
                auth=(settings.client_id, secret.get_secret_value()),
                timeout=settings.timeout,
            )
            answer.raise_for_status()
            granted = answer.json()
            self._token, self._token_of = str(granted["access_token"]), settings
            self._token_ends = self._clock.monotonic() + float(granted["expires_in"]) - EARLIER
            return self._token


def _same(track: Track, title: str, artists: Sequence[str]) -> bool:
    """Whether what was found is what was sought: the same title, by one of the artists."""
    wanted = plain(track.artist)
    return plain(track.title) == plain(title) and any(
        plain(artist) == wanted or plain(artist) in wanted for artist in artists if plain(artist)
    )
