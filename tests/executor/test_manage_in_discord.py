"""`/manage` from words to the guild, as a person sees it: every service, the demo model, the sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sandbox.control.client import SandboxClient
from tests.support.platform import RunningPlatform

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]


@dataclass
class Owner:
    """The guild's owner, who has it changed."""

    sandbox: SandboxClient
    guild_id: str

    async def manage(self, words: str) -> dict[str, Any]:
        """Uses /manage and gives the message with the preview."""
        answer = await self.sandbox.command("owner", "general", "manage", {"request": words})
        assert answer["state"] == "acknowledged", answer
        found = await self.sandbox.wait(
            "message", as_="owner", channel="general", id=answer["message_id"], component="plan.confirm", timeout=30
        )
        message: dict[str, Any] = found["messages"][0]
        return message

    async def confirmed(self, words: str) -> dict[str, Any]:
        """Has it done, and gives the message with the report."""
        message = await self.manage(words)
        await self.press(message, "plan.confirm")
        found = await self.sandbox.wait(
            "message", as_="owner", channel="general", id=message["id"], component="plan.undo", timeout=60
        )
        report: dict[str, Any] = found["messages"][0]
        return report

    async def press(self, message: dict[str, Any], action: str) -> None:
        """Presses a button."""
        buttons = [button for row in message["components"] for button in row["components"]]
        custom_id = next(one["custom_id"] for one in buttons if one["custom_id"].startswith(action))
        answer = await self.sandbox.press("owner", message["id"], custom_id)
        assert answer["state"] == "acknowledged", answer

    async def channels(self) -> list[dict[str, Any]]:
        """What there is."""
        found: list[dict[str, Any]] = await self.sandbox.rest("owner", "GET", f"/guilds/{self.guild_id}/channels")
        return found

    async def make(self, *names: str, **fields: Any) -> None:
        """Makes channels by hand."""
        for name in names:
            await self.sandbox.rest("owner", "POST", f"/guilds/{self.guild_id}/channels", {"name": name, **fields})


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
