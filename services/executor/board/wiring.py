"""How the board's part of executor hangs together."""

from __future__ import annotations

from typing import Any

from guildhall.executor.v1 import board_pb2_grpc

from chassis.scoped import SettingsMirror
from chassis.service import Runtime
from services.executor.board.backfill import Backfill
from services.executor.board.calls import BoardCalls
from services.executor.board.clean_job import CleanJobs
from services.executor.board.follower import BoardFollower
from services.executor.board.importing import Importer
from services.executor.board.index_job import IndexJobs
from services.executor.board.message_job import DirectJobs, GatheredJobs, Sender
from services.executor.board.post_job import PostJobs
from services.executor.board.reader import BoardReader
from services.executor.board.record import BoardRecord
from services.executor.board.servicer import BoardMessageServicer
from services.executor.board.settings import BoardDeliverySettings
from services.executor.board.submitting import Leads, Submitter
from services.executor.discord.api import DiscordApi
from services.executor.discord.files import FileFetcher
from services.executor.discord.identity import BotIdentity
from services.executor.discord.rest import RestClient
from services.executor.jobs.model import JobKind
from services.executor.jobs.redis_store import JobStore
from services.executor.replies.sending import JobMessages


class BoardDelivery:
    """Everything that executor does about the board."""

    def __init__(
        self,
        runtime: Runtime[Any],
        *,
        settings: BoardDeliverySettings,
        rest: RestClient,
        identity: BotIdentity,
        store: JobStore,
        leads: Leads,
    ) -> None:
        self._runtime = runtime
        self._settings = settings
        self._store = store
        clock, api, calls = runtime.clock, DiscordApi(rest), BoardCalls(rest)
        record = BoardRecord(runtime.redis("durable"), kept_days=settings.kept_days)
        self.gateway_settings = SettingsMirror.start(runtime, "gateway")
        reader = BoardReader(
            runtime.channel("board"),
            SettingsMirror.start(runtime, "board"),
            self.gateway_settings,
            timeout=settings.call_timeout,
        )
        messages = JobMessages(api, identity, clock, nonce_trust=settings.nonce_trust_seconds)
        sender = Sender(messages, calls)
        self.kinds: tuple[JobKind, ...] = (
            DirectJobs(sender, reader, record),
            GatheredJobs(sender, reader, record, clock),
            IndexJobs(api, calls, sender, reader=reader, record=record, settings=settings, clock=clock),
            PostJobs(api, calls, sender, identity=identity, reader=reader, record=record, clock=clock),
            CleanJobs(calls, identity=identity, settings=settings, clock=clock),
        )
        shared = runtime.settings.current
        self._fetcher = FileFetcher(
            hosts=shared.replies.attachments.hosts,
            seconds=shared.replies.attachments.fetch_seconds,
            api_base=shared.discord.api_base,
        )
        self._importer = Importer(runtime.channel("board"), self._fetcher, settings)
        submitter = Submitter(store, clock)
        self.follower = BoardFollower(
            runtime.channel("board"),
            reader=reader,
            record=record,
            submitter=submitter,
            settings=settings,
            clock=clock,
            leads=leads,
        )
        self._backfill = Backfill(reader, record, submitter, settings=settings, leads=leads)

    def serve(self) -> None:
        """Registers the contract."""
        self._runtime.serve(
            board_pb2_grpc.add_BoardMessageServiceServicer_to_server,
            BoardMessageServicer(self._store, self._importer, self._settings, self._runtime.clock),
            callers={"CleanUp": {"gateway"}, "ImportFile": {"gateway"}},
        )

    def work(self) -> None:
        """Registers what runs beside the server."""
        self._runtime.on_stop(self._fetcher.close)
        self._runtime.background("board events", self.follower.follow)
        self._runtime.background("board backfill", self._backfill.run)
        self._runtime.background("board digests", self.follower.send_gathered)
        self._runtime.status("board", lambda: {"events_followed": self.follower.followed})
