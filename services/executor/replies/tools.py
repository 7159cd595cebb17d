"""What replies are given with: one set for the process."""

from __future__ import annotations

from dataclasses import dataclass

from guildhall.llm.v1 import generation_pb2_grpc

from chassis.clock import Clock
from chassis.scoped import ScopedSettings
from services.executor.archive.recovery import Recovery
from services.executor.discord.api import DiscordApi
from services.executor.discord.identity import BotIdentity
from services.executor.replies.attachments import Attachments
from services.executor.replies.edits import Edits
from services.executor.replies.pictures import Pictures
from services.executor.replies.record import ReplyRecords
from services.executor.replies.settings import ReplySettings
from services.executor.replies.speakers import Speakers
from services.executor.replies.stops import Stops
from services.executor.replies.threads import ThreadDirectory


@dataclass(frozen=True)
class Tools:
    """Services, stores and settings."""

    api: DiscordApi
    identity: BotIdentity
    llm: generation_pb2_grpc.GenerationServiceStub
    titles: generation_pb2_grpc.GenerationServiceStub
    threads: ThreadDirectory
    records: ReplyRecords
    stops: Stops
    guild_settings: ScopedSettings
    recovery: Recovery
    attachments: Attachments
    pictures: Pictures
    edits: Edits
    speakers: Speakers
    settings: ReplySettings
    clock: Clock
