"""Against servers of the wire formats that others wrote: llmock from PyPI and aimock from npm.

They are independent of this project, so that a mistake in how a format is understood does not stand on both sides.
"""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from guildhall.llm.v1 import generation_pb2

from services.llm.tests.harness import config, running, variables
from tests.support.waiting import eventually, free_port

llmock_testing = pytest.importorskip("llmock.testing", reason="llmock is not installed: pip install llmock")
AIMOCK = Path(__file__).parent / "aimock"
FAST: dict[str, Any] = {"retry": {"base_delay": 0.01, "cooldown": 0.05}}
SHORT = {"idle_timeout": 0.4, "first_token_timeout": 5.0, "discover": False}


@pytest.fixture(scope="module")
def llmock() -> Iterator[Any]:
    with llmock_testing.LLMockServer() as server:
        yield server


def environment(redis_url: str, folder: Path, openai: str, anthropic: str) -> dict[str, str]:
    providers = {
        "openai": {"wire": "openai", "base_url": openai, "api_key": "${PEER_KEY}", **SHORT},
        "anthropic": {"wire": "anthropic", "base_url": anthropic, "api_key": "${PEER_KEY}", **SHORT},
    }
    models = {"openai/gpt-4o": {"encoding": "o200k_base"}, "anthropic/claude-sonnet-5-5": {}}
    path = config(folder, providers=providers, models=models, llm=FAST)
    return {**variables(redis_url), "GUILDHALL_CONFIG": path, "PEER_KEY": "test"}


MODELS = ["openai/gpt-4o", "anthropic/claude-sonnet-5-5"]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("fault", "tries", "interrupted"),
    [
        (None, 1, ""),
        ({"type": "fail", "status": 429, "times": 1, "retry_after": 0}, 2, ""),
        ({"type": "fail", "status": 500, "times": 1}, 2, ""),
        ({"type": "stream_fault", "kind": "truncate", "after_chunks": 6}, 1, "STREAM_TRUNCATED"),
        ({"type": "stream_fault", "kind": "disconnect", "after_chunks": 6}, 1, "STREAM_DROPPED"),
        ({"type": "stream_fault", "kind": "malformed", "after_chunks": 6}, 1, "STREAM_MALFORMED"),
        ({"type": "stream_fault", "kind": "stall", "after_chunks": 6, "stall_seconds": 5}, 1, "STREAM_STALLED"),
    ],
    ids=["fine", "429", "500", "truncate", "disconnect", "malformed", "stall"],
)
async def test_llmock(
    redis_url: str, tmp_path: Path, llmock: Any, model: str, fault: dict[str, Any] | None, tries: int, interrupted: str
) -> None:
    from llmock.scenarios import Reply, behavior_from_dict

    llmock.state.scenarios.clear()
    llmock.state.journal.clear()
    llmock.state.scenarios.add(Reply(text="One two three four five six seven eight nine ten."))
    if fault is not None:
        llmock.state.scenarios.add(behavior_from_dict(fault))
    async with running(
        environment(redis_url, tmp_path, llmock.base_url("openai"), llmock.base_url("anthropic"))
    ) as llm:
        answer = await llm.ask("Say ten words", model=model)
        assert answer.end.interruption == interrupted
        if not interrupted:
            assert answer.text == "One two three four five six seven eight nine ten."
            assert answer.end.finish_reason == generation_pb2.FINISH_REASON_STOP
            assert answer.end.usage.output_tokens > 0
        else:
            assert answer.end.finish_reason == generation_pb2.FINISH_REASON_INTERRUPTED
            assert answer.text
        assert len(llmock.state.journal.records(wait=2.0)) == tries


@asynccontextmanager
async def aimock(folder: Path) -> AsyncIterator[str]:
    """aimock on a free port with fixtures of one answer with thinking and one call of a tool."""
    program = AIMOCK / "node_modules" / ".bin" / "llmock"
    node = shutil.which("node")
    if node is None or not program.exists():
        pytest.skip("@copilotkit/aimock is not installed: make model-peers")
    fixtures = folder / "fixtures.json"
    fixtures.write_text(
        json.dumps(
            {
                "fixtures": [
                    {
                        "match": {"userMessage": "think"},
                        "response": {"content": "Forty-two.", "reasoning": "Let me see."},
                    },
                    {
                        "match": {"userMessage": "look"},
                        "response": {"toolCalls": [{"name": "look", "arguments": {"at": "sky"}}]},
                    },
                ]
            }
        )
    )
    port = free_port()
    command = [node, str(program.resolve()), "--port", str(port), "--host", "127.0.0.1", "--fixtures", str(fixtures)]
    with subprocess.Popen(  # noqa: ASYNC220 - it returns at once
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={"PATH": os.environ["PATH"]}
    ) as running_now:
        try:

            async def listening() -> bool:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    return False
                writer.close()
                return True

            await eventually(listening, timeout=20)
            yield f"http://127.0.0.1:{port}"
        finally:
            running_now.terminate()


@pytest.mark.parametrize("model", MODELS)
async def test_aimock(redis_url: str, tmp_path: Path, model: str) -> None:
    async with aimock(tmp_path) as url, running(environment(redis_url, tmp_path, f"{url}/v1", url)) as llm:
        answer = await llm.ask("Please think", model=model)
        assert (answer.text, answer.thinking) == ("Forty-two.", "Let me see.")
        tools = [generation_pb2.Tool(name="look", description="Looks.", parameters_json='{"type": "object"}')]
        called = await llm.ask("Please look", model=model, tools=tools, turn_id="t2", conversation_id="c2")
        (call,) = [event.tool_call for event in called.events if event.HasField("tool_call")]
        assert (call.name, json.loads(call.arguments_json)) == ("look", {"at": "sky"})
        assert called.end.finish_reason == generation_pb2.FINISH_REASON_TOOL_CALLS
