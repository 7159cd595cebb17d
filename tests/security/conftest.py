"""A platform with secrets planted in it, among them the key of a provider that gives it away."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import pytest_asyncio
from aiohttp import web

from chassis.settings.shared import SERVICES
from sandbox.control.client import SandboxClient
from tests.support import free_port
from tests.support.platform import RunningPlatform


@dataclass
class Target:
    """What is attacked."""

    platform: RunningPlatform
    sandbox: SandboxClient
    ports: dict[str, int]
    planted: dict[str, str]

    def secrets(self) -> dict[str, str]:
        """Every secret there is, by what it is: planted, or made at the start."""
        folder = self.platform.folder.keys
        made = {str(path.relative_to(folder)): path.read_text().strip() for path in folder.rglob("*") if path.is_file()}
        return self.planted | made


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def target(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Target]:
    """The running platform."""
    if not os.environ.get("GUILDHALL_TEST_SECURITY"):
        pytest.skip("the running platform is attacked by `make test-security` only")
    async with AsyncExitStack() as stack:
        ports = {name: free_port() for name in (*SERVICES, "sandbox")}
        planted = {
            "openai key": "sk-planted-" + secrets.token_hex(20),
            "anthropic key": "sk-ant-planted-" + secrets.token_hex(20),
            "spotify secret": "planted" + secrets.token_hex(20),
        }
        runner = web.AppRunner(_telltale())
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        environment = {
            **{f"{name.upper()}_PORT": str(port) for name, port in ports.items()},
            "OPENAI_API_KEY": planted["openai key"],
            "OPENAI_BASE_URL": f"http://127.0.0.1:{ports['sandbox']}/v1",
            "ANTHROPIC_API_KEY": planted["anthropic key"],
            "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{runner.addresses[0][1]}",
            # The sandbox answers unless a question names the provider that gives its key away.
            "GUILDHALL_LLM__DEFAULT_MODELS": '["openai/demo"]',
            "GUILDHALL_LLM__TITLE_MODELS": '["openai/demo"]',
            "SPOTIFY_CLIENT_ID": "planted-id",
            "SPOTIFY_CLIENT_SECRET": planted["spotify secret"],
            "GUILDHALL_LOGGING__LEVEL": "debug",
        }
        folder = tmp_path_factory.mktemp("security")
        platform = await stack.enter_async_context(RunningPlatform(folder, environment))
        sandbox = await stack.enter_async_context(SandboxClient(platform.page, platform.control_token))
        yield Target(platform, sandbox, ports, planted)


def _telltale() -> web.Application:
    """A provider that answers with what it was sent, as gateways in front of providers do when something is wrong."""

    async def echo(request: web.Request) -> web.Response:
        shown = {name: request.headers.get(name, "") for name in ("x-api-key", "authorization")}
        body = {"type": "error", "error": {"type": "authentication_error", "message": f"refused: {shown}"}}
        return web.json_response(body, status=401)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", echo)
    return app
