"""The parts that answers are made of, and how they hang together."""

from __future__ import annotations

import redis.asyncio as redis
from guildhall.executor.v1 import announcement_pb2_grpc, notice_pb2_grpc, reply_pb2_grpc
from guildhall.llm.v1 import attachment_pb2_grpc, conversation_pb2_grpc, generation_pb2_grpc, image_pb2_grpc

from chassis.scoped import ScopedSettings, SettingsMirror
from chassis.service import Runtime
from services.executor.archive.announce_job import AnnounceJobs
from services.executor.archive.recovery import Recovery
from services.executor.archive.scopes import Scopes
from services.executor.archive.servicer import AnnouncementServicer
from services.executor.discord.api import DiscordApi
from services.executor.discord.identity import BotIdentity
from services.executor.discord.webhooks import WebhookApi
from services.executor.guild_settings import SETTINGS
from services.executor.jobs.model import JobKind
from services.executor.jobs.redis_store import JobStore
from services.executor.replies.action_jobs import ForkJobs, ShowJobs
from services.executor.replies.actions import ReplyActions
from services.executor.replies.attachments import Attachments
from services.executor.replies.edits import Edits
from services.executor.replies.image_job import ImageJobs
from services.executor.replies.job import ReplyJobs
from services.executor.replies.notice_job import NoticeJobs
from services.executor.replies.pictures import Pictures
from services.executor.replies.private_thread_job import PrivateThreadJobs
from services.executor.replies.record import ReplyRecords
from services.executor.replies.sending import JobMessages
from services.executor.replies.speakers import Speakers
from services.executor.replies.stops import Stops
from services.executor.replies.submission import Submission
from services.executor.replies.threads import ThreadDirectory
from services.executor.replies.tools import Tools
from services.executor.servicer import REPLY_METHODS, NoticeServicer, ReplyServicer
from services.executor.settings import ExecutorSettings
from views.announcement import key_from


class ReplyParts:
    """Everything about answers, notices and announced settings."""

    def __init__(
        self,
        runtime: Runtime[ExecutorSettings],
        client: redis.Redis,
        *,
        store: JobStore,
        api: DiscordApi,
        webhooks: WebhookApi,
        identity: BotIdentity,
    ) -> None:
        settings, clock, access = runtime.settings.current.replies, runtime.clock, runtime.settings.current.discord
        self._runtime = runtime
        self._threads = ThreadDirectory(client, ttl_days=settings.thread_alias_days)
        self._records = ReplyRecords(client, clock, ttl_days=settings.thread_alias_days)
        self._stops = Stops(client, clock)
        self._attachments = Attachments(
            attachment_pb2_grpc.AttachmentServiceStub(runtime.channel("llm")),
            settings.attachments,
            api_base=access.api_base,
        )
        self.guild_settings = ScopedSettings.serve(runtime, SETTINGS)
        scopes = Scopes(runtime.channel)
        key = key_from(access.token.get_secret_value())
        self._submission = Submission(store, self._threads, settings, clock)
        self.actions = ReplyActions(
            store,
            self._records,
            self._stops,
            lambda notify: Edits(client, self._records, notify, ttl_days=settings.thread_alias_days),
            clock,
        )
        pictures = Pictures(image_pb2_grpc.ImageServiceStub(runtime.channel("llm")))
        of_llm = SettingsMirror.start(runtime, "llm")
        speakers = Speakers(
            api, webhooks, identity, settings.personas, lambda place: str(of_llm.value(place, "prompt") or "")
        )
        tools = Tools(
            api=api,
            identity=identity,
            llm=generation_pb2_grpc.GenerationServiceStub(runtime.channel("llm")),
            titles=generation_pb2_grpc.GenerationServiceStub(runtime.channel("llm", "titles")),
            threads=self._threads,
            records=self._records,
            stops=self._stops,
            guild_settings=self.guild_settings,
            recovery=Recovery(client, api=api, identity=identity, scopes=scopes, key=key),
            attachments=self._attachments,
            pictures=pictures,
            edits=self.actions.edits,
            speakers=speakers,
            settings=settings,
            clock=clock,
        )
        messages = JobMessages(api, identity, clock, nonce_trust=settings.nonce_trust_seconds)
        self.kinds: tuple[JobKind, ...] = (
            ReplyJobs(tools),
            PrivateThreadJobs(tools),
            ShowJobs(api=api, speakers=speakers, records=self._records, settings=settings, clock=clock),
            ForkJobs(
                api=api,
                messages=messages,
                llm=conversation_pb2_grpc.ConversationServiceStub(runtime.channel("llm")),
                records=self._records,
                threads=self._threads,
                settings=settings,
                clock=clock,
            ),
            ImageJobs(
                api=api,
                messages=messages,
                pictures=pictures,
                settings=settings,
                clock=clock,
            ),
            NoticeJobs(messages),
            AnnounceJobs(messages, scopes=scopes, key=key),
        )

    @property
    def records(self) -> ReplyRecords:
        """What is remembered of answers."""
        return self._records

    def serve(self) -> None:
        """Registers the contracts."""
        runtime = self._runtime
        runtime.serve(
            reply_pb2_grpc.add_ReplyServiceServicer_to_server,
            ReplyServicer(
                self._submission,
                self.actions,
                self.guild_settings,
                max_prompt_chars=runtime.settings.current.replies.max_prompt_chars,
            ),
            callers=dict.fromkeys(REPLY_METHODS, ("gateway",)),
        )
        runtime.serve(
            notice_pb2_grpc.add_NoticeServiceServicer_to_server,
            NoticeServicer(self.actions),
            callers={"PostNotice": {"gateway"}},
        )
        runtime.serve(
            announcement_pb2_grpc.add_AnnouncementServiceServicer_to_server,
            AnnouncementServicer(self.actions),
            callers={"AnnounceSettings": {"gateway"}},
        )

    def work(self) -> None:
        """Registers what runs beside the server, and how it stops."""
        self._runtime.background("stops", self._stops.listen)
        self._runtime.on_stop(self._attachments.close)
