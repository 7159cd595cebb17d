"""Bodies as client libraries write them, where they are not what Discord's description says word for word."""

import json

import pytest

from sandbox.app import Sandbox
from sandbox.control.client import SandboxClient
from sandbox.discord.events import ALL_INTENTS
from sandbox.discord.seed import APPLICATION_ID, BOT_ID, GUILD_ID
from sandbox.tests.discord.bot import Bot

GUILD = f"/guilds/{GUILD_ID}"
GENERAL = f"/channels/{GUILD_ID + 21}"
STAFF = {"name": "lounge", "type": 4, "permission_overwrites": [{"id": str(GUILD_ID), "type": 0, "deny": "1024"}]}


async def _conforming(sandbox: SandboxClient) -> None:
    counters = await sandbox.counters()
    assert (counters["nonconforming"], counters["nonconforming_answers"]) == (0, 0), await sandbox.requests(invalid="1")


async def test_a_number_without_a_fraction_is_whole(bot: Bot, sandbox: SandboxClient) -> None:
    answers = [{"poll_media": {"text": text}} for text in "ab"]
    poll = {"question": {"text": "?"}, "answers": answers, "duration": 2.0}
    sent = await bot.call("POST", f"{GENERAL}/messages", {"poll": poll})
    assert sent["poll"]["question"] == {"text": "?"}
    refused = await bot.refused("POST", f"{GENERAL}/messages", {"poll": {**poll, "duration": 2.5}})
    assert refused[:2] == (400, 50035)


async def test_a_form_without_files_may_carry_the_whole_body(bot: Bot, sandbox: SandboxClient) -> None:
    form = {"payload_json": json.dumps({"content": "in a form"})}
    sent = await bot.call("POST", f"{GENERAL}/messages", data=form)
    assert sent["content"] == "in a form"
    assert (await bot.refused("POST", f"{GENERAL}/messages", data={"payload_json": "{"}))[:2] == (400, 50109)


async def test_all_intents_are_those_that_libraries_know(bot: Bot, sandbox: SandboxClient) -> None:
    await sandbox.settings(identify_limit=False)
    gateway = await bot.gateway()
    await gateway.identify(ALL_INTENTS | 1 << 17)


async def test_a_prune_says_true_in_quotes(bot: Bot, sandbox: SandboxClient) -> None:
    await sandbox.rest("owner", "PATCH", f"{GUILD}/roles/{GUILD_ID + 4}", {"permissions": "8"})
    assert (await bot.call("POST", f"{GUILD}/prune", {"days": 7, "compute_prune_count": "true"}))["pruned"] is not None
    assert (await bot.call("POST", f"{GUILD}/prune", {"days": 7, "compute_prune_count": "false"}))["pruned"] is None
    await _conforming(sandbox)


async def test_an_option_may_be_of_any_kind_of_channel(bot: Bot, sandbox: SandboxClient) -> None:
    kinds = [0, 2, 4, 5, 13, 15, 16]
    option = {"type": 7, "name": "where", "description": "d", "channel_types": kinds}
    command = {"name": "go", "description": "d", "options": [option]}
    made = await bot.call("PUT", f"/applications/{APPLICATION_ID}/commands", [command])
    assert made[0]["options"][0]["channel_types"] == kinds
    await _conforming(sandbox)


async def test_an_empty_list_of_overwrites_is_in_step_with_the_category(bot: Bot, sandbox: SandboxClient) -> None:
    await sandbox.rest("owner", "PATCH", f"{GUILD}/roles/{GUILD_ID + 4}", {"permissions": "8"})
    category = await bot.call("POST", f"{GUILD}/channels", STAFF)
    bare = {"name": "n", "parent_id": category["id"]}
    for body in (bare, {**bare, "permission_overwrites": []}):
        made = await bot.call("POST", f"{GUILD}/channels", body)
        assert made["permission_overwrites"] == category["permission_overwrites"]
    own = [{"id": str(BOT_ID), "type": 1, "allow": "1024", "deny": "0"}]
    made = await bot.call("POST", f"{GUILD}/channels", {**bare, "permission_overwrites": own})
    assert made["permission_overwrites"] == own


async def test_a_message_is_forwarded(bot: Bot, sandbox: SandboxClient) -> None:
    embed = {"title": "Market day"}
    sent = await bot.call("POST", f"{GENERAL}/messages", {"content": "come all", "embeds": [embed]})
    reference = {"type": 1, "channel_id": sent["channel_id"], "message_id": sent["id"], "fail_if_not_exists": True}
    forward = await bot.call("POST", f"/channels/{GUILD_ID + 22}/messages", {"message_reference": reference})
    (snapshot,) = forward["message_snapshots"]
    assert (forward["content"], forward["message_reference"]["type"]) == ("", 1)
    assert snapshot["message"]["content"] == "come all"
    assert snapshot["message"]["embeds"][0]["title"] == "Market day"
    assert "author" not in snapshot["message"]
    await bot.call("PATCH", f"{GENERAL}/messages/{sent['id']}", {"content": "changed"})
    again = {**reference, "channel_id": forward["channel_id"], "message_id": forward["id"]}
    passed_on = await bot.call("POST", f"{GENERAL}/messages", {"message_reference": again})
    assert passed_on["message_snapshots"] == forward["message_snapshots"]
    await _conforming(sandbox)


async def test_nobody_forwards_what_they_cannot_read(bot: Bot, sandbox: SandboxClient) -> None:
    deny = {"id": str(GUILD_ID), "type": 0, "allow": "0", "deny": "1024"}
    hidden = await sandbox.rest(
        "owner", "POST", f"{GUILD}/channels", {"name": "hidden", "permission_overwrites": [deny]}
    )
    secret = await sandbox.say("owner", hidden["id"], "for the owner alone")
    reference = {"type": 1, "channel_id": hidden["id"], "message_id": secret["id"]}
    refused = await bot.refused("POST", f"{GENERAL}/messages", {"message_reference": reference})
    assert refused[:2] == (403, 50001)


@pytest.mark.parametrize(
    "raw", [b"--x\r\nfoo", b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\nunended", b"", b"\0"]
)
async def test_a_broken_form_is_refused(bot: Bot, sandbox: SandboxClient, raw: bytes) -> None:
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    assert (await bot.refused("POST", f"{GENERAL}/messages", data=raw, headers=kind))[0] == 400


async def test_half_a_surrogate_pair_is_no_token(sandbox_server: Sandbox) -> None:
    async with Bot(sandbox_server.api, "\udcff") as stranger:
        assert (await stranger.refused("GET", "/users/@me"))[:2] == (401, 0)


async def test_a_parameter_out_of_bounds_names_the_bound(bot: Bot, sandbox: SandboxClient) -> None:
    for limit, code in (("0", "NUMBER_TYPE_MIN"), ("101", "NUMBER_TYPE_MAX")):
        _, _, answer = await bot.refused("GET", f"{GENERAL}/messages", params={"limit": limit})
        assert answer["errors"]["limit"]["_errors"][0]["code"] == code
