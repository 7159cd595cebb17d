"""How the page is served: to this machine alone, under a strict policy, with nothing beside its folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from sandbox.page import add_routes
from sandbox.page.routes import STATIC


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    app = web.Application()
    add_routes(app, control_token='se"cret')
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    async with aiohttp.ClientSession(f"http://{host}:{port}") as session:
        yield session
    await runner.cleanup()


async def test_the_page_carries_the_token_and_names_every_module(http: aiohttp.ClientSession) -> None:
    async with http.get("/") as answer:
        text = await answer.text()
        assert answer.headers["Cache-Control"] == "no-store"
    assert 'content="se&quot;cret"' in text
    modules = list((STATIC / "js").rglob("*.js"))
    assert text.count('rel="modulepreload"') == len(modules) > 40


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8100", "127.0.0.1.evil.example", "10.0.0.1", ""])
async def test_a_name_that_is_not_this_machine_gets_no_token(http: aiohttp.ClientSession, host: str) -> None:
    async with http.get("/", headers={"Host": host}) as answer:
        assert answer.status in (400, 403)
        assert "secret" not in await answer.text()


@pytest.mark.parametrize("host", ["localhost:8100", "127.0.0.1", "[::1]:8100", "guildhall.localhost"])
async def test_loopback_names_are_served(http: aiohttp.ClientSession, host: str) -> None:
    async with http.get("/", headers={"Host": host}) as answer:
        assert answer.status == 200


async def test_the_policy_lets_nothing_in_from_outside_or_inline(http: aiohttp.ClientSession) -> None:
    for path in ("/", "/page/js/main.js", "/page/css/theme.css", "/favicon.ico"):
        async with http.get(path) as answer:
            policy = answer.headers["Content-Security-Policy"]
            assert answer.status == 200
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy


@pytest.mark.parametrize(
    "path",
    [
        "/page/../routes.py",
        "/page/%2e%2e/routes.py",
        "/page/js/..%2f..%2f..%2froutes.py",
        "/page/index.html",
        "/page/js",
        "/page/no.js",
    ],
)  # fmt: skip
async def test_nothing_beside_the_pages_files_is_served(http: aiohttp.ClientSession, path: str) -> None:
    async with http.get(path) as answer:
        assert answer.status == 404


async def test_files_are_asked_for_once(http: aiohttp.ClientSession) -> None:
    async with http.get("/page/js/main.js") as answer:
        assert answer.content_type == "text/javascript"
        tag = answer.headers["ETag"]
    async with http.get("/page/js/main.js", headers={"If-None-Match": tag}) as answer:
        assert answer.status == 304


MARKUP = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "srcdoc")


def test_no_module_reads_texts_as_markup_or_names_another_place() -> None:
    for path in sorted(Path(STATIC).rglob("*.js")):
        source = path.read_text("utf-8")
        for word in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
            "srcdoc",
        ):
            assert word not in source, f"{word} in {path.name}"
        assert "https://" not in source.replace("http://www.w3.org/2000/svg", ""), path.name
