"""What the service's tests share: a running service on a real Redis, and stubs to call it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
import yaml
from guildhall.ratelimit.v1 import discord_pb2_grpc, ratelimit_pb2_grpc

from chassis.caller import Caller
from chassis.testing import channel_to, running_service
from services.ratelimit.app import build
from services.ratelimit.settings import RatelimitSettings

Stubs = tuple[ratelimit_pb2_grpc.RateLimitServiceStub, discord_pb2_grpc.DiscordLimitServiceStub]
Start = Callable[..., AbstractAsyncContextManager[Stubs]]


@pytest.fixture
def start(redis_url: str, tmp_path: Any) -> Start:
    """Starts a replica with some configuration (sections `limits` and `ratelimit`) and gives stubs to call it."""

    @asynccontextmanager
    async def replica(
        limits: dict[str, Any] | None = None,
        ratelimit: dict[str, Any] | None = None,
        *,
        caller: Caller | None = None,
        url: str = redis_url,
        variables: dict[str, str] | None = None,
    ) -> AsyncIterator[Stubs]:
        path = tmp_path / f"guildhall-{len(list(tmp_path.iterdir()))}.yaml"
        sections = {"limits": limits, "ratelimit": ratelimit}
        path.write_text(yaml.safe_dump({name: section for name, section in sections.items() if section}))
        given = {"GUILDHALL_CONFIG": str(path), "REDIS_URL": url} | (variables or {})
        async with (
            running_service("ratelimit", RatelimitSettings, build, variables=given) as service,
            channel_to(service.address, caller or Caller("gateway"), audience="ratelimit") as channel,
        ):
            yield (
                ratelimit_pb2_grpc.RateLimitServiceStub(channel),
                discord_pb2_grpc.DiscordLimitServiceStub(channel),
            )

    return replica
