"""Moderating at the page: time-outs, kicks, bans, permissions of roles, the audit log, and servers that one leaves."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Page, expect

from sandbox.app import Sandbox
from sandbox.control.client import SandboxClient
from sandbox.discord.seed import CRAFTER_ID, GUILD_ID
from tests.page.conftest import Visit, become, visit


async def moderate(page: Page, name: str, action: str) -> None:
    await page.click(f'.member:has-text("{name}")')
    await page.click('.profile button:has-text("Moderate")')
    await page.click(f'.menu-item:has-text("{action}")')


async def test_a_time_out_silences_until_it_is_lifted(opened: Visit) -> None:
    page = opened.page
    await become(page, "Mo")
    await moderate(page, "Mina", "Time out for 10 minutes")
    await page.click('.member:has-text("Mina")')
    await page.locator(".profile", has_text="Timed out until").wait_for()
    await page.keyboard.press("Escape")
    await become(page, "Mina")
    await page.locator("#composer:disabled").wait_for()
    await become(page, "Mo")
    await moderate(page, "Mina", "Lift the time-out")
    await become(page, "Mina")
    await page.locator("#composer:not(:disabled)").wait_for()


@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
async def test_who_is_kicked_or_banned_is_out_at_once(
    browser: Browser, server: Sandbox, control: SandboxClient, phone: bool
) -> None:
    mina = await visit(browser, server.url, phone=phone)
    moderator = await visit(browser, server.url, person="Mo")
    await moderate(moderator.page, "Mina", "Kick")
    await moderator.page.click('.dialog .danger:has-text("Kick")')
    await moderator.page.locator('.member:has-text("Mina")').wait_for(state="detached")
    await mina.page.locator('[aria-label="Harbour Town"]').wait_for(state="detached")
    await moderate(moderator.page, "Cass", "Ban")
    await moderator.page.click('.dialog .danger:has-text("Ban")')
    await moderator.page.locator('.member:has-text("Cass")').wait_for(state="detached")
    banned = await control.rest("owner", "GET", f"/guilds/{GUILD_ID}/bans")
    assert [ban["user"]["id"] for ban in banned] == [str(CRAFTER_ID)]
    assert mina.complaints == moderator.complaints == []


async def test_nobody_moderates_those_above(opened: Visit) -> None:
    page = opened.page
    await become(page, "Mo")
    await page.click('.member:has-text("Olivia")')
    await page.locator(".profile").wait_for()
    await expect(page.locator('.profile button:has-text("Moderate")')).to_have_count(0)
    await page.keyboard.press("Escape")
    await become(page, "Mina")
    await page.click('.member:has-text("Cass")')
    await page.locator(".profile").wait_for()
    await expect(page.locator('.profile button:has-text("Moderate")')).to_have_count(0)


async def test_a_roles_permissions_take_effect_and_are_logged(opened: Visit) -> None:
    page = opened.page
    await become(page, "Olivia")
    await page.click(".guild-name")
    await page.click('.menu-item:has-text("Roles and permissions")')
    await page.click('.role-list .option:has-text("@everyone")')
    await page.locator('.permission-grid .check-row:has-text("Add reactions") input').uncheck()
    await page.click(".role-editor .primary")
    for role in ("Member", "Crafter"):
        await page.click(f'.role-list .option:has-text("{role}")')
        await page.locator('.permission-grid .check-row:has-text("Add reactions") input').uncheck()
        await page.click(".role-editor .primary")
    await page.click('.dialog [aria-label="Close"]')
    await page.click(".guild-name")
    await page.click('.menu-item:has-text("Audit log")')
    line = page.locator(".audit li", has_text="changed a role").first
    await line.get_by_text("Olivia").wait_for()
    await expect(line).to_contain_text("permissions")
    await page.click('.dialog [aria-label="Close"]')
    await become(page, "Mina")
    await opened.say("No reactions here")
    await (await opened.shown("No reactions here")).hover()
    await page.locator('.message-tools [aria-label="Reply"]').wait_for()
    await expect(page.locator('.message-tools [aria-label="Add a reaction"]')).to_have_count(0)


async def test_the_audit_log_is_for_those_who_may(opened: Visit) -> None:
    page = opened.page
    await page.click(".guild-name")
    await page.locator(".menu-item", has_text="Members").wait_for()
    await expect(page.locator('.menu-item:has-text("Audit log")')).to_have_count(0)


async def test_an_owner_deletes_a_server(opened: Visit) -> None:
    page = opened.page
    await page.click('[aria-label="Add a server"]')
    await page.fill(".dialog input[type=text]", "For an hour")
    await page.click(".dialog .primary")
    await page.locator(".guild-name", has_text="For an hour").wait_for()
    await page.click(".guild-name")
    await page.click('.menu-item:has-text("Delete the server")')
    await page.click(".dialog .danger")
    await page.locator('[aria-label="For an hour"]').wait_for(state="detached")
    await page.locator(".guild-name", has_text="Harbour Town").wait_for()


async def test_a_member_leaves(opened: Visit) -> None:
    page = opened.page
    await page.click(".guild-name")
    await page.click('.menu-item:has-text("Leave the server")')
    await page.click('.dialog .danger:has-text("Leave")')
    await page.locator('[aria-label="Harbour Town"]').wait_for(state="detached")
