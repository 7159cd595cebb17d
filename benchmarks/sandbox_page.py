"""How quickly the sandbox's page opens, and how quickly what happens is seen: measured in a real Chromium.

`page_interactive_ms` is from navigation to the moment one can write (the page's own mark, median of five fresh loads,
each with an empty cache). `paint_p95_ms` is from the moment before a message is sent to the frame that shows it, at 20
messages a second, on this machine's one clock: the sandbox's work, the way over the WebSocket and the painting.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import aiohttp
from playwright.async_api import Browser, Page, async_playwright
from playwright.async_api import Error as BrowserError

from sandbox.app import running
from sandbox.settings import SandboxOptions

LOADS = 5
EVENTS = 400
EVENTS_A_SECOND = 20.0
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# Notes, for each message that appears, the time of the first frame after it stands in the document.
_WATCH = """() => {
  window.painted = {};
  new MutationObserver((changes) => {
    const found = [];
    for (const change of changes) for (const node of change.addedNodes) {
      const match = /^bench (\\d+)/.exec(node.querySelector?.(".content")?.textContent ?? "");
      if (match) found.push(match[1]);
    }
    if (found.length) requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => {
        for (const number of found) window.painted[number] = performance.timeOrigin + performance.now();
      };
      channel.port2.postMessage(null);
    });
  }).observe(document.querySelector(".message-list"), { childList: true });
}"""


def chromium() -> str:
    """Where Chromium is; empty where there is none."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""


async def _open(browser: Browser, url: str) -> tuple[Page, float]:
    # The page forbids `eval`, by which Playwright waits for a condition.
    context = await browser.new_context(viewport={"width": 1440, "height": 900}, bypass_csp=True)
    page = await context.new_page()
    await page.goto(url)
    await page.wait_for_selector('html[data-ready="true"]', timeout=30_000)
    mark = await page.evaluate("performance.getEntriesByName('guildhall-interactive')[0].startTime")
    return page, float(mark)


async def _paints(page: Page, url: str, token: str, events: int) -> list[float]:
    await page.evaluate(_WATCH)
    channel = await page.evaluate("location.hash.split('/').at(-1)")
    headers = {"Authorization": f"Bearer {token}"}
    sent: dict[str, float] = {}
    async with aiohttp.ClientSession(url, headers=headers) as session:

        async def send(number: int) -> None:
            path = f"/control/as/moderator/api/channels/{channel}/messages"
            sent[str(number)] = time.time() * 1000
            async with session.post(path, json={"content": f"bench {number} with **some** words and `code`"}) as answer:
                answer.raise_for_status()

        start = time.monotonic()
        tasks = []
        for number in range(events):
            await asyncio.sleep(max(0.0, start + number / EVENTS_A_SECOND - time.monotonic()))
            tasks.append(asyncio.create_task(send(number)))
        await asyncio.gather(*tasks)
    # Asked from here: what Playwright polls inside the page is an eval, which the page's own policy forbids.
    painted: dict[str, float] = {}
    async with asyncio.timeout(15):
        while len(painted) < events:
            await asyncio.sleep(0.1)
            painted = await page.evaluate("window.painted")
    return [painted[number] - at for number, at in sent.items()]


async def measure(url: str, token: str, *, loads: int = LOADS, events: int = EVENTS) -> dict[str, float | None]:
    """Both figures for a sandbox that runs at `url` with that control token.

    None, with the reason printed, where there is no Chromium or it did not do as asked: what was measured beside the
    page is worth having all the same.
    """
    try:
        if chromium():
            return await _measure(url, token, loads, events)
        reason = "no Chromium is installed"
    except (BrowserError, TimeoutError) as error:
        reason = str(error) or "it did not paint what was sent"
    print(f"The page is not measured: {reason}")
    return {"page_interactive_ms": None, "paint_p95_ms": None}


async def _measure(url: str, token: str, loads: int, events: int) -> dict[str, float | None]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        marks = []
        for _ in range(loads):
            page, mark = await _open(browser, url)
            marks.append(mark)
            await page.context.close()
        page, _ = await _open(browser, url)
        paints = sorted(await _paints(page, url, token, events))
        await browser.close()
    return {
        "page_interactive_ms": round(statistics.median(marks), 1),
        "paint_p95_ms": round(paints[int(0.95 * len(paints))], 1),
        "paint_p50_ms": round(statistics.median(paints), 1),
    }


async def main() -> None:
    """Measures a sandbox of its own and prints the figures as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        async with running(SandboxOptions(port=0, state_dir=Path(folder))) as sandbox:
            print(json.dumps(await measure(sandbox.url, sandbox.control_token)))


if __name__ == "__main__":
    asyncio.run(main())
