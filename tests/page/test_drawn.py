"""Drawn beside the everyday: polls, stickers, newer fields of modals, mentionable selects; light, dark and phone."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, FilePayload, Page, expect

from sandbox.app import Sandbox
from sandbox.discord.core.posting import announce
from tests.page.bot import ShowBot, png, showcase
from tests.page.conftest import PATIENCE_SECONDS, Visit, visit
from tests.support.waiting import eventually

POLL = {
    "question": {"text": "Which forge?"},
    "answers": [{"poll_media": {"text": "The old one"}}, {"poll_media": {"text": "The new one"}}],
    "duration": 1,
    "allow_multiselect": False,
}
CONTRAST = Path(__file__).parent / "contrast.js"
PHONE = pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])


async def channel_of(page: Page) -> str:
    return str(await page.evaluate("location.hash.split('/').at(-1)"))


async def fits(page: Page) -> bool:
    return bool(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


async def readable(page: Page) -> None:
    """Colours change over some tenths of a second when the theme does, so that what counts is where they arrive."""

    async def nothing_faint() -> bool:
        faint = await page.evaluate(CONTRAST.read_text(encoding="utf-8"))
        assert faint == []
        return True

    await eventually(nothing_faint, timeout=PATIENCE_SECONDS)


@PHONE
async def test_polls_are_shown_and_take_no_votes(browser: Browser, server: Sandbox, bot: ShowBot, phone: bool) -> None:
    seen = await visit(browser, server.url, phone=phone)
    await bot.send(await channel_of(seen.page), {"poll": POLL})
    drawn = seen.page.locator(".poll")
    await drawn.get_by_text("Which forge?").wait_for()
    await expect(drawn.locator("li")).to_have_count(2)
    await drawn.get_by_text("Votes are not counted").wait_for()
    await expect(drawn.locator("button")).to_have_count(0)
    assert await fits(seen.page)
    assert seen.complaints == []


async def test_stickers_are_named(opened: Visit, server: Sandbox, bot: ShowBot) -> None:
    channel = int(await channel_of(opened.page))
    sent = await bot.send(str(channel), {"content": "look"})
    message = server.world.message(channel, int(sent["id"]))
    message.stickers = ({"id": "1", "name": "Waving <b>anvil</b>", "format_type": 1},)
    announce(server.world, "MESSAGE_UPDATE", message)
    await opened.page.locator(".outside", has_text="Sticker: Waving <b>anvil</b>").wait_for()


@PHONE
async def test_a_forward_shows_what_it_keeps(browser: Browser, server: Sandbox, bot: ShowBot, phone: bool) -> None:
    seen = await visit(browser, server.url, phone=phone)
    channel = await channel_of(seen.page)
    sent = await bot.send(channel, {"content": "Come **all**", "embeds": [{"title": "Market <b>day</b>"}]})
    reference = {"type": 1, "channel_id": channel, "message_id": sent["id"]}
    await bot.send(channel, {"message_reference": reference})
    kept = seen.page.locator(".forwarded")
    await kept.get_by_text("Forwarded").wait_for()
    await expect(kept.locator("strong").first).to_have_text("all")
    await kept.get_by_text("Market <b>day</b>").wait_for()
    assert await fits(seen.page)
    assert seen.complaints == []


@PHONE
async def test_a_modal_with_every_newer_field(browser: Browser, server: Sandbox, bot: ShowBot, phone: bool) -> None:
    seen = await visit(browser, server.url, phone=phone)
    page = seen.page
    button = {"type": 2, "style": 1, "label": "Fill in", "custom_id": "fields"}
    await bot.send(await channel_of(page), {"content": "A form", "components": [{"type": 1, "components": [button]}]})
    await page.click('.message button:has-text("Fill in")')
    await page.locator(".modal .md strong", has_text="know").wait_for()
    await page.click(".modal .primary")
    await page.locator(".form-note", has_text="Quality").wait_for()
    await page.locator('.modal .check-row:has-text("Masterwork") input').check()
    await page.click(".modal .primary")
    await page.locator(".form-note", has_text="Runes").wait_for()
    for rune in ("Fire", "Wind"):
        await page.locator(f'.modal .check-row:has-text("{rune}") input').check()
    await page.locator('.modal [data-custom-id="urgent"]').check()
    await page.click(".modal .primary")
    await page.locator(".form-note", has_text="Drawing").wait_for()
    drawing: FilePayload = {"name": "axe.png", "mimeType": "image/png", "buffer": png()}
    await page.set_input_files('.modal [data-custom-id="drawing"]', files=[drawing])
    assert await fits(page)
    await page.click(".modal .primary")
    answer = await (await seen.shown("Claimed:")).inner_text()
    data = bot.seen[-1]["data"]
    fields = {c["component"]["custom_id"]: c["component"] for c in data["components"] if c["type"] == 18}
    assert fields["quality"]["value"] == "master"
    assert fields["runes"]["values"] == ["fire", "wind"]
    assert fields["urgent"]["value"] is True
    (uploaded,) = fields["drawing"]["values"]
    assert data["resolved"]["attachments"][uploaded]["filename"] == "axe.png"
    assert "master" in answer
    assert seen.complaints == []


@PHONE
async def test_people_and_roles_in_one_select(browser: Browser, server: Sandbox, bot: ShowBot, phone: bool) -> None:
    seen = await visit(browser, server.url, phone=phone)
    page = seen.page
    select = {"type": 7, "custom_id": "anyone", "placeholder": "Pick anyone", "min_values": 1, "max_values": 2}
    await bot.send(await channel_of(page), {"content": "Who?", "components": [{"type": 1, "components": [select]}]})
    await page.click('.select:has-text("Pick anyone")')
    await page.locator('.select-list input[type="search"]').fill("mo")
    await page.click('.select-list .option:has-text("@Moderator")')
    await page.click('.select-list .option:has-text("moderator"):not(:has-text("@"))')
    await page.click('.select-list button:has-text("Done")')
    await seen.shown("anyone: [")
    resolved = bot.seen[-1]["data"]["resolved"]
    assert [role["name"] for role in resolved["roles"].values()] == ["Moderator"]
    assert [user["username"] for user in resolved["users"].values()] == ["moderator"]
    assert seen.complaints == []


@PHONE
async def test_light_and_dark_are_readable(browser: Browser, server: Sandbox, bot: ShowBot, phone: bool) -> None:
    seen = await visit(browser, server.url, phone=phone)
    page = seen.page
    await showcase(bot, await channel_of(page))
    await seen.shown("A plan with 3 steps")
    await readable(page)
    await page.keyboard.press("Control+k")
    await page.keyboard.type("light or")
    await page.locator('.quick .option:has-text("Light or dark")').wait_for()
    await page.keyboard.press("Enter")
    await page.wait_for_selector('html[data-theme="light"]')
    await readable(page)
    assert await fits(page)
    assert seen.complaints == []
