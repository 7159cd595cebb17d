"""Old and new executors side by side: each reads what the other has stored.

The documents below were recorded from the first release and stay as they are. What a newer version adds is played by
fields that nobody knows.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
import redis.asyncio as redis
from pydantic import BaseModel

from chassis.redis_clients import connect
from chassis.settings.shared import Redis as RedisSettings
from services.executor.board.record import BoardRecord, Shown
from services.executor.health.book import Told
from services.executor.health.told import Record, ToldStore
from services.executor.jobs import keys
from services.executor.jobs.model import Job
from services.executor.jobs.redis_store import fields_of, job_of
from services.executor.plans.record import PlanRecord
from services.executor.replies.notice_job import Notice
from services.executor.replies.question import Question
from services.executor.replies.record import ReplyRecord
from services.executor.replies.state import ReplyState

ENTRY = {
    b"job": b"06FbWm1cQz3nJxKe0aVtRs",
    b"kind": b"reply",
    b"key": b"conversation:1300000000000000001",
    b"payload": b"{}",
    b"created": b"1790000000.25",
    b"trace": b'{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}',
}
ASKER = {
    "user_id": 7,
    "guild_id": 3,
    "role_ids": [4, 5],
    "permissions": 8,
    "display_name": "Ada",
    "locale": "de",
}
QUESTION = {
    "event_id": 1300000000000000001,
    "interaction": {"application_id": 1, "interaction_id": 1300000000000000001, "token": "t", "ephemeral": False},
    "guild_id": 3,
    "channel_id": 9,
    "in_conversation": False,
    "prompt": "What is a lighthouse?",
    "attachments": [{"filename": "a.txt", "content_type": "text/plain", "size": 3}],
    "model": "",
    "event_time": 1790000000.0,
    "asker": ASKER,
    "conversation_id": "1300000000000000001",
}
REPLY = {
    "job_id": "06FbWm1cQz3nJxKe0aVtRs",
    "question": QUESTION,
    "channel_id": 9,
    "message_ids": [11, 12],
    "versions": [{"job_id": "06FbWm1cQz3nJxKe0aVtRs", "text": "A", "shown_text": "A", "created": 1790000002.0}],
    "shown": 0,
}
STATE = {"started": 1790000001.0, "opening": {"message_id": 11}, "channel_id": 9, "parts": [{"message_id": 12}]}
NOTICE = {"guild_id": 3, "channel_id": 9, "reply_to": 0, "body": {"content": "Back."}}
PLAN = {
    "plan_id": "06FbWm1cQz3nJxKe0aVtRt",
    "guild_id": 3,
    "channel_id": 9,
    "requester": ASKER,
    "status": "preview",
    "version": 2,
    "words": ["delete the test channels"],
    "operations": [{"id": "1", "kind": "delete_channel", "path": {"channel_id": "21"}, "label": "#test"}],
    "created": 1790000000.0,
}
DOCUMENTS: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (Question, QUESTION),
    (ReplyRecord, REPLY),
    (ReplyState, STATE),
    (Notice, NOTICE),
    (PlanRecord, PLAN),
]


def grown(value: Any) -> Any:
    """A document as a newer version may write it: something unknown in every object."""
    if isinstance(value, dict):
        return {"from_tomorrow": "?"} | {name: grown(each) for name, each in value.items()}
    return [grown(each) for each in value] if isinstance(value, list) else value


def covers(today: Any, recorded: Any) -> bool:
    """Whether all that was recorded stands in today's document under the same names, in the same form."""
    if isinstance(recorded, dict):
        return isinstance(today, dict) and all(
            name in today and covers(today[name], recorded[name]) for name in recorded
        )
    if isinstance(recorded, list):
        return isinstance(today, list) and len(today) == len(recorded) and all(map(covers, today, recorded))
    return bool(today == recorded)


@pytest.mark.parametrize(("kind", "recorded"), DOCUMENTS)
def test_what_the_last_release_stored_is_read_and_written_so_that_it_can_read_it(
    kind: type[BaseModel], recorded: dict[str, Any]
) -> None:
    read = kind.model_validate_json(json.dumps(recorded))
    assert covers(json.loads(read.model_dump_json()), recorded)


@pytest.mark.parametrize(("kind", "recorded"), DOCUMENTS)
def test_what_the_next_release_adds_is_passed_over(kind: type[BaseModel], recorded: dict[str, Any]) -> None:
    read = kind.model_validate_json(json.dumps(grown(recorded)))
    assert covers(json.loads(read.model_dump_json()), recorded)


def test_a_job_passes_between_versions() -> None:
    job = job_of(ENTRY)
    assert job == Job(
        "06FbWm1cQz3nJxKe0aVtRs",
        "reply",
        "conversation:1300000000000000001",
        b"{}",
        1790000000.25,
        {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
    )
    assert job_of({**ENTRY, b"from_tomorrow": b"?"}) == job
    today = {
        name.encode(): value if isinstance(value, bytes) else value.encode() for name, value in fields_of(job).items()
    }
    assert ENTRY.items() <= today.items()


async def test_documents_that_are_no_models_pass_between_versions(redis_url: str) -> None:
    client: redis.Redis = connect(redis_url, RedisSettings())
    async with client:
        told = {"number": 4, "posted_at": 5.0, "parts": {"llm": {"well": False, "at": 3.0}}}
        store = ToldStore(client)
        for document in (told, grown(told) | {"parts": {"llm": grown(told["parts"])["llm"]}}):
            await client.set(keys.HEALTH_TOLD, json.dumps(document))
            assert await store.load() == Record(4, 5.0, {"llm": Told(False, 3.0)})
        await store.save(await store.load())
        assert covers(json.loads(await client.get(keys.HEALTH_TOLD) or ""), told)

        shown = {"channel_id": 9, "message_id": 11, "at": 5.0}
        board = BoardRecord(client, kept_days=1)
        for document in (shown, grown(shown)):
            await client.set("executor:board:shown:request:1", json.dumps(document))
            assert await board.shown("request:1") == Shown(9, 11, 5.0)
        await board.keep_shown("request:1", Shown(9, 11, 5.0))
        assert covers(json.loads(await client.get("executor:board:shown:request:1") or ""), shown)
