"""What a restarted gateway has to know about a shard: its session, how far it came, and the bot's threads in it.

Events change it in memory; a saver writes it behind them, at most a few times a second. The position and the
threads that events up to it changed go into one transaction, so what is read back always fits together. What is not
saved yet when the process dies is told again by Discord: RESUME repeats everything after the saved position.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from services.gateway.sequence import Watermark
from services.gateway.threads import Change

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Session:
    """A session that can be resumed."""

    session_id: str
    resume_url: str
    sequence: int
    gap: bool = False
    """Whether events up to the sequence were let go that executor's mirror was not told of."""


class JournalStore(Protocol):
    """Where journals are kept."""

    async def load(self, shard_id: int, shard_count: int) -> tuple[Session | None, Mapping[str, str]]:
        """The session and the threads of a shard as they were saved last."""

    async def save(
        self, shard_id: int, shard_count: int, session: Session | None, changes: Mapping[str, str | None]
    ) -> None:
        """Saves the session (None forgets it) and the changed threads (None removes one), together."""


class Journal:
    """The journal of one shard."""

    def __init__(self, shard_id: int, shard_count: int, store: JournalStore) -> None:
        self.shard_id = shard_id
        self.shard_count = shard_count
        self._store = store
        self._session: Session | None = None
        self._gap = False
        self._watermark = Watermark()
        self._changes: dict[str, str | None] = {}
        self._dirty = asyncio.Event()
        self._saving = asyncio.Lock()

    async def load(self) -> Mapping[str, str]:
        """Reads back what was saved; gives the threads."""
        self._session, threads = await self._store.load(self.shard_id, self.shard_count)
        if self._session is not None:
            self._watermark = Watermark(self._session.sequence)
            self._gap = self._session.gap
        return threads

    @property
    def session(self) -> Session | None:
        """The session with the position up to which everything is handed over; None where there is none."""
        if self._session is None:
            return None
        return replace(self._session, sequence=self._watermark.position, gap=self._gap)

    @property
    def gap(self) -> bool:
        """Whether the mirror missed something of this session that it was not told."""
        return self._gap

    def missed(self) -> None:
        """Events are let go that the mirror was not told of. It stands in the store before the position passes them."""
        self._gap = True
        self._dirty.set()

    def told_of_gap(self) -> None:
        """The mirror knows that it missed something."""
        self._gap = False
        self._dirty.set()

    @property
    def outstanding(self) -> int:
        """Events that are being handed over."""
        return self._watermark.outstanding

    def started(self, session: Session) -> None:
        """A new session began."""
        self._session = session
        self._gap = False
        self._watermark = Watermark(session.sequence)
        self._dirty.set()

    def ended(self) -> None:
        """The session can't be resumed any more."""
        self._session = None
        self._watermark = Watermark()
        self._dirty.set()

    def begin(self, sequence: int) -> "Event":
        """An event came; end what is given back once it is handed over."""
        self._watermark.begin(sequence)
        return Event(self, self._watermark, sequence)

    def changed(self, change: Change) -> None:
        """An event changed the threads."""
        if change:
            self._changes |= dict.fromkeys(change.remove) | dict(change.set)
            self._dirty.set()

    def _done(self, watermark: Watermark, sequence: int) -> None:
        # An event of a session that is over must not move the position of the one that followed.
        if watermark.done(sequence) and watermark is self._watermark:
            self._dirty.set()

    async def save(self) -> None:
        """Saves what changed since the last time. Raises what the store raises; nothing is lost then."""
        async with self._saving:
            if not self._dirty.is_set():
                return
            self._dirty.clear()
            changes, self._changes = self._changes, {}
            try:
                await self._store.save(self.shard_id, self.shard_count, self.session, changes)
            except BaseException:
                self._changes = changes | self._changes
                self._dirty.set()
                raise

    async def keep_saving(self, interval: float) -> None:
        """Saves behind the events until cancelled. A store that is away is tried again."""
        while True:
            await self._dirty.wait()
            try:
                await self.save()
            except Exception as error:  # noqa: BLE001 - whatever the store has, events go on
                _log.warning("session not saved", shard=self.shard_id, error=repr(error))
            await asyncio.sleep(interval)


@dataclass(frozen=True, slots=True)
class Event:
    """One event that is being handed over."""

    _journal: Journal
    _watermark: Watermark
    sequence: int

    def done(self) -> None:
        """It is handed over: a restarted gateway need not see it again."""
        self._journal._done(self._watermark, self.sequence)
