"""The page's part of the sandbox's benchmark, in small: it measures, and says so where it cannot."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from benchmarks import sandbox_page
from sandbox.app import Sandbox


async def test_the_page_is_measured(browser: Browser, server: Sandbox) -> None:
    found = await sandbox_page.measure(server.url, server.control_token, loads=1, events=20)
    assert all(figure is not None and figure > 0 for figure in found.values()), found


async def test_a_browser_that_fails_leaves_the_other_figures(
    server: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHROMIUM", "/bin/false")
    found = await sandbox_page.measure(server.url, server.control_token, loads=1, events=1)
    assert found == {"page_interactive_ms": None, "paint_p95_ms": None}
    assert "not measured" in capsys.readouterr().out
