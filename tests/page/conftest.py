"""A real Chromium on a real sandbox; where no Chromium is installed these tests are skipped, aloud."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, Request, ViewportSize, async_playwright, expect
from playwright.async_api import TimeoutError as TooLate

from sandbox.app import Sandbox, running
from sandbox.control.client import SandboxClient
from sandbox.settings import SandboxOptions
from tests.page.bot import ShowBot
from tests.support.waiting import eventually

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
# What a busy machine may take; who waits for less tests the machine.
PATIENCE_SECONDS = 30.0
expect.set_options(timeout=PATIENCE_SECONDS * 1000)


@pytest_asyncio.fixture
async def browser() -> AsyncIterator[Browser]:
    """A Chromium of the test's own, with a new profile."""
    if not CHROMIUM:
        pytest.skip("no Chromium is installed: the page was NOT tried in a browser (Debian: apt install chromium)")
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        await chromium.close()


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """A sandbox with its page."""
    options = SandboxOptions(port=0, state_dir=tmp_path, bot_token="page.bot.token", control_token="page-control")
    async with running(options) as sandbox:
        yield sandbox


@pytest_asyncio.fixture
async def control(server: Sandbox) -> AsyncIterator[SandboxClient]:
    """Its control API."""
    async with SandboxClient(server.url, server.control_token) as client:
        yield client


@pytest_asyncio.fixture
async def bot(server: Sandbox) -> AsyncIterator[ShowBot]:
    """A bot that shows everything."""
    async with ShowBot(server.api, server.bot_token) as connected:
        yield connected


@dataclass
class Visit:
    """A page that was opened, and what its console said of errors."""

    page: Page
    complaints: list[str]

    async def say(self, text: str) -> None:
        """Writes a message as the person at the page."""
        await self.page.fill("#composer", text)
        await self.page.press("#composer", "Enter")

    async def shown(self, text: str, *, within: str = ".message") -> Any:
        """Waits until a text stands in a message."""
        found = self.page.locator(within, has_text=text).last
        await found.wait_for()
        return found

    async def until(self, expression: str) -> None:
        """Waits until an expression is true in the page.

        Asked from here: what Playwright polls inside the page is an ``eval`` there, which the page's own policy forbids
        from the second time on.
        """

        await eventually(lambda: self.page.evaluate(expression), timeout=PATIENCE_SECONDS)

    async def command(self, text: str) -> None:
        """Uses a slash command that has no options, which one Enter does."""
        await self.page.fill("#composer", text)
        await self.page.press("#composer", "Enter")


async def visit(
    browser: Browser, address: str, *, person: str = "member", phone: bool = False, guide: bool = False
) -> Visit:
    """Opens the page as a person and waits until it can be used."""
    context = await browser.new_context(viewport=PHONE if phone else DESKTOP, has_touch=phone)
    page = await context.new_page()
    complaints: list[str] = []
    dropped: list[str] = []

    def note(what: str) -> None:
        # Chromium drops what it loads when an interface of the machine comes or goes; that is not the page's doing.
        (dropped if "ERR_NETWORK_CHANGED" in what else complaints).append(what)

    def listen(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            note(f"{message.type}: {message.text}")

    def listen_to_failures(request: Request) -> None:
        # What was still loading when a person went on is given up by the browser.
        if request.failure != "net::ERR_ABORTED":
            note(f"failed: {request.failure} {request.url}")

    page.on("console", listen)
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on("requestfailed", listen_to_failures)
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((address, address.replace("http", "ws"), "data:", "blob:"))
            else complaints.append(f"from outside: {request.url}")
        ),
    )
    if not guide:
        await page.add_init_script('localStorage.setItem("guildhall-guide", "closed");')
    for last in (False, False, True):
        await page.goto(address)
        try:
            await page.wait_for_selector('html[data-ready="true"]', timeout=PATIENCE_SECONDS * 1000)
            break
        except TooLate:
            if last or not dropped:
                said = await page.inner_text("body")
                raise AssertionError(f"the page did not open: {complaints} {dropped} {said}") from None
            dropped.clear()
    if person != "member":
        await become(page, person)
    return Visit(page, complaints)


async def become(page: Page, shown_name: str) -> None:
    """Switches to another person by the name that the page shows."""
    if not await page.is_visible(".me-button"):
        await page.click('button[aria-label="Channels"]:visible')
    await page.click(".me-button")
    await page.click(f'.people-list .option:has-text("{shown_name}")')
    await page.locator(".me-name b", has_text=shown_name).wait_for()


@pytest_asyncio.fixture
async def opened(browser: Browser, server: Sandbox) -> AsyncIterator[Visit]:
    """The page at desktop width; it must not have complained in the end."""
    seen = await visit(browser, server.url)
    yield seen
    assert seen.complaints == []


@pytest_asyncio.fixture
async def opened_phone(browser: Browser, server: Sandbox) -> AsyncIterator[Visit]:
    """The page at phone width; it must not have complained in the end."""
    seen = await visit(browser, server.url, phone=True)
    yield seen
    assert seen.complaints == []
