"""What several contracts share: for whom, how long, and messages that occur in more than one."""

from __future__ import annotations

import re

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from guildhall.llm.v1 import generation_pb2

from chassis.caller import current_caller
from chassis.deadline import remaining
from chassis.errors import InvalidArgument
from services.llm.chat import Usage
from services.llm.conversation import Input
from services.llm.limits import Asker, Denial
from services.llm.settings import LlmSettings

_ID = re.compile(r"[!-z|~]{1,100}")
MARGIN = 0.2
"""Seconds of the deadline that are left for the answer to travel."""


def asker(guild_id: int = 0, *, channel_id: int = 0, category_id: int = 0, thread_id: int = 0) -> Asker:
    """For whom the RPC being served is made. Where there is a person, their guild counts, whatever the request says."""
    caller = current_caller()
    person = caller.person
    where = (channel_id, category_id, thread_id, caller.service)
    if person is None:
        return Asker(0, guild_id, (), 0, *where)
    return Asker(person.user_id, person.guild_id, person.role_ids, person.permissions, *where)


def budget(settings: LlmSettings) -> float:
    """Seconds there are for the RPC being served."""
    left = remaining()
    return settings.provider_budget if left is None else max(0.0, left - MARGIN)


def identifier(field: str, value: str) -> str:
    """An id that may be part of a key: printable ASCII without braces. Raises InvalidArgument (INVALID_ID)."""
    if not _ID.fullmatch(value):
        raise InvalidArgument(
            f"{field} is not an id.",
            reason="INVALID_ID",
            fields={field: "1 to 100 printable ASCII characters, no braces"},
        )
    return value


def input_of(message: generation_pb2.Input) -> Input:
    """What a person said."""
    ids = tuple(identifier("attachment_ids", each) for each in message.attachment_ids)
    return Input(message.text, message.author_id, message.author_name, ids)


def input_message(entry: Input) -> generation_pb2.Input:
    """What a person said."""
    return generation_pb2.Input(
        text=entry.text, author_name=entry.author_name, author_id=entry.author_id, attachment_ids=entry.attachment_ids
    )


def usage_message(usage: Usage) -> generation_pb2.Usage:
    """What was used."""
    return generation_pb2.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_input_tokens=usage.cached_input_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        estimated=usage.estimated,
        cost_nanos=usage.cost_nanos,
    )


def denied_message(denial: Denial) -> generation_pb2.Denied:
    """A limit that stands against a call."""
    return generation_pb2.Denied(
        limit=denial.limit,
        remaining=denial.remaining,
        capacity=denial.capacity,
        retry_after=duration(denial.retry_after),
        budget=denial.budget,
        message=denial.sentence,
    )


def duration(seconds: float) -> Duration:
    """A length of time."""
    message = Duration()
    message.FromNanoseconds(round(seconds * 1e9))
    return message


def timestamp(seconds: float) -> Timestamp:
    """A moment."""
    message = Timestamp()
    message.FromNanoseconds(round(seconds * 1e9))
    return message
