"""One application on one port: Discord's REST and gateway, control API, page, demo model, trace receiver."""

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from sandbox import model, page, traces
from sandbox.clock import MovableClock
from sandbox.conformance import checker_for, find_description
from sandbox.control import acting, inside, waiting
from sandbox.control.auth import guard, is_loopback_name
from sandbox.control.context import Control
from sandbox.discord import cdn, store
from sandbox.discord.core import threads
from sandbox.discord.gateway.hub import Hub
from sandbox.discord.gateway.socket import GatewaySocket
from sandbox.discord.rest.pipeline import Rest
from sandbox.discord.rest.routes import ROUTER
from sandbox.discord.rest.settings import Settings
from sandbox.discord.seed import BOT_ID, seed
from sandbox.discord.tokens import new_bot_token
from sandbox.discord.world import World
from sandbox.saving import Saver
from sandbox.settings import SandboxOptions, token_in

_HOUSEKEEPING_SECONDS = 5.0
_GATEWAY_PATHS = ("/", "/gateway", "/gateway/")


@dataclass
class Sandbox:
    """A running sandbox: where it is and what opens it."""

    url: str
    bot_token: str
    control_token: str
    world: World
    rest: Rest
    hub: Hub
    control: Control

    @property
    def api(self) -> str:
        """What a bot's library takes as its base address."""
        return f"{self.url}/api/v10"


def build(options: SandboxOptions, url: str) -> tuple[web.Application, Sandbox]:
    """Puts the parts together; nothing listens yet."""
    if not ROUTER.routes:
        raise RuntimeError("no routes were registered")
    bot_token = options.bot_token or token_in(options.state_dir, "bot-token", lambda: new_bot_token(BOT_ID))
    control_token = options.control_token or token_in(options.state_dir, "control-token", secrets.token_urlsafe)
    clock = MovableClock()
    world = World(clock, url)
    settings = Settings(
        latency_ms=options.latency_ms,
        strict=options.strict,
        rate_limits=options.rate_limits,
        identify_limit=options.identify_limit,
        max_concurrency=options.max_concurrency,
        shards=options.shards,
    )
    _configure(world, settings)
    if options.state is None or not store.load(world, options.state, bot_token):
        seed(world, bot_token)
    rest = Rest(world, settings, checker_for(options.openapi or find_description()))
    hub = Hub(world)
    stopping = asyncio.Event()

    def reset() -> None:
        fresh = World(clock, url)
        seed(fresh, bot_token)
        for session in list(hub.sessions.values()):
            if session.close is not None:
                session.close(4009, "The sandbox was reset.")
        hub.sessions.clear()
        store.replace(world, fresh)
        _configure(world, settings)
        rest.limits = type(rest.limits)(clock)

    control = Control(world, rest, hub, reset, clock.advance, stopping)
    app = web.Application(
        middlewares=[_gateway_first(hub, settings), guard(control_token)], client_max_size=64 * 1024 * 1024
    )
    if options.state is not None:
        Saver(world, options.state, options.state_seconds).attach(app)
    app.router.add_route("*", "/api/{tail:.*}", rest.handle)

    acting.Acting(control).add_to(app)
    inside.Inside(control).add_to(app)
    waiting.add_routes(app, control)
    cdn.add_routes(app, world)
    if options.with_extras:
        model.add_routes(app)
        traces.add_routes(app)
        page.add_routes(app, control_token=control_token)

    async def housekeeping(_: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(_keep_house(world, hub))
        yield
        stopping.set()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for session in list(hub.sessions.values()):
            if session.close is not None:
                session.close(1001, "The sandbox stops.")

    app.cleanup_ctx.append(housekeeping)
    return app, Sandbox(url, bot_token, control_token, world, rest, hub, control)


def _gateway_first(hub: Hub, settings: Settings) -> Middleware:
    """The gateway's WebSocket shares the root path with the page."""

    @web.middleware
    async def route(request: web.Request, handler: Handler) -> web.StreamResponse:
        upgrading = request.headers.get("Upgrade", "").lower() == "websocket"
        if upgrading and request.path in _GATEWAY_PATHS:
            return await GatewaySocket(hub, heartbeat_ms=settings.heartbeat_ms).serve(request)
        return await handler(request)

    return route


def _configure(world: World, settings: Settings) -> None:
    world.session_starts.enforced = settings.identify_limit
    world.session_starts.max_concurrency = settings.max_concurrency
    world.session_starts.recommended_shards = settings.shards


async def _keep_house(world: World, hub: Hub) -> None:
    while True:
        await asyncio.sleep(_HOUSEKEEPING_SECONDS)
        threads.archive_idle(world)
        hub.forget_expired()
        world.tidy()


@asynccontextmanager
async def running(options: SandboxOptions) -> AsyncIterator[Sandbox]:
    """A sandbox that listens; port 0 takes a free one. Only loopback addresses are served."""
    if not is_loopback_name(options.host):
        raise ValueError(f"{options.host} is no loopback address; the sandbox serves this machine alone")
    six = ":" in options.host
    listener = socket.create_server(
        (options.host, options.port), family=socket.AF_INET6 if six else socket.AF_INET, backlog=512
    )
    port = listener.getsockname()[1]
    # Behind a relay, as in a container, others know the sandbox by another address than the one it listens on.
    url = options.public_url or f"http://{f'[{options.host}]' if six else options.host}:{port}"
    app, sandbox = build(replace(options, port=port), url)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    site = web.SockSite(runner, listener)
    try:
        await site.start()
        yield sandbox
    finally:
        await runner.cleanup()
