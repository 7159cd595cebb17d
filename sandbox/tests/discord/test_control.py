"""The control API: who may use it, acting, waiting, counting, faults, and a state that outlives a restart."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox.app import Sandbox, running
from sandbox.conformance import find_description
from sandbox.control.client import Refused, SandboxClient
from sandbox.discord.seed import GUILD_ID, MEMBER_ID
from sandbox.settings import SandboxOptions, read_options
from sandbox.tests.discord.bot import Bot

SEND = f"/channels/{GUILD_ID + 21}/messages"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Bearer {token}"}, 200),
        ({"Authorization": "Bearer {token}", "Host": "evil.example"}, 403),
        ({"Authorization": "Bearer {token}", "Host": "127.0.0.1.evil.example"}, 403),
        ({"Authorization": "Bearer {token}", "Origin": "http://evil.example"}, 403),
        ({"Authorization": "Bearer {token}", "Origin": "http://127.0.0.1:1"}, 403),
        ({"Authorization": "Bearer {token}", "Origin": "null"}, 403),
        ({"Authorization": "Bearer {token}", "Origin": "{url}"}, 200),
        ({"Authorization": "Bearer {token}", "Host": "localhost:{port}"}, 200),
    ],
)
async def test_who_may_drive_it(sandbox_server: Sandbox, headers: dict[str, str], status: int) -> None:
    facts = {
        "token": sandbox_server.control_token,
        "url": sandbox_server.url,
        "port": sandbox_server.url.split(":")[-1],
    }
    filled = {name: value.format(**facts) for name, value in headers.items()}
    async with aiohttp.ClientSession() as http:
        for path in ("/control/people", "/control/as/member/guilds"):
            async with http.get(sandbox_server.url + path, headers=filled) as response:
                assert response.status == status
        async with http.get(sandbox_server.url + "/control/health") as response:
            assert await response.json() == {"status": "serving"}


async def test_a_token_in_the_query_is_for_websockets_alone(sandbox_server: Sandbox) -> None:
    query = {"token": sandbox_server.control_token}
    async with aiohttp.ClientSession() as http:
        async with http.get(sandbox_server.url + "/control/people", params=query) as response:
            assert response.status == 401
        url = f"{sandbox_server.url}/control/as/member/events?token={sandbox_server.control_token}"
        async with http.ws_connect(url) as socket:
            assert (await socket.receive_json())["t"] == "SNAPSHOT"


async def test_it_serves_this_machine_alone(sandbox_options: SandboxOptions) -> None:
    with pytest.raises(ValueError, match="no loopback address"):
        async with running(replace(sandbox_options, host="0.0.0.0")):
            pass


async def test_a_taken_port_is_an_error(sandbox_server: Sandbox, sandbox_options: SandboxOptions) -> None:
    port = int(sandbox_server.url.rsplit(":", 1)[1])
    with pytest.raises(OSError, match="in use"):
        async with running(replace(sandbox_options, port=port)):
            pass


async def test_people_live_by_discords_rules(sandbox: SandboxClient) -> None:
    made = await sandbox.call(
        "POST", "/control/people", {"username": "newcomer", "guilds": [{"id": str(GUILD_ID), "roles": ["Crafter"]}]}
    )
    await sandbox.say(made["id"], "general", "hello")
    with pytest.raises(Refused) as refusal:
        await sandbox.rest("newcomer", "PATCH", f"/guilds/{GUILD_ID}", {"name": "Mine"})
    assert (refusal.value.status, refusal.value.code) == (403, 50013)
    seen = await sandbox.call("GET", "/control/as/newcomer/guilds")
    assert [g["name"] for g in seen] == ["Harbour Town"]
    assert "staff-room" not in [c["name"] for c in seen[0]["channels"]]
    with pytest.raises(Refused) as again:
        await sandbox.call("POST", "/control/people", {"username": "newcomer"})
    assert again.value.code == 50035


async def test_waiting(sandbox: SandboxClient) -> None:
    waiting = asyncio.create_task(
        sandbox.wait("message", as_="owner", channel="general", contains="soon", author="member")
    )
    await sandbox.say("member", "general", "not yet")
    assert not waiting.done()
    await sandbox.say("member", "general", "very soon now")
    assert [m["content"] for m in (await waiting)["messages"]] == ["very soon now"]
    with pytest.raises(Refused) as refusal:
        await sandbox.wait("message", as_="owner", channel="general", content="never", timeout=0.05)
    assert refusal.value.status == 408
    assert refusal.value.body["last"][0]["content"] == "very soon now"
    with pytest.raises(Refused):
        await sandbox.wait("nonsense")


async def test_counting_and_history(bot: Bot, sandbox: SandboxClient) -> None:
    sent = await bot.call("POST", SEND, {"content": "a"})
    await bot.call("PATCH", f"{SEND}/{sent['id']}", {"content": "b"})
    await bot.call("POST", SEND, {"content": "a"})
    await bot.refused("POST", SEND, {"content": ""})
    counters = await sandbox.counters()
    assert (counters["messages_sent"], counters["messages_edited"], len(counters["duplicates"])) == (2, 1, 1)
    assert counters["by_status"] == {"200": 3, "400": 1}
    history = await sandbox.call("GET", f"/control/messages/{sent['id']}/history")
    assert [edit["content"] for edit in history["edits"]] == ["a", "b"]
    assert not history["deleted"]
    await bot.call("DELETE", f"{SEND}/{sent['id']}")
    assert (await sandbox.call("GET", f"/control/messages/{sent['id']}/history"))["deleted"]
    requests = await sandbox.requests(method="POST", status="400")
    assert [r["code"] for r in requests] == [50006]
    await sandbox.reset_counters()
    assert (await sandbox.counters())["requests"] == 0


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"kind": "status", "status": 502}, 502),
        ({"kind": "rate_limit", "scope": "shared", "retry_after": 2.5}, 429),
        ({"kind": "ban", "seconds": 60}, 429),
        ({"kind": "body"}, 200),
    ],
)
async def test_rest_faults(bot: Bot, sandbox: SandboxClient, fault: dict[str, Any], status: int) -> None:
    await sandbox.fault(**fault, method="POST", route="/channels/{channel_id}/messages", after=1)
    await bot.call("POST", SEND, {"content": "let through"})
    found, body, headers = await bot.raw("POST", SEND, {"content": "struck"})
    assert found == status
    if fault["kind"] == "rate_limit":
        assert (headers["X-RateLimit-Scope"], headers["Retry-After"], body["retry_after"]) == ("shared", "3", 2.5)
        assert headers["Via"]
    if fault["kind"] == "ban":
        assert body == "error code: 1015"
        assert "Via" not in headers
    await bot.call("POST", SEND, {"content": "over"})


async def test_an_error_with_its_effect(bot: Bot, sandbox: SandboxClient) -> None:
    await sandbox.fault(kind="status", status=504, effect=True, method="POST")
    assert (await bot.raw("POST", SEND, {"content": "ghost"}))[0] == 504
    await sandbox.fault(kind="status", status=500, method="POST")
    assert (await bot.raw("POST", SEND, {"content": "nothing"}))[0] == 500
    assert [m["content"] for m in await sandbox.messages("owner", "general")] == ["ghost"]
    await sandbox.fault(kind="cut", effect=True, method="POST")
    with pytest.raises(aiohttp.ClientError):
        await bot.raw("POST", SEND, {"content": "cut off"})
    assert (await sandbox.messages("owner", "general"))[0]["content"] == "cut off"
    await sandbox.fault(kind="latency", seconds=0.2, method="GET")
    await bot.call("GET", SEND)
    assert (await sandbox.requests(method="GET"))[-1]["ms"] >= 200
    assert await sandbox.call("GET", "/control/faults") == []
    with pytest.raises(Refused):
        await sandbox.fault(kind="earthquake")


async def test_the_state_outlives_a_restart(sandbox_options: SandboxOptions, tmp_path: Path) -> None:
    options = replace(sandbox_options, state=tmp_path / "state.json")
    async with running(options) as server, Bot(server.api, server.bot_token) as bot:
        sent = await bot.call("POST", SEND, {"content": "kept", "embeds": [{"title": "e"}]})
        await bot.call("PUT", f"{SEND}/{sent['id']}/reactions/\N{FIRE}/@me")
        thread = await bot.call("POST", f"{SEND}/{sent['id']}/threads", {"name": "t"})
        form = aiohttp.FormData()
        form.add_field("files[0]", b"bytes", filename="f.txt")
        file = (await bot.call("POST", f"/channels/{thread['id']}/messages", data=form))["attachments"][0]
        direct = await bot.call("POST", "/users/@me/channels", {"recipient_id": str(MEMBER_ID)})
        before = await bot.call("GET", f"{SEND}/{sent['id']}")
    async with running(options) as server, Bot(server.api, server.bot_token) as bot:
        assert await bot.call("GET", f"{SEND}/{sent['id']}") == before
        uploaded = (await bot.call("GET", f"/channels/{thread['id']}/messages"))[0]["attachments"][0]
        assert uploaded["id"] == file["id"]
        async with bot.http.get(uploaded["url"]) as response:
            assert await response.read() == b"bytes"
        assert (await bot.call("GET", f"/channels/{direct['id']}"))["recipients"][0]["username"] == "member"
        assert int((await bot.call("POST", SEND, {"content": "later"}))["id"]) > int(sent["id"])


async def test_reset(bot: Bot, sandbox: SandboxClient) -> None:
    gateway = await bot.gateway()
    await gateway.identify()
    await bot.call("POST", SEND, {"content": "gone"})
    await sandbox.call("POST", "/control/reset")
    assert await gateway.closed() == 4009
    assert await sandbox.messages("owner", "general") == []
    await bot.call("POST", SEND, {"content": "anew"})
    waited = await sandbox.wait("message", as_="owner", channel="general", content="anew")
    assert len(waited["messages"]) == 1


async def test_without_the_description(
    sandbox_options: SandboxOptions, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DISCORD_OPENAPI", str(tmp_path / "nowhere.json"))
    async with running(sandbox_options) as server, Bot(server.api, server.bot_token) as bot:
        assert not server.rest.checker.active
        await bot.call("POST", SEND, {"content": "still works"})
        assert (await bot.refused("POST", SEND, {"content": "x" * 2001}))[1] == 50035
        assert server.rest.log.entries[0].request.verdict == "unchecked"


async def test_lenient_reports_instead_of_refusing(bot: Bot, sandbox: SandboxClient) -> None:
    body = {"content": "x", "flags": "many"}
    status, code, _ = await bot.refused("POST", SEND, body)
    assert (status, code) == (400, 50035)
    await sandbox.settings(strict=False)
    await bot.call("POST", SEND, {"content": "x", "unheard_of": 1, "tts": None})
    if find_description() is None:
        pytest.skip("Discord's openapi.json is not here (DISCORD_OPENAPI): reports by it were NOT tried")
    entry = (await sandbox.requests())[-1]
    assert entry["request"] == {"verdict": "valid", "findings": ["unheard_of: not described"]}


async def test_everything_with_its_extras(sandbox_options: SandboxOptions) -> None:
    async with running(replace(sandbox_options, with_extras=True)) as server, aiohttp.ClientSession() as http:
        async with http.get(server.url + "/v1/models", headers={"Authorization": "Bearer any"}) as response:
            assert response.status == 200
        async with http.get(server.url + "/traces/api/traces") as response:
            assert response.status == 401
        async with http.get(server.url + "/") as response:
            assert response.content_type == "text/html"


def test_options_come_from_the_command_line_and_the_environment() -> None:
    options = read_options(["--port", "0", "--lenient", "--shards", "3"], {"SANDBOX_BOT_TOKEN": "a.b.c"})
    assert (options.port, options.strict, options.shards, options.bot_token) == (0, False, 3, "a.b.c")
    assert read_options([], {"SANDBOX_PORT": "9"}).port == 9


async def test_a_second_bot(bot: Bot, sandbox: SandboxClient, sandbox_server: Sandbox) -> None:
    made = await sandbox.call("POST", "/control/applications", {"name": "other", "guilds": [str(GUILD_ID)]})
    async with Bot(sandbox_server.api, made["token"]) as other:
        assert (await other.call("GET", "/users/@me"))["username"] == "other"
        sent = await other.call("POST", SEND, {"content": "I am another"})
        status, code, _ = await bot.refused("PATCH", f"{SEND}/{sent['id']}", {"content": "x"})
        assert (status, code) == (403, 50005)
        assert len(await other.call("GET", "/users/@me/guilds")) == 1
    plain = await sandbox.call(
        "POST", "/control/applications", {"name": "plain", "privileged_intents": False, "guilds": [str(GUILD_ID)]}
    )
    async with Bot(sandbox_server.api, plain["token"]) as third:
        assert (await third.refused("GET", f"/guilds/{GUILD_ID}/members"))[:2] == (403, 50001)


async def test_addresses_of_files_expire(bot: Bot, sandbox: SandboxClient) -> None:
    form = aiohttp.FormData()
    form.add_field("files[0]", b"bytes", filename="f.txt")
    sent = await bot.call("POST", SEND, data=form)
    url = sent["attachments"][0]["url"]
    for address, status in ((url, 200), (url.split("?")[0], 404), (url[:-1] + ("0" if url[-1] != "0" else "1"), 404)):
        async with bot.http.get(address) as response:
            assert response.status == status
    await sandbox.advance(86401)
    async with bot.http.get(url) as response:
        assert response.status == 404
    fresh = (await bot.call("GET", f"{SEND}/{sent['id']}"))["attachments"][0]["url"]
    async with bot.http.get(fresh) as response:
        assert await response.read() == b"bytes"
