"""What is configured of attachments, pictures and music."""

from __future__ import annotations

from pydantic import Field

from chassis.settings import Secret, Section


class AttachmentSettings(Section):
    """What may be attached."""

    max_bytes: int = Field(default=8 * 2**20, ge=1)
    """The size of one attachment."""
    max_image_pixels: int = Field(default=40_000_000, ge=1)
    """The pixels of one image, before it is scaled down."""
    image_side: int = Field(default=1_568, ge=64)
    """The longer side that images are scaled down to."""
    max_text_chars: int = Field(default=60_000, ge=1)
    """Characters of a text or PDF that are put into the prompt; the rest is left out and said so."""
    max_pdf_pages: int = Field(default=60, ge=1)
    """Pages read of a PDF."""
    max_per_turn: int = Field(default=10, ge=1)
    """Attachments in one turn."""
    ttl: float = Field(default=86_400.0, gt=0)
    """Seconds until an attachment is forgotten."""


class ImageSettings(Section):
    """Image generation."""

    models: tuple[str, ...] = ("openai/gpt-image-2.5-flare", "openai/gpt-image-2")
    """Image models by `provider/id`, the first whose provider is there is taken."""
    sizes: tuple[str, ...] = ("1024x1024", "1536x1024", "1024x1536")
    """Sizes that may be asked for, the default first."""
    max_prompt_chars: int = Field(default=4_000, ge=1)
    """Characters of a prompt."""
    blocked_patterns: tuple[str, ...] = ()
    """Regular expressions (case is ignored) that a prompt must not match."""
    price_dollars: dict[str, float] = {}
    """Dollars for one image by model; absent means the cost is taken from the reported tokens, or unknown."""
    timeout: float = Field(default=120.0, gt=0)
    """Seconds to wait for an image."""
    chunk_bytes: int = Field(default=262_144, ge=1_024, le=2**20)
    """Bytes in one message of the answer."""


class SpotifySettings(Section):
    """Spotify's Web API, which verifies recommended titles."""

    client_id: str = ""
    """The application's id; without it titles stay unverified."""
    client_secret: Secret | None = None
    """The application's secret."""
    api_url: str = "https://api.spotify.com/v1"
    """The Web API."""
    token_url: str = "https://accounts.spotify.com/api/token"  # noqa: S105 - an address
    """Where tokens are had."""
    timeout: float = Field(default=4.0, gt=0)
    """Seconds to wait for one answer."""


class RecommendSettings(Section):
    """Music recommendations."""

    count: int = Field(default=8, ge=1, le=25)
    """Titles in one answer unless it says otherwise."""
    result_ttl: float = Field(default=6 * 3_600.0, gt=0)
    """Seconds for which a result is fresh."""
    keyword_ttl: float = Field(default=7 * 86_400.0, gt=0)
    """Seconds for which a title found for a keyword is remembered."""
    max_query_chars: int = Field(default=300, ge=1)
    """Characters of a request."""
    feedback_kept: int = Field(default=500, ge=1)
    """Titles remembered of one person."""
    model_timeout: float = Field(default=25.0, gt=0)
    """Seconds a model has before keywords or stale results are served."""
    spotify: SpotifySettings = SpotifySettings()
    """Verification."""
