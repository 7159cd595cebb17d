"""A person's new server: who is in it, what is in it, and who is told."""

import pytest

from sandbox.control.client import Refused, SandboxClient
from sandbox.discord.seed import BOT_ID, MEMBER_ID
from sandbox.tests.discord.bot import Bot


async def test_the_bot_is_told_and_may_work_there(bot: Bot, sandbox: SandboxClient) -> None:
    gateway = await bot.gateway()
    await gateway.identify()
    made = await sandbox.call("POST", "/control/as/member/guilds", {"name": " Bakers "})
    assert (made["name"], made["owner_id"]) == ("Bakers", str(MEMBER_ID))
    told = await gateway.event("GUILD_CREATE", id=made["id"])
    assert {m["user"]["id"] for m in told["members"]} == {str(MEMBER_ID), str(BOT_ID)}
    assert [c["name"] for c in told["channels"] if c["type"] == 0] == ["general"]
    general = made["system_channel_id"]
    assert (await bot.call("POST", f"/channels/{general}/messages", {"content": "hello"}))["channel_id"] == general
    assert (await bot.call("GET", f"/guilds/{made['id']}"))["id"] == made["id"]
    assert [r["tags"]["bot_id"] for r in made["roles"] if r["managed"]] == [str(BOT_ID)]
    await gateway.socket.close()


async def test_the_founder_alone_sees_it(sandbox: SandboxClient) -> None:
    async with sandbox.events("member") as events:
        made = await sandbox.call("POST", "/control/as/member/guilds", {"name": "Quiet", "bots": False})
        async for event in events:
            if event["t"] == "GUILD_CREATE":
                assert event["d"]["id"] == made["id"]
                break
    assert [m["user"]["id"] for m in made["members"]] == [str(MEMBER_ID)]
    assert made["id"] not in {g["id"] for g in await sandbox.call("GET", "/control/as/crafter/guilds")}


async def test_some_bots_alone(sandbox: SandboxClient) -> None:
    other = await sandbox.call("POST", "/control/applications", {"name": "other"})
    chosen = {"name": "Some", "applications": [other["id"]]}
    made = await sandbox.call("POST", "/control/as/member/guilds", chosen)
    assert {m["user"]["id"] for m in made["members"]} == {str(MEMBER_ID), other["bot_id"]}


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 400), ({"name": "x"}, 400), ({"name": "y" * 101}, 400), ({"name": "No", "applications": ["1"]}, 404)],
)
async def test_what_is_refused(sandbox: SandboxClient, body: dict[str, object], status: int) -> None:
    before = len(await sandbox.call("GET", "/control/as/member/guilds"))
    with pytest.raises(Refused) as refused:
        await sandbox.call("POST", "/control/as/member/guilds", body)
    assert refused.value.status == status
    assert len(await sandbox.call("GET", "/control/as/member/guilds")) == before


async def test_its_owner_alone_deletes_it(bot: Bot, sandbox: SandboxClient) -> None:
    made = await sandbox.call("POST", "/control/as/member/guilds", {"name": "Short-lived"})
    general = f"/channels/{made['system_channel_id']}/messages"
    await bot.call("POST", general, {"content": "hello"})
    with pytest.raises(Refused) as refused:
        await sandbox.call("DELETE", f"/control/as/owner/guilds/{made['id']}")
    assert refused.value.status == 404
    gateway = await bot.gateway()
    await gateway.identify()
    await sandbox.call("DELETE", f"/control/as/member/guilds/{made['id']}")
    await gateway.event("GUILD_DELETE", id=made["id"])
    assert (await bot.refused("GET", general))[:2] == (404, 10003)
    assert made["id"] not in {g["id"] for g in await sandbox.call("GET", "/control/as/member/guilds")}
    await gateway.socket.close()


async def test_no_bot_founds_a_server(bot: Bot) -> None:
    status, _, _ = await bot.refused("POST", "/guilds", {"name": "Mine"})
    assert status in (404, 405)
