"""How the board is shown in Discord."""

from pydantic import Field

from chassis.settings import Section


class BoardDeliverySettings(Section):
    """Posts, lists and direct messages about the board."""

    index_pause: float = Field(default=2.0, ge=0)
    """Seconds at least between two edits of one list: what happens in between goes into one edit."""
    watch_timeout: float = Field(default=330.0, gt=0)
    """Seconds for one stream of events; longer than board lets one last."""
    call_timeout: float = Field(default=5.0, gt=0)
    """Seconds for one call to board."""
    reconnect_pause: float = Field(default=1.0, gt=0)
    """Seconds before a broken stream is opened again."""
    schedule_poll: float = Field(default=1.0, gt=0)
    """Seconds between looks for messages whose time has come."""
    digest_hours: float = Field(default=12.0, gt=0)
    """How long a digest gathers where nobody set it."""
    nonce_trust_seconds: float = Field(default=120.0, gt=0)
    """How long Discord is relied on to know a nonce again; after that a repeat looks for its message first."""
    kept_days: int = Field(default=400, ge=1)
    """How long it is remembered which message shows what, since it was last touched."""
    import_bytes: int = Field(default=8 * 2**20, ge=1)
    """The size of a file that is imported."""
    import_chunk_bytes: int = Field(default=262_144, ge=1_024, le=2**20)
    """The size of the pieces in which such a file is handed to board."""
    import_timeout: float = Field(default=30.0, gt=0)
    """Seconds for board to take such a file in."""
    clean_most: int = Field(default=500, ge=1)
    """How many messages one clean-up removes at most."""
    clean_together: int = Field(default=5, ge=1, le=20)
    """How many deletions of one clean-up are under way at once."""
    clean_pages: int = Field(default=20, ge=1)
    """How many pages of 100 messages one clean-up looks through."""
