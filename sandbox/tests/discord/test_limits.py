"""What Discord refuses, the sandbox refuses, in Discord's own words."""

import io
import json
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from sandbox.control.client import SandboxClient
from sandbox.discord.seed import CRAFTER_ID, GUILD_ID, MEMBER_ID, MODERATOR_ID, OWNER_ID
from sandbox.tests.discord.bot import Bot

GUILD = f"/guilds/{GUILD_ID}"
GENERAL = f"/channels/{GUILD_ID + 21}"
SEND = f"{GENERAL}/messages"


def _at(errors: Any, path: str) -> str:
    for step in path.split("."):
        errors = errors[step]
    code: str = errors["_errors"][0]["code"]
    return code


def _button(**more: Any) -> dict[str, Any]:
    return {"type": 2, "style": 1, "label": "b", "custom_id": "b", **more}


def _row(*items: dict[str, Any]) -> dict[str, Any]:
    return {"type": 1, "components": list(items)}


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        ({"content": "x" * 2001}, "content", "BASE_TYPE_MAX_LENGTH"),
        ({"content": "x", "nonce": "n" * 26}, "nonce", ""),
        ({"embeds": [{"title": "x"}] * 11}, "embeds", "BASE_TYPE_MAX_LENGTH"),
        ({"embeds": [{"title": "x" * 257}]}, "embeds.0.title", "BASE_TYPE_MAX_LENGTH"),
        ({"embeds": [{"description": "x" * 4097}]}, "embeds.0.description", "BASE_TYPE_MAX_LENGTH"),
        ({"embeds": [{"description": "x" * 4000}, {"description": "x" * 2001}]}, "embeds.1", "MAX_EMBED_SIZE_EXCEEDED"),
        ({"embeds": [{"fields": [{"name": "n", "value": "v"}] * 26}]}, "embeds.0.fields", "BASE_TYPE_MAX_LENGTH"),
        ({"embeds": [{"title": "x", "url": "ftp://x"}]}, "embeds.0.url", "URL_TYPE_INVALID_SCHEME"),
        ({"embeds": [{}]}, "embeds.0.description", "BASE_TYPE_REQUIRED"),
        ({"content": "x", "components": [_row(_button())] * 6}, "components", "BASE_TYPE_MAX_LENGTH"),
        ({"components": [_row(_button(label="x" * 81))]}, "components.0.components.0.label", "BASE_TYPE_MAX_LENGTH"),
        (
            {"components": [_row(_button(), _button())]},
            "components.0.components.1.custom_id",
            "COMPONENT_CUSTOM_ID_DUPLICATED",
        ),
        (
            {"components": [_row({"type": 3, "custom_id": "s", "options": [{"label": "l", "value": "v"}]}, _button())]},
            "components.0.components",
            "COMPONENT_LAYOUT_WIDTH_EXCEEDED",
        ),
        ({"content": "x", "components": [{"type": 10, "content": "t"}]}, "components.0.type", "BASE_TYPE_CHOICES"),
        (
            {"content": "x", "flags": 1 << 15, "components": [{"type": 10, "content": "t"}]},
            "content",
            "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
        ),
        (
            {
                "flags": 1 << 15,
                "components": [{"type": 10, "content": "t" * 2500}, {"type": 10, "content": "t" * 2500}],
            },
            "components",
            "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED",
        ),
        ({"content": "x", "message_reference": {"message_id": "1"}}, "message_reference", "REPLIES_UNKNOWN_MESSAGE"),
    ],
)
async def test_messages(bot: Bot, body: dict[str, Any], path: str, code: str) -> None:
    status, number, answer = await bot.refused("POST", SEND, body)
    assert (status, number) == (400, 50035)
    found = _at(answer["errors"], path)
    assert code in ("", found), answer


async def test_empty_and_unknown(bot: Bot) -> None:
    assert (await bot.refused("POST", SEND, {"content": "  "}))[:2] == (400, 50006)
    assert (await bot.refused("POST", "/channels/1/messages", {"content": "x"}))[:2] == (404, 10003)
    assert (await bot.refused("GET", f"{SEND}/1"))[:2] == (404, 10008)
    assert (await bot.refused("GET", "/nowhere"))[0] == 404
    assert (await bot.refused("PUT", "/users/@me"))[0] == 405
    assert (await bot.refused("POST", f"/channels/{GUILD_ID + 11}/messages", {"content": "x"}))[:2] == (400, 50008)
    status, answer, _ = await bot.raw("POST", SEND, data="{", headers={"Content-Type": "application/json"})
    assert (status, answer["code"]) == (400, 50109)


async def test_without_a_token(bot: Bot) -> None:
    for header in ("", "Bot nonsense", f"Bearer {bot.token}"):
        status, answer, _ = await bot.raw("GET", "/users/@me", headers={"Authorization": header})
        assert (status, answer) == (401, {"message": "401: Unauthorized", "code": 0})


async def test_a_nonce_that_is_enforced_sends_once(bot: Bot, sandbox: SandboxClient) -> None:
    body = {"content": "once", "nonce": "abc", "enforce_nonce": True}
    first = await bot.call("POST", SEND, body)
    assert (await bot.call("POST", SEND, body))["id"] == first["id"]
    await sandbox.advance(600)
    assert (await bot.call("POST", SEND, body))["id"] != first["id"]
    counters = await sandbox.counters()
    assert (counters["deduplicated"], len(counters["duplicates"])) == (1, 1)


async def test_threads(bot: Bot, sandbox: SandboxClient) -> None:
    message = await bot.call("POST", SEND, {"content": "start"})
    threads = f"{SEND}/{message['id']}/threads"
    assert (await bot.refused("POST", threads, {"name": "x" * 101}))[1] == 50035
    thread = await bot.call("POST", threads, {"name": "t"})
    assert thread["id"] == message["id"]
    assert (await bot.refused("POST", threads, {"name": "t"}))[:2] == (400, 160004)
    said = await bot.call("POST", f"/channels/{thread['id']}/messages", {"content": "in"})
    await bot.call("PATCH", f"/channels/{thread['id']}", {"archived": True})
    edit = f"/channels/{thread['id']}/messages/{said['id']}"
    assert (await bot.refused("PATCH", edit, {"content": "x"}))[:2] == (400, 50083)
    await sandbox.say("member", thread["id"], "wakes it up")
    await bot.call("PATCH", edit, {"content": "x"})


async def test_old_messages(bot: Bot, sandbox: SandboxClient) -> None:
    old = [(await bot.call("POST", SEND, {"content": str(n)}))["id"] for n in range(2)]
    await sandbox.advance(3700)
    for number in range(30):
        await bot.call("PATCH", f"{SEND}/{old[0]}", {"content": str(number)})
        await sandbox.advance(1)
    status, answer, headers = await bot.raw("PATCH", f"{SEND}/{old[0]}", {"content": "one too many"})
    assert (status, answer["code"]) == (429, 30046)
    assert int(headers["X-RateLimit-Remaining"]) > 0
    await sandbox.advance(15 * 86400)
    assert (await bot.refused("POST", f"{SEND}/bulk-delete", {"messages": old}))[:2] == (400, 50034)
    await sandbox.advance(4)
    assert (await bot.refused("POST", f"{SEND}/bulk-delete", {"messages": old[:1]}))[1] == 50035


async def test_permissions_and_hierarchy(bot: Bot, sandbox: SandboxClient) -> None:
    admin = f"{GUILD}/roles/{GUILD_ID + 5}"
    assert (await bot.refused("PATCH", admin, {"name": "x"}))[:2] == (403, 50013)
    assert (await bot.refused("POST", f"{GUILD}/roles", {"permissions": "8"}))[:2] == (403, 50013)
    assert (await bot.refused("DELETE", f"{GUILD}/members/{OWNER_ID}"))[:2] == (403, 50013)
    until = {"communication_disabled_until": "2100-01-01T00:00:00+00:00"}
    assert (await bot.refused("PATCH", f"{GUILD}/members/{MEMBER_ID}", until))[1] == 50035
    with pytest.raises(Exception, match="50001"):
        await sandbox.say("member", str(GUILD_ID + 27), "into the staff room")
    with pytest.raises(Exception, match="50013"):
        await sandbox.say("member", "rules", "no")
    await sandbox.rest(
        "owner", "PUT", f"{GENERAL}/permissions/{GUILD_ID + 4}", {"type": 0, "allow": "0", "deny": "2048"}
    )
    assert (await bot.refused("POST", SEND, {"content": "x"}))[:2] == (403, 50013)
    await sandbox.rest(
        "owner", "PUT", f"{GENERAL}/permissions/{GUILD_ID + 4}", {"type": 0, "allow": "0", "deny": "1024"}
    )
    assert (await bot.refused("POST", SEND, {"content": "x"}))[:2] == (403, 50001)


async def test_a_timeout_silences(sandbox: SandboxClient) -> None:
    member = f"{GUILD}/members/{CRAFTER_ID}"
    now = (await sandbox.call("POST", "/control/clock", {"advance": 0}))["now"]
    until = datetime.fromtimestamp(now + 600, UTC).isoformat()
    await sandbox.rest("owner", "PATCH", member, {"communication_disabled_until": until})
    with pytest.raises(Exception, match="50013"):
        await sandbox.say("crafter", "general", "mmh")
    await sandbox.advance(601)
    await sandbox.say("crafter", "general", "free")


async def test_channels(bot: Bot, sandbox: SandboxClient) -> None:
    await sandbox.settings(rate_limits=False)
    category = await bot.call("POST", f"{GUILD}/channels", {"name": "c", "type": 4})
    for number in range(50):
        await bot.call("POST", f"{GUILD}/channels", {"name": f"c{number}", "parent_id": category["id"]})
    status, code, answer = await bot.refused("POST", f"{GUILD}/channels", {"name": "x", "parent_id": category["id"]})
    assert (status, code, _at(answer["errors"], "parent_id")) == (400, 50035, "CHANNEL_PARENT_MAX_CHANNELS")
    other = await bot.call("POST", f"{GUILD}/channels", {"name": "d", "type": 4})
    children = [c["id"] for c in await bot.call("GET", f"{GUILD}/channels") if c["parent_id"] == category["id"]]
    moves = [{"id": id_, "parent_id": other["id"]} for id_ in children[:2]]
    assert (await bot.refused("PATCH", f"{GUILD}/channels", moves))[:2] == (400, 40009)
    await bot.call("DELETE", f"/channels/{category['id']}")
    after = {c["id"]: c for c in await bot.call("GET", f"{GUILD}/channels")}
    assert all(after[id_]["parent_id"] is None for id_ in children)


async def test_a_guild_holds_500_channels(bot: Bot, sandbox: SandboxClient) -> None:
    await sandbox.settings(rate_limits=False, check_answers=False)
    there = len(await bot.call("GET", f"{GUILD}/channels"))
    for number in range(500 - there):
        await bot.call("POST", f"{GUILD}/channels", {"name": f"c{number}"})
    assert (await bot.refused("POST", f"{GUILD}/channels", {"name": "one-too-many"}))[:2] == (400, 30013)


async def test_direct_messages(bot: Bot, sandbox: SandboxClient) -> None:
    channel = await bot.call("POST", "/users/@me/channels", {"recipient_id": str(MEMBER_ID)})
    await bot.call("POST", f"/channels/{channel['id']}/messages", {"content": "hi"})
    assert [m["content"] for m in await sandbox.messages("member", channel["id"])] == ["hi"]
    with pytest.raises(Exception, match="50001"):
        await sandbox.messages("owner", channel["id"])
    await sandbox.call("PATCH", "/control/people/member", {"direct_messages": False})
    assert (await bot.refused("POST", f"/channels/{channel['id']}/messages", {"content": "hi"}))[:2] == (403, 50007)


async def test_uploads(bot: Bot, sandbox: SandboxClient) -> None:
    form = aiohttp.FormData()
    payload = {"content": "f", "attachments": [{"id": "0", "filename": "a.txt", "description": "d"}]}
    form.add_field("payload_json", json.dumps(payload), content_type="application/json")
    form.add_field("files[0]", b"hello", filename="raw.txt", content_type="text/plain")
    sent = await bot.call("POST", SEND, data=form)
    attachment = sent["attachments"][0]
    assert (attachment["filename"], attachment["size"], attachment["description"]) == ("a.txt", 5, "d")
    async with bot.http.get(attachment["url"]) as response:
        assert await response.read() == b"hello"
    big = aiohttp.FormData()
    big.add_field("files[0]", io.BytesIO(b"x" * (10 * 1024 * 1024 + 1)), filename="big.bin")
    status, answer, _ = await bot.raw("POST", SEND, data=big)
    assert (status, answer["code"]) == (413, 40005)


async def test_the_reason_is_kept_in_the_audit_log(bot: Bot) -> None:
    long = {"X-Audit-Log-Reason": "x" * 513}
    assert (await bot.refused("POST", f"{GUILD}/roles", {"name": "r"}, headers=long))[1] == 50035
    await bot.call(
        "PATCH", f"{GUILD}/members/{MODERATOR_ID}", {"nick": "Mod"}, headers={"X-Audit-Log-Reason": "weil%20ja"}
    )
    log = await bot.call("GET", f"{GUILD}/audit-logs", params={"action_type": "24"})
    entry = log["audit_log_entries"][0]
    assert (entry["reason"], entry["changes"]) == ("weil ja", [{"key": "nick", "new_value": "Mod"}])
