"""Planted secrets are looked for wherever anything is written: logs, traces, messages, the supervisor's own output."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox.control.client import Refused
from tests.e2e.asking import Guild
from tests.security.conftest import Target
from views.catalogue import texts

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(180)]
MODEL = "anthropic/claude-sonnet-5-5"
REFUSED_BY_PROVIDER = texts().text("en", "error.provider_authentication")


async def test_no_secret_is_written_anywhere(target: Target) -> None:
    guild = await Guild.joined(target.sandbox)
    secrets = target.secrets()
    assert len(secrets) >= 9
    said = []
    answered = await guild.ask("What is a guild?")
    await guild.answers_in((await guild.thread_of(answered))["id"], timeout=60)
    # The provider gives its key away in an error, and a member says one: both come near logs, spans and messages.
    used = await target.sandbox.command(guild.me, "general", "ask", {"prompt": "And this?", "model": MODEL})
    said.append(json.dumps(used))
    thread = (await target.sandbox.wait("thread", message=used["message_id"]))["thread"]["id"]
    await target.sandbox.wait("message", as_=guild.me, channel=thread, contains=REFUSED_BY_PROVIDER)
    said += [json.dumps(await guild.said_in(channel)) for channel in (answered.message, thread)]
    for service in ("llm", "gateway"):
        await target.platform.restart(service)
    await target.platform.all_ready()
    said += [json.dumps(await target.sandbox.messages("owner", "general", limit=100))]
    said += [json.dumps(await _traces(target))]
    said += ["\n".join(target.platform.output)]
    logs = {path.name: path.read_text(errors="replace") for path in _logs(target)}
    assert sum(len(text) for text in logs.values()) > 10_000
    for where, text in (*logs.items(), *((f"said {number}", text) for number, text in enumerate(said))):
        for name, secret in secrets.items():
            assert secret not in text, f"{name} stands in {where}"


async def test_a_process_is_given_its_own_secrets_alone(target: Target) -> None:
    own = {"llm": set(target.planted), "gateway": set(), "executor": set(), "ratelimit": set(), "board": set()}
    for service, pid in (await target.platform.pids()).items():
        if service not in own:
            continue
        environment = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
        held = {name for name, secret in target.planted.items() if secret in environment}
        assert held == own[service], service
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        assert not any(secret in command for secret in target.secrets().values()), service


async def _traces(target: Target) -> list[object]:
    """Every trace that was received, whole."""
    listed = await target.sandbox.traces(limit=500)
    found = []
    for trace in listed:
        try:
            found.append(await target.sandbox.call("GET", f"/traces/api/traces/{trace['trace_id']}"))
        except Refused:
            continue  # It gave way to a newer one meanwhile.
    assert found
    return found


def _logs(target: Target) -> list[Path]:
    return sorted(target.platform.folder.logs.glob("*.log*"))
