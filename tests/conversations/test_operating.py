"""What admins use to run the bot: numbers, limits, first steps, the configuration; and what members may not."""

import csv
import io
import itertools
from collections import Counter
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml

from sandbox.control.client import Refused, SandboxClient
from services.executor.plans.table import TABLE
from services.gateway.commands.operate import NEEDED
from tests.conversations.conftest import configuration
from tests.conversations.talking import CRAFTER, MEMBER, OWNER, Talk, button, buttons, file_of
from tests.support import eventually
from tests.support.platform import RunningPlatform

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def in_language(sandbox: SandboxClient, person: str, locale: str) -> None:
    await sandbox.call("PATCH", f"/control/people/{person}", {"locale": locale})


def most(uses: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """What was used most often first."""
    sums: Counter[str] = Counter()
    for name, count in uses:
        sums[name] += count
    return sorted(sums.items(), key=lambda pair: (-pair[1], pair[0]))


async def test_analytics_counts_what_was_used_denied_and_failed(talk: Talk, sandbox: SandboxClient) -> None:
    with pytest.raises(Refused):
        await talk.use("analytics", MEMBER)
    people = {each["username"]: each["id"] for each in await sandbox.call("GET", "/control/people")}
    await talk.private("help", CRAFTER)
    await talk.private("prompts add", CRAFTER, name="mine")
    await talk.private("ask", CRAFTER, prompt="Hello", model="no/such-model")
    await sandbox.say(CRAFTER, talk.channel, "!help")

    async def counted() -> bool:
        shown = await talk.private("analytics", OWNER, period="today")
        if not shown["attachments"]:
            return False
        rows = list(csv.reader(io.StringIO((await file_of(shown, "activity.csv")).decode())))
        found = {(row[2], row[3]) for row in rows[1:]}
        people_found = csv.reader(io.StringIO((await file_of(shown, "people.csv")).decode()))
        return {("/help", "done"), ("/prompts add", "denied"), ("!help", "done")} <= found and any(
            row[1:3] == [people["crafter"], "denied"] for row in people_found
        )

    await eventually(counted, timeout=20, interval=0.5)
    shown = await talk.private("analytics", OWNER, period="week")
    assert {file["filename"] for file in shown["attachments"]} == {"activity.png", "activity.csv", "people.csv"}
    assert (await file_of(shown, "activity.png")).startswith(b"\x89PNG")
    # Other tests of this platform used other commands more often, and only the first ten are named.
    by_command = list(csv.reader(io.StringIO((await file_of(shown, "activity.csv")).decode())))[1:]
    used = most((row[2], int(row[4])) for row in by_command)
    assert "/help" in dict(used)
    content = shown["content"].replace("\\", "")
    listed = [line for line in content.splitlines() if line.partition(". `")[0].isdigit()]
    assert listed == [f"{place}. `{command}` · {uses}" for place, (command, uses) in enumerate(used[:10], 1)]
    by_person = list(csv.reader(io.StringIO((await file_of(shown, "people.csv")).decode())))
    assert by_person[0] == ["day", "person", "outcome", "uses"]
    denied = most((row[1], int(row[3])) for row in by_person[1:] if row[2] == "denied")
    assert people["crafter"] in dict(denied)
    for person, uses in denied[:10]:
        assert f"<@{person}> · {uses}" in content
    # Names of commands and numbers, nothing that was said.
    assert "Hello" not in (await file_of(shown, "activity.csv")).decode()


@pytest.mark.parametrize(
    ("locale", "analytics", "status"),
    [("de", "Wie der Bot hier genutzt wird", "Dienste"), ("fr", "Comment le bot est utilisé", "Services")],
)
async def test_numbers_come_in_the_admins_language(
    talk: Talk, sandbox: SandboxClient, locale: str, analytics: str, status: str
) -> None:
    await in_language(sandbox, OWNER, locale)
    try:
        assert analytics in (await talk.private("analytics", OWNER))["content"]
        assert status in (await talk.private("status", OWNER))["content"]
    finally:
        await in_language(sandbox, OWNER, "en-US")


async def test_status_shows_services_providers_and_charts_to_those_who_run_the_platform(talk: Talk) -> None:
    await talk.ask("Something to measure")
    mine = await talk.private("status")
    assert "Model" in mine["content"] or "This channel" in mine["content"]
    assert "executor" not in mine["content"]
    assert not mine["attachments"]
    theirs = await talk.private("status", OWNER)
    content = theirs["content"]
    for service in ("gateway", "llm", "executor", "ratelimit", "board"):
        line = next(line for line in content.splitlines() if line.startswith(f"{service} 1/1"))
        assert "CPU" in line
        assert " MB" in line
        assert " up " in line
        assert "GB free" in line
    executor = next(line for line in content.splitlines() if line.startswith("executor"))
    assert "ms on average" in executor
    assert "p95" in executor
    assert "0.0 % of" in executor
    assert "**Discord**: 1 of 1 shards connected" in content
    assert "**openai**: answers" in content
    assert "Answers from the cache: " in content
    assert {file["filename"] for file in theirs["attachments"]} == {
        "latency.png",
        "errors.png",
        "cpu.png",
        "memory.png",
    }
    assert (await file_of(theirs, "latency.png")).startswith(b"\x89PNG")
    for period, title in (("week", "7 days"), ("month", "30 days")):
        more = await talk.press(theirs, button(theirs, f"status.charts:{period}"), OWNER)
        shown = await talk.said(more, OWNER)
        assert title in shown["content"]
        assert len(shown["attachments"]) == 4


async def test_limits_are_made_wider_for_a_person_and_as_usual_again(talk: Talk) -> None:
    refused = await talk.private("limits grant", MEMBER, person=MEMBER, times=2)
    assert "roles do not include" in refused["content"]
    usual = (await talk.private("limits show"))["content"]
    granted = await talk.private("limits grant", OWNER, person=MEMBER, times=3, days=2)
    assert "3 times as much" in granted["content"]
    assert "Tokens a day" in granted["content"]
    wider = (await talk.private("limits show"))["content"]
    assert "of 15 left" in wider
    assert "of 6,000,000 left" in wider
    assert "3 times as much as usual until <t:" in wider
    assert (await talk.private("limits show", CRAFTER))["content"].count("times as much") == 0
    one = await talk.private("limits grant", OWNER, person=MEMBER, times=1, limit="person_tokens")
    assert "usual limits again" in one["content"]
    assert "of 2,000,000 left" in (await talk.private("limits show"))["content"]
    await talk.private("limits grant", OWNER, person=MEMBER, times=1)
    assert "times as much" not in (await talk.private("limits show"))["content"]
    assert "of 5 left" in usual


async def test_limits_that_can_be_granted_are_offered(talk: Talk, sandbox: SandboxClient) -> None:
    given = {"person": MEMBER, "times": 2, "limit": "tok"}
    offered = await sandbox.autocomplete(OWNER, talk.channel, "limits grant", given, "limit")
    assert [choice["value"] for choice in offered] == ["person_tokens"]


async def test_usage_of_the_server_names_people_and_draws_the_days(talk: Talk) -> None:
    await talk.ask("Count me")
    shown = await talk.private("usage server", OWNER, period="week")
    assert "1. <@" in shown["content"]
    assert (await file_of(shown, "usage.png")).startswith(b"\x89PNG")
    mine = await talk.private("usage me", period="month")
    assert "this month" in mine["content"]
    assert "of 2,000,000 left" in mine["content"]


async def test_models_say_how_they_have_done_lately(talk: Talk) -> None:
    await talk.ask("How quick are you?")

    async def said() -> bool:
        content = (await talk.private("models"))["content"]
        return "first text after" in content and "% of" in content

    await eventually(said, timeout=20, interval=0.5)


async def test_setup_sets_where_things_go_and_which_roles_have_a_tier(talk: Talk, sandbox: SandboxClient) -> None:
    with pytest.raises(Refused):
        await talk.use("setup", MEMBER)
    role = await sandbox.rest(OWNER, "POST", f"/guilds/{talk.guild}/roles", {"name": "Patrons"})
    offered = await sandbox.autocomplete(OWNER, talk.channel, "setup", {"tier": ""}, "tier")
    assert [choice["value"] for choice in offered] == ["supporter"]
    refused = await talk.private("setup", OWNER, role=role["id"], tier="admin")
    assert "given this tier" in refused["content"]
    where = {"log_channel": talk.channel, "board": talk.channel}
    given = await talk.private("setup", OWNER, **where, role=role["id"], tier="supporter")
    assert f"<@&{role['id']}>: supporter" in given["content"]
    assert f"<#{talk.channel}>" in given["content"]
    assert talk.channel in (await talk.private("board setup", OWNER))["content"]
    again = await talk.private("setup", OWNER, role=role["id"])
    assert role["id"] not in again["content"]


async def test_a_role_with_a_tier_may_what_the_tier_gives(talk: Talk, sandbox: SandboxClient) -> None:
    joined = {"username": "patron", "guilds": [{"id": talk.guild}]}
    patron = str((await sandbox.call("POST", "/control/people", joined))["id"])
    role = await sandbox.rest(OWNER, "POST", f"/guilds/{talk.guild}/roles", {"name": "Patrons of old"})
    await sandbox.rest(OWNER, "PUT", f"/guilds/{talk.guild}/members/{patron}/roles/{role['id']}")
    assert "roles do not include" in (await talk.private("prompts add", patron, name="verse"))["content"]
    await talk.private("setup", OWNER, role=role["id"], tier="supporter")

    async def allowed() -> bool:
        # gateway hears of it through its copy of llm's settings, a moment later.
        used = await talk.use("prompts add", patron, name="verse")
        return used.get("modal") is not None

    await eventually(allowed, timeout=10)
    assert "roles do not include" in (await talk.private("prompts add", MEMBER, name="verse"))["content"]
    await talk.private("setup", OWNER, role=role["id"])

    async def refused() -> bool:
        used = await talk.use("prompts add", patron, name="verse")
        return used.get("modal") is None

    await eventually(refused, timeout=10)


async def test_setup_names_missing_permissions_with_a_link_that_fixes_them(talk: Talk, sandbox: SandboxClient) -> None:
    roles = await sandbox.rest(OWNER, "GET", f"/guilds/{talk.guild}/roles")
    bot = next(role for role in roles if role["name"] == "Guildhall")
    path, whole = f"/guilds/{talk.guild}/roles/{bot['id']}", int(bot["permissions"])
    lacking = {"CREATE_GUILD_EXPRESSIONS": 1 << 43, "MANAGE_THREADS": 1 << 34}
    try:
        await sandbox.rest(OWNER, "PATCH", path, {"permissions": str(whole & ~sum(lacking.values()))})
        shown = await talk.private("setup", OWNER)
        said = next(line for line in shown["content"].splitlines() if "I lack these permissions" in line)
        named = said.partition(": ")[2].partition(".")[0].replace("\\", "")
        assert set(named.split(", ")) == set(lacking)
        (link,) = [part["url"] for row in shown["components"] for part in row["components"] if part.get("url")]
        asked = dict(parse_qsl(urlsplit(link).query))
        wanted = int(asked["permissions"])
        assert (asked["guild_id"], asked["scope"]) == (talk.guild, "bot applications.commands")
        everyone = next(int(role["permissions"]) for role in roles if role["id"] == talk.guild)
        # What the bot has and what it needs, no more.
        assert wanted == (whole & ~sum(lacking.values())) | everyone | sum(NEEDED.values())
        # What Discord does where somebody follows the link.
        await sandbox.rest(OWNER, "PATCH", path, {"permissions": str(wanted)})
        fixed = await talk.private("setup", OWNER)
        assert "every permission that I need" in fixed["content"]
        assert not [part for row in fixed["components"] for part in row["components"] if part.get("url")]
    finally:
        await sandbox.rest(OWNER, "PATCH", path, {"permissions": str(whole)})


async def test_what_setup_asks_for_is_all_that_plans_may_need() -> None:
    for operation in TABLE.values():
        assert {name.upper() for name in operation.permissions} <= set(NEEDED), operation


async def test_reload_says_what_changed_what_waits_and_what_was_refused(talk: Talk, platform: RunningPlatform) -> None:
    file = configuration(platform)
    before = file.read_text()
    attempts = itertools.count(12_345)

    async def said() -> str:
        return str((await talk.private("reload", OWNER))["content"]).replace("\\", "")

    async def told() -> bool:
        # The services look at the file themselves; whoever is first says what changed, so it is tried again.
        changed = yaml.safe_load(before)
        changed["gateway"] = {"presence": {"interval": next(attempts)}, "remembered_events": next(attempts)}
        file.write_text(yaml.safe_dump(changed))
        answer = await said()
        return (
            "gateway: gateway.remembered_events, gateway.presence.interval" in answer
            or "gateway: gateway.presence.interval, gateway.remembered_events" in answer
        ) and "gateway: only after a restart: gateway.remembered_events\n" in f"{answer}\n"

    try:
        await eventually(told, timeout=30, interval=0.3)
        file.write_text(before.replace("llm:\n", "llm:\n  titel_models: []\n", 1))
        refused = await said()
        assert "llm: refused, nothing changed" in refused
        assert "titel_models" in refused
    finally:
        file.write_text(before)
        await said()


async def test_the_buttons_of_the_charts_are_not_for_members(talk: Talk) -> None:
    theirs = await talk.private("status", OWNER)
    assert "status.charts" in buttons(theirs)
    with pytest.raises(Refused):
        await talk.sandbox.press(MEMBER, theirs["id"], button(theirs, "status.charts:day"))
