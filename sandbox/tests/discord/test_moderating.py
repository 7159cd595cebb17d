"""AutoMod at work: what is blocked, told of and timed out, and who is left alone."""

from typing import Any

import pytest

from sandbox.control.client import Refused, SandboxClient
from sandbox.discord.seed import GUILD_ID
from sandbox.tests.discord.bot import Bot

RULES = f"/guilds/{GUILD_ID}/auto-moderation/rules"
GENERAL, LOG = str(GUILD_ID + 21), str(GUILD_ID + 22)
BLOCK: dict[str, Any] = {"type": 1}


def rule(*actions: dict[str, Any], trigger: int = 1, **metadata: Any) -> dict[str, Any]:
    return {
        "name": "Manners",
        "event_type": 1,
        "trigger_type": trigger,
        "trigger_metadata": metadata,
        "actions": list(actions or (BLOCK,)),
        "enabled": True,
    }


async def blocked(sandbox: SandboxClient, person: str, content: str) -> bool:
    try:
        await sandbox.say(person, GENERAL, content)
    except Refused as refused:
        assert (refused.status, refused.body["code"]) == (400, 200000)
        return True
    return False


@pytest.mark.parametrize(
    ("keyword", "text", "found"),
    [
        ("cat", "my Cat is", True),
        ("cat", "concatenate", False),
        ("cat*", "catalogue", True),
        ("cat*", "concat", False),
        ("*cat", "concat", True),
        ("*cat*", "concatenate", True),
        ("a.b", "axb", False),
        ("two words", "here two  words", False),
        ("two words", "here TWO WORDS.", True),
    ],
)
async def test_keywords_match_as_documented(
    bot: Bot, sandbox: SandboxClient, keyword: str, text: str, found: bool
) -> None:
    await bot.call("POST", RULES, rule(keyword_filter=[keyword]))
    assert await blocked(sandbox, "member", text) is found


async def test_a_blocked_message_is_nowhere_and_its_alert_says_why(bot: Bot, sandbox: SandboxClient) -> None:
    gateway = await bot.gateway()
    await gateway.identify()
    alert = {"type": 2, "metadata": {"channel_id": LOG}}
    own_words = {**BLOCK, "metadata": {"custom_message": "Sell elsewhere"}}
    made = await bot.call("POST", RULES, rule(own_words, alert, keyword_filter=[], regex_patterns=["g[o0]ld"]))
    with pytest.raises(Refused) as refused:
        await sandbox.say("member", GENERAL, "cheap g0ld")
    assert refused.value.body == {"code": 200000, "message": "Sell elsewhere"}
    told = await gateway.event("AUTO_MODERATION_ACTION_EXECUTION", rule_id=made["id"])
    assert (told["matched_keyword"], told["matched_content"], told["content"]) == ("g[o0]ld", "g0ld", "cheap g0ld")
    assert all("g0ld" not in m["content"] for m in await sandbox.messages("owner", GENERAL))
    (shown, *_) = await sandbox.messages("owner", LOG)
    assert (shown["type"], shown["embeds"][0]["description"]) == (24, "cheap g0ld")
    await gateway.socket.close()


async def test_edits_are_looked_at_too_and_the_allowed_words_are_not(bot: Bot, sandbox: SandboxClient) -> None:
    await bot.call("POST", RULES, rule(keyword_filter=["*gold*"], allow_list=["golden"]))
    said = await sandbox.say("member", GENERAL, "a golden day")
    at = f"/channels/{GENERAL}/messages/{said['id']}"
    with pytest.raises(Refused):
        await sandbox.rest("member", "PATCH", at, {"content": "golden gold"})
    (kept,) = [m for m in await sandbox.messages("owner", GENERAL) if m["id"] == said["id"]]
    assert kept["content"] == "a golden day"


async def test_too_many_mentions_end_in_a_time_out(bot: Bot, sandbox: SandboxClient) -> None:
    quiet = {"type": 3, "metadata": {"duration_seconds": 60}}
    await bot.call("POST", RULES, rule(BLOCK, quiet, trigger=5, mention_total_limit=1))
    people = [m["user"]["id"] for m in await bot.call("GET", f"/guilds/{GUILD_ID}/members", params={"limit": 10})]
    assert not await blocked(sandbox, "member", f"<@{people[0]}>")
    assert await blocked(sandbox, "member", f"<@{people[0]}> <@{people[1]}>")
    with pytest.raises(Refused) as refused:
        await sandbox.say("member", GENERAL, "anyone?")
    assert refused.value.status == 403


async def test_who_is_left_alone(bot: Bot, sandbox: SandboxClient) -> None:
    made = await bot.call("POST", RULES, rule(keyword_filter=["gold"]))
    assert not await blocked(sandbox, "owner", "gold")
    await bot.call("POST", f"/channels/{GENERAL}/messages", {"content": "gold"})
    assert await blocked(sandbox, "member", "gold")
    await bot.call("PATCH", f"{RULES}/{made['id']}", {"exempt_channels": [GENERAL]})
    assert not await blocked(sandbox, "member", "gold")
    await bot.call("PATCH", f"{RULES}/{made['id']}", {"exempt_channels": [], "enabled": False})
    assert not await blocked(sandbox, "member", "gold")
