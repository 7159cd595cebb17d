"""Takes the pictures of the README: `python -m tests.page.pictures`. The platform runs for real; nothing is staged."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

from local.paths import ROOT
from tests.page.conftest import ARGUMENTS, CHROMIUM, DESKTOP, PHONE
from tests.page.test_six_things import STEPS, take_step
from tests.support.platform import RunningPlatform

FOLDER = ROOT / "docs" / "images"


async def _open(browser: Browser, address: str, *, phone: bool = False) -> Page:
    context = await browser.new_context(viewport=PHONE if phone else DESKTOP, device_scale_factor=2 if phone else 1)
    page = await context.new_page()
    await page.goto(address)
    await page.wait_for_selector('html[data-ready="true"]')
    return page


async def _shoot(page: Page, name: str) -> None:
    await page.locator(".toast").first.wait_for(state="detached")
    await page.mouse.move(700, 30)
    await page.wait_for_timeout(400)
    await page.screenshot(path=FOLDER / f"{name}.png")
    sys.stdout.write(f"docs/images/{name}.png\n")


async def _take(browser: Browser, address: str) -> None:
    page = await _open(browser, address)
    for step in STEPS:
        sys.stdout.write(f"{step}: {await take_step(page, step, phone=False)}\n")
        if step == "continue":
            await page.click('.guide [aria-label="Close the guide"]')
            await _shoot(page, "conversation")
            answer = page.locator(".side-place .message", has=page.locator(".tag")).last
            await answer.hover()
            await answer.locator(".trace-button").click()
            await page.locator(".span-row").first.wait_for()
            await _shoot(page, "trace")
            await page.keyboard.press("Escape")
        else:
            await page.click('.guide [aria-label="Close the guide"]')
            await _shoot(page, step)
    await page.click('[aria-label="Light or dark"]')
    await _shoot(page, "light")
    await page.click('.tool:has-text("Traces")')
    await page.click('.tab:has-text("Services")')
    await page.locator(".map-node").first.wait_for()
    await _shoot(page, "services")
    await page.click('[aria-label="Close traces"]')
    await page.click('.tool:has-text("Lab")')
    await page.locator(".total").first.wait_for()
    await _shoot(page, "limits")
    phone = await _open(browser, address, phone=True)
    await _shoot(phone, "phone")


async def main() -> int:
    """Starts the platform, takes the pictures; 1 where no Chromium is installed."""
    if not CHROMIUM:
        sys.stderr.write("No Chromium is installed (Debian: apt install chromium)\n")
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with RunningPlatform(Path(folder) / "run") as platform, async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
            await _take(browser, platform.page)
            await browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
