"""One trace follows a question across every service, the stream between them, and what they call outside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from sandbox.control.client import SandboxClient
from tests.e2e.asking import Guild
from tests.support.platform import RunningPlatform
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


@dataclass(frozen=True)
class Edge:
    """A span and the span it was made under."""

    parent_service: str
    parent: str
    service: str
    name: str


def edges(nodes: list[dict[str, Any]], parent: dict[str, Any] | None = None) -> Iterator[Edge]:
    """Every edge of a trace's tree."""
    for node in nodes:
        if parent is not None:
            yield Edge(parent["service"], parent["name"], node["service"], node["name"])
        yield from edges(node["children"], node)


async def test_the_trace_of_a_question_has_every_edge(
    guild: Guild, sandbox: SandboxClient, platform: RunningPlatform
) -> None:
    asked = await guild.ask("Where does a trace go?")
    await guild.answers_in((await guild.thread_of(asked))["id"])
    found = await sandbox.traces(name="interaction /ask", limit=1)

    async def whole() -> list[dict[str, Any]] | None:
        """The tree, once every span's parent has come too: services export by batches, each in its own time."""
        trace = await sandbox.call("GET", f"/traces/api/traces/{found[0]['trace_id']}")
        return trace["tree"] if len(trace["tree"]) == 1 and "llm" in trace["services"] else None

    (root,) = await eventually(whole, timeout=30, interval=0.2)
    assert (root["service"], root["name"]) == ("gateway", "interaction /ask")
    have = list(edges([root]))

    def made(parent: str, child: str) -> bool:
        """Whether `service name` made `service name`, both by a part of the name."""
        parent_service, _, parent_name = parent.partition(" ")
        service, _, name = child.partition(" ")
        return any(
            edge.parent_service == parent_service
            and parent_name in edge.parent
            and edge.service == service
            and name in edge.name
            for edge in have
        )

    expected = [
        ("gateway interaction /ask", "gateway guildhall.ratelimit.v1.RateLimitService/Acquire"),
        (
            "gateway guildhall.ratelimit.v1.RateLimitService/Acquire",
            "ratelimit guildhall.ratelimit.v1.RateLimitService/Acquire",
        ),
        ("gateway interaction /ask", "gateway guildhall.executor.v1.ReplyService/SubmitReply"),
        (
            "gateway guildhall.executor.v1.ReplyService/SubmitReply",
            "executor guildhall.executor.v1.ReplyService/SubmitReply",
        ),
        ("executor guildhall.executor.v1.ReplyService/SubmitReply", "executor send "),
        ("executor send ", "executor process "),
        ("executor guildhall.ratelimit.v1.DiscordLimitService/AcquireRest", "ratelimit guildhall.ratelimit.v1."),
        ("executor guildhall.llm.v1.GenerationService/Generate", "llm guildhall.llm.v1.GenerationService/Generate"),
        ("executor guildhall.llm.v1.GenerationService/Title", "llm guildhall.llm.v1.GenerationService/Title"),
        ("llm guildhall.llm.v1.GenerationService/Generate", "llm chat "),
        ("executor process ", "executor POST /channels/{channel_id}/messages"),
    ]
    missing = [f"{parent} -> {child}" for parent, child in expected if not made(parent, child)]
    there = sorted({f"{edge.parent_service} {edge.parent} -> {edge.service} {edge.name}" for edge in have})
    assert not missing, "\n".join([*missing, "there is:", *there])


async def test_logs_carry_the_trace(guild: Guild, sandbox: SandboxClient, platform: RunningPlatform) -> None:
    asked = await guild.ask("Which trace do the logs belong to?")
    await guild.answers_in((await guild.thread_of(asked))["id"])
    found = await sandbox.traces(name="interaction /ask", limit=1)
    log = platform.folder.logs / "executor.log"
    await eventually(lambda: found[0]["trace_id"] in log.read_text())
