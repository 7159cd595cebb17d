"""What the control routes share: the parts of one sandbox, and finding people and channels by id or name."""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from sandbox.discord.checks.fields import as_snowflake
from sandbox.discord.core.options import find_user
from sandbox.discord.entities import Channel
from sandbox.discord.errors import DiscordError
from sandbox.discord.events import Event
from sandbox.discord.gateway.hub import Hub
from sandbox.discord.rest.pipeline import Rest
from sandbox.discord.world import World

EVENTS_KEPT = 5000
Handler = Callable[[web.Request], Awaitable[Any]]


@dataclass
class Control:
    """One sandbox as the control API sees it. `events` are the latest, for waits that look back."""

    world: World
    rest: Rest
    hub: Hub
    reset: Callable[[], None]
    advance: Callable[[float], None]
    stopping: asyncio.Event
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=EVENTS_KEPT))
    _waiters: set[asyncio.Event] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.attach()

    def attach(self) -> None:
        """Listens to the world (anew after a reset)."""
        self.world.subscribe(self.on_event)

    def on_event(self, event: Event) -> None:
        """Keeps an event and wakes whoever waits."""
        self.events.append(event)
        self.wake()

    def wake(self) -> None:
        """Something may have changed."""
        for waiter in self._waiters:
            waiter.set()

    async def until(self, check: Callable[[], Any], timeout: float) -> Any:
        """What `check` answers once that is not None; None when the time is over."""
        changed = asyncio.Event()
        self._waiters.add(changed)
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        try:
            while True:
                changed.clear()
                found = check()
                if found is not None:
                    return found
                left = end - loop.time()
                if left <= 0:
                    return None
                try:
                    # A change that no event tells of (a clock moved, a callback) is seen within this time.
                    async with asyncio.timeout(min(left, 0.05)):
                        await changed.wait()
                except TimeoutError:
                    continue
        finally:
            self._waiters.discard(changed)

    def person(self, request: web.Request) -> int:
        """The person that the path names."""
        return find_user(self.world, request.match_info["person"])

    def channel(self, wanted: str, user_id: int) -> Channel:
        """A channel by id, or by name among those that the person sees."""
        number = as_snowflake(wanted)
        if number is not None:
            found = self.world.channel(number)
            if not self.world.can_view(found, user_id):
                raise DiscordError(50001)
            return found
        named = [c for c in self.world.channels.values() if c.name == wanted and self.world.can_view(c, user_id)]
        if not named:
            raise DiscordError(10003)
        return named[0]


def answers(handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """A handler that answers plain data, its refusals in Discord's shape."""

    async def answer(request: web.Request) -> web.StreamResponse:
        try:
            result = await handler(request)
        except DiscordError as error:
            return _json(error.body(), error.status)
        return result if isinstance(result, web.StreamResponse) else _json(result, 200)

    return answer


def _json(data: Any, status: int) -> web.Response:
    return web.Response(status=status, text=json.dumps(data, ensure_ascii=False), content_type="application/json")
