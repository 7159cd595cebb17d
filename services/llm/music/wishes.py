"""What people wish for, and what makes two wishes the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from services.llm.catalogue import Model
from services.llm.limits import Asker
from services.llm.music.tracks import Opinion, Track, normal_query

Basis = Literal["mood", "artist", "genre", "likes", "title"]
LIKES_SHOWN = 30


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wished for."""

    query: str
    basis: Basis = "mood"
    count: int = 0
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A wish, as a model is asked for it."""

    key: str
    basis: Basis
    query: str
    likes: tuple[Track, ...]
    count: int
    fresh: bool
    asker: Asker
    candidates: tuple[Model, ...]


def likes_of(opinions: Mapping[str, Opinion]) -> list[Track]:
    """What a person likes, the latest first."""
    liked = [opinion for opinion in opinions.values() if opinion.kind in ("like", "more")]
    return [opinion.track for opinion in sorted(liked, key=lambda opinion: -opinion.at)][:LIKES_SHOWN]


def key_of(guild_id: int, basis: Basis, query: str, likes: Sequence[Track]) -> str:
    """Equal for wishes that mean the same in one guild."""
    parts = [guild_id, basis, normal_query(query), sorted(track.track_id for track in likes)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
