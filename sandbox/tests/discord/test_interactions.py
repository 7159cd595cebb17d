"""The interaction protocol's rules: one answer, three seconds, fifteen minutes."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from sandbox.control.client import Refused, SandboxClient
from sandbox.discord.seed import APPLICATION_ID, GUILD_ID, MEMBER_ID
from sandbox.tests.discord.bot import Bot, Gateway
from sandbox.tests.discord.examples import COMMANDS


@pytest_asyncio.fixture
async def gateway(bot: Bot) -> AsyncIterator[Gateway]:
    await bot.call("PUT", f"/applications/{APPLICATION_ID}/commands", COMMANDS)
    gateway = await bot.gateway()
    await gateway.identify()
    yield gateway
    await gateway.socket.close()


async def used(sandbox: SandboxClient, gateway: Gateway, name: str = "ask", **options: Any) -> tuple[Any, Any]:
    options = options or ({"prompt": "hi"} if name == "ask" else {})
    made = await sandbox.command("member", "general", name, options, wait=0)
    return made, await gateway.event("INTERACTION_CREATE", id=made["id"])


def callback(got: Any) -> str:
    return f"/interactions/{got['id']}/{got['token']}/callback"


def hook(got: Any) -> str:
    return f"/webhooks/{APPLICATION_ID}/{got['token']}"


async def test_answers_once(bot: Bot, sandbox: SandboxClient, gateway: Gateway) -> None:
    _, got = await used(sandbox, gateway)
    assert got["data"]["options"] == [{"type": 3, "name": "prompt", "value": "hi"}]
    assert got["member"]["user"]["id"] == str(MEMBER_ID)
    assert (await bot.refused("PATCH", f"{hook(got)}/messages/@original", {"content": "early"}))[:2] == (404, 10015)
    await bot.call("POST", callback(got), {"type": 4, "data": {"content": "yes"}})
    assert (await bot.refused("POST", callback(got), {"type": 4, "data": {"content": "no"}}))[:2] == (400, 40060)
    assert (await bot.refused("POST", f"/interactions/{got['id']}/x/callback", {"type": 5}))[:2] == (404, 10062)
    made = await sandbox.wait("interaction", id=got["id"])
    assert (made["state"], made["callback_type"]) == ("acknowledged", 4)


async def test_three_seconds(bot: Bot, sandbox: SandboxClient, gateway: Gateway) -> None:
    _, got = await used(sandbox, gateway)
    await sandbox.advance(3.1)
    assert (await bot.refused("POST", callback(got), {"type": 5}))[:2] == (404, 10062)
    failed = await sandbox.wait("interaction", id=got["id"], state="failed", timeout=5)
    assert failed["failed"]


async def test_fifteen_minutes(bot: Bot, sandbox: SandboxClient, gateway: Gateway) -> None:
    _, got = await used(sandbox, gateway)
    await bot.call("POST", callback(got), {"type": 5})
    await sandbox.advance(890)
    await bot.call("PATCH", f"{hook(got)}/messages/@original", {"content": "late"})
    await sandbox.advance(11)
    original = (await sandbox.interaction("member", got["id"]))["message_id"]
    await bot.call("PATCH", f"/channels/{GUILD_ID + 21}/messages/{original}", {"content": "with the bot's own token"})
    assert (await bot.refused("PATCH", f"{hook(got)}/messages/@original", {"content": "x"}))[:2] == (401, 50027)


async def test_the_deferral_decides_who_sees_it(bot: Bot, sandbox: SandboxClient, gateway: Gateway) -> None:
    _, got = await used(sandbox, gateway)
    await bot.call("POST", callback(got), {"type": 5, "data": {"flags": 64}})
    thinking = (await sandbox.messages("member", "general"))[0]
    assert thinking["flags"] & 128
    filled = await bot.call("POST", hook(got), {"content": "done", "flags": 0})
    assert filled["id"] == thinking["id"]
    assert filled["flags"] & 64
    assert not filled["flags"] & 128
    assert "done" not in [m["content"] for m in await sandbox.messages("owner", "general")]
    assert (await bot.refused("GET", f"/channels/{GUILD_ID + 21}/messages/{filled['id']}"))[1] == 10008
    public = await bot.call("POST", hook(got), {"content": "public"})
    assert not public["flags"] & 64


async def test_only_fitting_answers(bot: Bot, sandbox: SandboxClient, gateway: Gateway) -> None:
    _, got = await used(sandbox, gateway)
    for kind in (1, 6, 7, 8):
        body: Any = {"type": kind, "data": {"choices": []} if kind == 8 else {}}
        assert (await bot.refused("POST", callback(got), body))[1] == 50035
    modal = {"type": 9, "data": {"custom_id": "m", "title": "x" * 46, "components": []}}
    assert (await bot.refused("POST", callback(got), modal))[1] == 50035
    await bot.call("POST", callback(got), {"type": 5})


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({}, 50035),
        ({"prompt": "x" * 21}, 50035),
        ({"prompt": "x", "count": 6}, 50035),
        ({"prompt": "x", "count": "two"}, 50035),
        ({"prompt": "x", "who": "nobody"}, 10013),
        ({"prompt": "x", "size": "small"}, 50035),
        ({"prompt": "x", "colour": "red"}, 50035),
    ],
)
async def test_what_a_client_would_not_send(sandbox: SandboxClient, gateway: Gateway, options: Any, code: int) -> None:
    with pytest.raises(Refused) as refusal:
        await sandbox.command("member", "general", "ask", options, wait=0)
    assert refusal.value.code == code


async def test_resolved_values(sandbox: SandboxClient, gateway: Gateway) -> None:
    files = {"file": ("a.txt", b"hello")}
    made = await sandbox.command("member", "general", "ask", {"prompt": "x", "who": "crafter"}, files=files, wait=0)
    got = await gateway.event("INTERACTION_CREATE", id=made["id"])
    resolved = got["data"]["resolved"]
    assert [u["username"] for u in resolved["users"].values()] == ["crafter"]
    assert [a["filename"] for a in resolved["attachments"].values()] == ["a.txt"]
    assert set(resolved["members"]) == set(resolved["users"])


async def test_who_may_use_what(sandbox: SandboxClient, gateway: Gateway) -> None:
    names = {c["name"] for c in await sandbox.call("GET", "/control/as/member/channels/general/commands")}
    assert names == {"ask", "board", "Who is this"}
    with pytest.raises(Refused) as refusal:
        await sandbox.command("member", "general", "staff", wait=0)
    assert refusal.value.code == 10063
    await sandbox.command("owner", "general", "staff", wait=0)
    assert (await gateway.event("INTERACTION_CREATE"))["data"]["name"] == "staff"
    with pytest.raises(Refused):
        await sandbox.command("member", "general", "board", wait=0)
    made = await sandbox.command("member", "general", "board new", wait=0)
    got = await gateway.event("INTERACTION_CREATE", id=made["id"])
    assert got["data"]["options"] == [{"type": 1, "name": "new", "options": []}]
    made = await sandbox.command("member", "general", "Who is this", type=2, target_id="crafter", wait=0)
    assert (await gateway.event("INTERACTION_CREATE", id=made["id"]))["data"]["resolved"]["users"]


async def test_components_and_modals(bot: Bot, sandbox: SandboxClient, gateway: Gateway) -> None:
    select = {
        "type": 3,
        "custom_id": "pick",
        "max_values": 2,
        "options": [{"label": "A", "value": "a"}, {"label": "B", "value": "b"}],
    }
    button = {"type": 2, "style": 1, "label": "Go", "custom_id": "go"}
    off = {"type": 2, "style": 2, "label": "Off", "custom_id": "off", "disabled": True}
    rows = [{"type": 1, "components": [select]}, {"type": 1, "components": [button, off]}]
    sent = await bot.call("POST", f"/channels/{GUILD_ID + 21}/messages", {"content": "menu", "components": rows})
    for custom_id, values in (("off", None), ("nothing", None), ("pick", ["c"]), ("pick", [])):
        with pytest.raises(Refused):
            await sandbox.press("member", sent["id"], custom_id, values, wait=0)
    chosen = await sandbox.press("member", sent["id"], "pick", ["a", "b"], wait=0)
    got = await gateway.event("INTERACTION_CREATE", id=chosen["id"])
    assert (got["data"]["values"], got["message"]["id"]) == (["a", "b"], sent["id"])
    await bot.call("POST", callback(got), {"type": 6})
    pressed = await sandbox.press("member", sent["id"], "go", wait=0)
    got = await gateway.event("INTERACTION_CREATE", id=pressed["id"])
    fields = [
        {"type": 18, "label": "Name", "component": {"type": 4, "custom_id": "name", "style": 1, "max_length": 5}},
        {
            "type": 18,
            "label": "Kind",
            "component": {"type": 21, "custom_id": "kind", "options": [{"label": x, "value": x} for x in "xy"]},
        },
        {"type": 18, "label": "Sure", "component": {"type": 23, "custom_id": "sure"}},
        {"type": 18, "label": "File", "component": {"type": 19, "custom_id": "a:file", "required": False}},
    ]
    form = {"type": 9, "data": {"custom_id": "m", "title": "T", "components": fields}}
    await bot.call("POST", callback(got), form)
    opened = await sandbox.wait("interaction", id=pressed["id"], modal=True)
    assert opened["modal"]["custom_id"] == "m"
    for wrong in ({"name": "toolong", "kind": "x"}, {"name": "ok", "kind": "z"}, {"kind": "x"}):
        with pytest.raises(Refused):
            await sandbox.submit("member", pressed["id"], wrong, wait=0)
    answers = {"name": "ok", "kind": "x", "sure": True}
    done = await sandbox.submit("member", pressed["id"], answers, files={"a:file": ("f.txt", b"f")}, wait=0)
    got = await gateway.event("INTERACTION_CREATE", id=done["id"])
    sent_values = {c["component"]["custom_id"]: c["component"] for c in got["data"]["components"]}
    assert (sent_values["name"]["value"], sent_values["kind"]["value"], sent_values["sure"]["value"]) == (
        "ok",
        "x",
        True,
    )
    assert list(got["data"]["resolved"]["attachments"]) == sent_values["a:file"]["values"]
    await bot.call("POST", callback(got), {"type": 7, "data": {"content": "changed by a modal", "components": []}})
    await sandbox.wait("message", as_="owner", channel="general", content="changed by a modal", id=sent["id"])


@pytest.mark.parametrize(
    ("name", "options", "shown"), [("board new", {}, "board new"), ("ask", {"prompt": "hi"}, "ask")]
)
async def test_an_answer_names_its_command(
    bot: Bot, sandbox: SandboxClient, gateway: Gateway, name: str, options: dict[str, Any], shown: str
) -> None:
    await sandbox.command("member", "general", name, options, wait=0)
    got = await gateway.event("INTERACTION_CREATE")
    await bot.call("POST", callback(got), {"type": 5})
    answer = await gateway.event("MESSAGE_CREATE")
    used_by = answer["interaction"]
    assert (used_by["id"], used_by["type"], used_by["name"]) == (got["id"], 2, shown)
    assert used_by["user"]["id"] == str(MEMBER_ID)
