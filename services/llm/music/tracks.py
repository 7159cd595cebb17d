"""Tracks: how they are named, found again, linked to and ranked."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, quote_plus

_PARENTHESES = re.compile(r"\s*[(\[](?:feat|ft|with|remaster|live|deluxe|radio edit|official)[^)\]]*[)\]]", re.I)
_FEATURING = re.compile(r"\s+(?:feat\.?|ft\.?|featuring)\s.*$", re.I)
_WORD = re.compile(r"\w+")
STOPWORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "any",
        "by",
        "for",
        "from",
        "give",
        "good",
        "i",
        "in",
        "it",
        "like",
        "me",
        "more",
        "music",
        "my",
        "of",
        "on",
        "or",
        "please",
        "recommend",
        "some",
        "song",
        "songs",
        "something",
        "that",
        "the",
        "to",
        "tracks",
        "want",
        "with",
        "you",
        "der",
        "die",
        "das",
        "und",
        "für",
        "mit",
    ]
)
SERVICES = ("youtube", "spotify", "apple_music")


@dataclass(frozen=True, slots=True)
class Track:
    """A title. `spotify_url` is set once Spotify knew it, which verifies that it exists."""

    title: str
    artist: str
    album: str = ""
    reason: str = ""
    spotify_url: str = ""
    verified: bool = False

    @property
    def track_id(self) -> str:
        """Names it, however it was written."""
        return hashlib.sha256(f"{plain(self.artist)}|{plain(self.title)}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Link:
    """Where one can listen."""

    service: str
    url: str
    direct: bool


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a person thinks of a track: `like`, `dislike` or `more`."""

    track: Track
    kind: str
    at: float


def plain(text: str) -> str:
    """A name without case, accents, punctuation and additions such as `(feat. …)`."""
    bare = _FEATURING.sub("", _PARENTHESES.sub("", text))
    letters = unicodedata.normalize("NFKD", bare.casefold())
    return " ".join(_WORD.findall("".join(each for each in letters if not unicodedata.combining(each))))


def keywords(query: str) -> list[str]:
    """The words of a wish that say something, each once, in alphabetical order."""
    return sorted({word for word in plain(query).split() if word not in STOPWORDS and len(word) > 1})


def normal_query(query: str) -> str:
    """A wish in a form that is equal for wishes that mean the same."""
    return " ".join(keywords(query)) or plain(query)


def distinct(tracks: Iterable[Track]) -> list[Track]:
    """Tracks without repeats and without those that name nothing."""
    found: dict[str, Track] = {}
    for track in tracks:
        if plain(track.title) and plain(track.artist):
            found.setdefault(track.track_id, track)
    return list(found.values())


def links(track: Track, preferred: str) -> list[Link]:
    """Where to listen, the preferred service first. Searches, unless the very track is known."""
    words = f"{track.artist} {track.title}"
    found = {
        "youtube": Link("youtube", f"https://www.youtube.com/results?search_query={quote_plus(words)}", direct=False),
        "spotify": Link("spotify", f"https://open.spotify.com/search/{quote(words, safe='')}", direct=False),
        "apple_music": Link("apple_music", f"https://music.apple.com/us/search?term={quote_plus(words)}", direct=False),
    }
    if track.spotify_url:
        found["spotify"] = Link("spotify", track.spotify_url, direct=True)
    order = [preferred, *(service for service in SERVICES if service != preferred)]
    return [found[service] for service in order if service in found]


def ranked(tracks: Iterable[Track], opinions: Mapping[str, Opinion]) -> list[Track]:
    """Tracks for one person: none they dislike, artists they like first, those they dislike last; else as they came."""
    liked: dict[str, int] = {}
    for opinion in opinions.values():
        weight = {"like": 1, "more": 2, "dislike": -1}.get(opinion.kind, 0)
        artist = plain(opinion.track.artist)
        liked[artist] = liked.get(artist, 0) + weight
    kept = [track for track in tracks if not _disliked(opinions.get(track.track_id))]
    return sorted(kept, key=lambda track: -liked.get(plain(track.artist), 0))


def verified_first(tracks: Iterable[Track]) -> list[Track]:
    """Tracks that exist for certain before those that may not; else as they came."""
    return sorted(tracks, key=lambda track: not track.verified)


def confirmed(track: Track, *, title: str, artist: str, album: str, url: str) -> Track:
    """The track as a music service knows it."""
    return replace(track, title=title, artist=artist, album=album, spotify_url=url, verified=True)


def _disliked(opinion: Opinion | None) -> bool:
    return opinion is not None and opinion.kind == "dislike"
