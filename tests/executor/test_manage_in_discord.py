"""`/manage` from words to the guild, as a person sees it: every service, the demo model, the sandbox."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from sandbox.control.client import SandboxClient
from tests.executor.owner import Owner, custom_id
from tests.support.platform import RunningPlatform

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def owner(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Owner]:
    """The owner, with the whole platform running."""
    folder: Path = tmp_path_factory.mktemp("manage")
    async with (
        RunningPlatform(folder) as platform,
        SandboxClient(platform.page, platform.control_token) as sandbox,
    ):
        guild = (await sandbox.call("GET", "/control/as/owner/guilds"))[0]
        yield Owner(sandbox, guild["id"])


async def test_a_gaming_category_with_voice_channels(owner: Owner) -> None:
    before = {channel["id"] for channel in await owner.channels()}
    await owner.confirmed("create a gaming category with voice channels")
    made = [channel for channel in await owner.channels() if channel["id"] not in before]
    categories = [channel for channel in made if channel["type"] == 4]
    assert len(categories) == 1
    assert "gaming" in categories[0]["name"].lower()
    voices = [channel for channel in made if channel["type"] == 2]
    assert voices
    assert {channel["parent_id"] for channel in voices} == {categories[0]["id"]}


async def test_a_preview_that_is_ready_before_its_acknowledgement_is_its_answer(owner: Owner) -> None:
    acknowledged = "/interactions/{interaction_id}/{interaction_token}/callback"
    await owner.sandbox.fault("latency", method="POST", route=acknowledged, seconds=1.5, times=1)
    preview = await owner.manage("create a text channel called early-bird")
    assert "early-bird" in json.dumps(preview)


async def test_all_test_channels_go(owner: Owner) -> None:
    await owner.make("test-a", "test-b", "latest-news")
    message = await owner.confirmed("delete all test channels")
    names = {channel["name"] for channel in await owner.channels()}
    assert not {"test-a", "test-b"} & names
    await owner.press(message, "plan.undo")
    found = await owner.sandbox.wait(
        "message", as_="owner", channel="general", component="plan.confirm", after=message["id"]
    )
    await owner.press(found["messages"][0], "plan.confirm")
    await owner.sandbox.wait(
        "message", as_="owner", channel="general", id=found["messages"][0]["id"], component="plan.undo", timeout=60
    )
    assert {"test-a", "test-b"} <= {channel["name"] for channel in await owner.channels()}


async def test_created_and_deleted_in_one_request(owner: Owner) -> None:
    before = {channel["id"] for channel in await owner.channels()}
    report = await owner.confirmed("create 5 test categories and delete them")
    assert "10 of 10 done" in report["embeds"][0]["description"]
    assert {channel["id"] for channel in await owner.channels()} == before


async def test_a_read_only_archive(owner: Owner) -> None:
    await owner.make("chronicle")
    await owner.confirmed("make a read-only archive of #chronicle")
    closed = [
        channel
        for channel in await owner.channels()
        if channel["name"].startswith("chronicle")
        and any(o["id"] == owner.guild_id and int(o["deny"]) & 1 << 11 for o in channel["permission_overwrites"])
    ]
    assert closed


async def test_everybody_with_one_role_gets_another(owner: Owner) -> None:
    roles = {}
    for name in ("Raider", "Veteran"):
        roles[name] = await owner.sandbox.rest("owner", "POST", f"/guilds/{owner.guild_id}/roles", {"name": name})
    people = {one["username"]: one["id"] for one in await owner.sandbox.call("GET", "/control/people")}
    for person in ("member", "crafter"):
        path = f"/guilds/{owner.guild_id}/members/{people[person]}/roles/{roles['Raider']['id']}"
        await owner.sandbox.rest("owner", "PUT", path)
    await owner.confirmed("give everyone with @Raider the role @Veteran")
    for person in ("member", "crafter"):
        member = await owner.sandbox.rest("owner", "GET", f"/guilds/{owner.guild_id}/members/{people[person]}")
        assert roles["Veteran"]["id"] in member["roles"]


async def test_typed_words_end_in_a_button_and_its_plan_in_the_channel(owner: Owner) -> None:
    await owner.sandbox.say("owner", "general", "!neon create a channel called neon-lights")
    offered = await owner.sandbox.wait("message", as_="owner", channel="general", component="manage.typed", timeout=30)
    await owner.press(offered["messages"][-1], "manage.typed")
    found = await owner.sandbox.wait(
        "message",
        as_="owner",
        channel="general",
        component="plan.confirm",
        after=offered["messages"][-1]["id"],
        timeout=30,
    )
    preview = found["messages"][-1]
    await owner.press(preview, "plan.confirm")
    await owner.sandbox.wait(
        "message", as_="owner", channel="general", id=preview["id"], component="plan.undo", timeout=60
    )
    assert "neon-lights" in {channel["name"] for channel in await owner.channels()}


async def test_steps_are_left_out_and_named_anew_in_a_form(owner: Owner) -> None:
    message = await owner.manage("create the channels plum, pear and quince")
    opened = await owner.sandbox.press("owner", message["id"], custom_id(message, "plan.edit"))
    assert opened["state"] == "acknowledged", opened
    taken = await owner.sandbox.submit("owner", opened["id"], {"drop": "3", "names": "1=cherry", "words": ""})
    assert taken["state"] == "acknowledged", taken
    found = await owner.sandbox.wait(
        "message", as_="owner", channel="general", id=message["id"], contains="cherry", timeout=30
    )
    shown = found["messages"][0]["embeds"][0]["description"]
    assert "quince" not in shown
    await owner.press(found["messages"][0], "plan.confirm")
    await owner.sandbox.wait(
        "message", as_="owner", channel="general", id=message["id"], component="plan.undo", timeout=60
    )
    names = {channel["name"] for channel in await owner.channels()}
    assert {"cherry", "pear"} <= names
    assert not {"plum", "quince"} & names


async def test_the_audit_trail_comes_as_a_file(owner: Owner) -> None:
    await owner.confirmed("create a channel called witness")
    trails = {}
    for kind in ("csv", "json"):
        (file,) = (await owner.use("runs", export=kind))["attachments"]
        assert file["filename"] == f"plans.{kind}"
        async with aiohttp.ClientSession() as session, session.get(file["url"]) as answer:
            trails[kind] = await answer.text()
    rows = list(csv.DictReader(io.StringIO(trails["csv"])))
    assert any(row["action"] == "channel.create" and "witness" in row["target"] for row in rows)
    assert [row["time"] for row in rows] == [str(entry["time"]) for entry in json.loads(trails["json"])]
    assert any(
        entry["action"] == "channel.create" and "witness" in entry["target"] for entry in json.loads(trails["json"])
    )


async def test_the_polite_pace_takes_longer_and_says_so(owner: Owner) -> None:
    message = await owner.manage("create the channels calm, quiet and still")
    assert _longest(message) < 5
    await owner.press(message, "plan.pace")
    polite = await owner.shown(message, contains="Pace: polite")
    # Two pauses of a second and a half stand between three calls.
    assert _longest(polite) >= 3
    await owner.press(polite, "plan.pace")
    assert _longest(await owner.shown(message, contains="Pace: fast")) < 5
    await owner.press(message, "plan.cancel")


async def test_past_runs_are_listed_and_undone(owner: Owner) -> None:
    await owner.confirmed("create a channel called regret")
    listed = await owner.use("runs")
    options = next(row["components"][0]["options"] for row in listed["components"])
    await owner.choose(listed, "plan.undo_chosen", options[0]["value"])
    preview = await owner.preview_after(listed)
    assert "regret" in preview["embeds"][0]["description"]
    assert "regret" in {channel["name"] for channel in await owner.channels()}
    await owner.confirm(preview)
    assert "regret" not in {channel["name"] for channel in await owner.channels()}


async def test_a_server_comes_back_as_it_was(owner: Owner) -> None:
    await owner.make("precious", topic="keep")
    card = await owner.use("snapshots")
    await owner.press(card, "snapshot.take")
    card = await owner.shown(card, component="snapshot.chosen")
    newest = card["components"][1]["components"][0]["options"][0]["value"]
    await owner.choose(card, "snapshot.chosen", newest)
    equal = await owner.shown(card, contains="Nothing has changed")
    assert "snapshot.restore" not in str(equal["components"])
    await owner.press(equal, "snapshot.list")
    lost = next(channel for channel in await owner.channels() if channel["name"] == "precious")
    await owner.sandbox.rest("owner", "DELETE", f"/channels/{lost['id']}")
    await owner.make("intruder")
    await owner.choose(await owner.shown(card, component="snapshot.chosen"), "snapshot.chosen", newest)
    card = await owner.shown(card, contains="precious is gone")
    assert "intruder is new" in card["embeds"][0]["description"]
    await owner.press(card, f"snapshot.restore:{newest}:all")
    preview = await owner.preview_after(card)
    shown = preview["embeds"][0]["description"]
    assert "precious" in shown
    assert "intruder" in shown
    assert "precious" not in {channel["name"] for channel in await owner.channels()}
    await owner.confirm(preview)
    topics = {channel["name"]: channel.get("topic") for channel in await owner.channels()}
    assert topics["precious"] == "keep"
    assert "intruder" not in topics


async def test_a_picture_becomes_an_emoji(owner: Owner) -> None:
    picture = bytes.fromhex("89504e470d0a1a0a") + bytes(40)
    answer = await owner.sandbox.command(
        "owner",
        "general",
        "manage",
        {"request": "create an emoji called spark"},
        files={"picture": ("spark.png", picture)},
    )
    assert answer["state"] == "acknowledged", answer
    found = await owner.sandbox.wait(
        "message", as_="owner", channel="general", id=answer["message_id"], component="plan.confirm", timeout=30
    )
    await owner.press(found["messages"][0], "plan.confirm")
    await owner.sandbox.wait(
        "message", as_="owner", channel="general", id=answer["message_id"], component="plan.undo", timeout=60
    )
    emojis = await owner.sandbox.rest("owner", "GET", f"/guilds/{owner.guild_id}/emojis")
    assert "spark" in {emoji["name"] for emoji in emojis}


async def test_a_german_reads_german(owner: Owner) -> None:
    await owner.sandbox.call("PATCH", "/control/people/owner", {"locale": "de"})
    try:
        message = await owner.manage("create a category called Werkstatt")
    finally:
        await owner.sandbox.call("PATCH", "/control/people/owner", {"locale": "en-US"})
    labels = [button["label"] for row in message["components"] for button in row["components"]]
    assert "Bestätigen" in labels
    assert "Kanal anlegen" in message["embeds"][0]["description"]
    await owner.press(message, "plan.cancel")


def _longest(message: dict[str, Any]) -> int:
    """The longest time that a preview foretells, in seconds; 1 for about a second."""
    field = next(one for one in message["embeds"][0]["fields"] if one["name"] == "Takes")
    return max([int(number) for number in re.findall(r"(\d+) s", field["value"])], default=1)
