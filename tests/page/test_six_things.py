"""The guided start on the whole platform: six things, one click each, at both widths; and how an answer is traced."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from tests.page.conftest import Visit, visit
from tests.support.platform import RunningPlatform

STEPS = ("ask", "continue", "manage", "request", "music", "usage")
STEP_MILLISECONDS = 90_000


@pytest_asyncio.fixture
async def platform(browser: Browser, tmp_path: Path) -> AsyncIterator[RunningPlatform]:
    """The platform as `make run` starts it."""
    async with RunningPlatform(tmp_path / "run") as running:
        yield running


async def show_guide(page: Page, *, phone: bool) -> None:
    """Opens the guide where it is closed."""
    if await page.is_visible(".guide"):
        return
    if phone:
        await page.click('button[aria-label="Channels"]:visible')
    await page.click('.tool:has-text("Try")')
    await page.locator(".guide").wait_for()


async def take_step(page: Page, step: str, *, phone: bool) -> str:
    """Presses a step's button and gives what became of it, with the guide's own words."""
    await show_guide(page, phone=phone)
    row = f'[data-step="{step}"]'
    await page.wait_for_selector(f"{row} button:not([disabled])", timeout=60_000)
    await page.click(f"{row} button")
    ended = f'{row}[data-phase="done"], {row}[data-phase="failed"]'
    await page.wait_for_selector(ended, timeout=STEP_MILLISECONDS, state="attached")
    phase = await page.get_attribute(row, "data-phase")
    return f"{phase}: {await page.text_content(f'{row} p')}"


async def _traced(seen: Visit) -> None:
    """Every answer of the bot leads to its trace, across the services."""
    page = seen.page
    answer = page.locator(".side-place .message", has=page.locator(".tag")).last
    await answer.hover()
    await answer.locator(".trace-button").click()
    await page.locator(".span-row").first.wait_for()
    for service in ("gateway", "executor", "llm", "ratelimit"):  # each exports when it likes; the view follows
        await page.locator(".legend", has_text=service).wait_for()
    await page.keyboard.press("Escape")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
async def test_the_six_things_work_one_click_each(browser: Browser, platform: RunningPlatform, phone: bool) -> None:
    seen = await visit(browser, platform.page, guide=True, phone=phone)
    for step in STEPS:
        assert (await take_step(seen.page, step, phone=phone)).startswith("done"), step
        if step == "continue" and not phone:
            await _traced(seen)
    assert seen.complaints == []


async def test_a_profession_is_chosen_in_the_form_or_left_open(browser: Browser, platform: RunningPlatform) -> None:
    seen = await visit(browser, platform.page)
    page = seen.page
    for profession, said in (("Blacksmithing", "Blacksmithing"), ("", "say which")):
        await page.fill("#composer", "/request new")
        await page.press("#composer", "Enter")
        # Nothing has to be filled in, so the second Enter uses the command.
        await page.locator(".command-form .command-name:focus").wait_for()
        await page.keyboard.press("Enter")
        await page.fill('.modal [data-custom-id="item"]', "Lantern of no recipe")
        if profession:
            await page.click(".modal .select")
            await page.click(f'.select-list .option:has-text("{profession}")')
        await page.click(".modal .primary")
        await page.locator(".message", has_text=said).last.wait_for()
        await page.locator(".modal").wait_for(state="detached")
    assert seen.complaints == []
