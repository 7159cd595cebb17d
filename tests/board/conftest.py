"""The board on each database, in this process, and people who use it."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from guildhall.board.v1 import (
    character_pb2_grpc,
    event_pb2_grpc,
    history_pb2_grpc,
    member_pb2_grpc,
    profession_pb2_grpc,
    request_pb2_grpc,
    statistics_pb2_grpc,
)
from guildhall.person.v1 import person_pb2_grpc

from chassis.caller import Caller, Person, acting_for
from chassis.caller_signing import Signer
from chassis.rpc.channel import Channel, open_channel
from chassis.testing import RunningService, TestKeys, running_service
from sandbox.control.client import SandboxClient
from services.board.__main__ import build
from services.board.settings import BoardSettings
from tests.board.screen import Screen
from tests.support import ManualClock
from tests.support.platform import RunningPlatform

GUILD = 500
MANAGE_GUILD = 0x20
CONFIGURATION = """
professions:
  alchemy:
    name: Alchemy
    aliases: [Alch]
    max_level: 100
    specialities: [Potions, Transmutation]
    qualities: [Rank 1, Rank 2]
    items:
      - {name: Flask of Power, level: 50}
      - {name: Living Steel, level: 80, speciality: Transmutation}
  smithing:
    name: Blacksmithing
    aliases: [BS]
    max_level: 100
    items:
      - {name: Iron Sword, level: 10}
  cooking: {name: Cooking}
"""


@dataclass(frozen=True)
class Client:
    """One person's connection to the board."""

    requests: request_pb2_grpc.RequestServiceStub
    characters: character_pb2_grpc.CharacterServiceStub
    members: member_pb2_grpc.MemberServiceStub
    professions: profession_pb2_grpc.ProfessionServiceStub
    statistics: statistics_pb2_grpc.StatisticsServiceStub
    history: history_pb2_grpc.HistoryServiceStub
    events: event_pb2_grpc.EventServiceStub
    data: person_pb2_grpc.PersonDataServiceStub


def client_on(channel: grpc.aio.Channel) -> Client:
    """The board's services on a channel."""
    return Client(
        request_pb2_grpc.RequestServiceStub(channel),
        character_pb2_grpc.CharacterServiceStub(channel),
        member_pb2_grpc.MemberServiceStub(channel),
        profession_pb2_grpc.ProfessionServiceStub(channel),
        statistics_pb2_grpc.StatisticsServiceStub(channel),
        history_pb2_grpc.HistoryServiceStub(channel),
        event_pb2_grpc.EventServiceStub(channel),
        person_pb2_grpc.PersonDataServiceStub(channel),
    )


class World:
    """A running board, and clients of it as different people."""

    def __init__(self, service: RunningService[BoardSettings], clock: ManualClock) -> None:
        self.service = service
        self.clock = clock

    @asynccontextmanager
    async def person(
        self, user_id: int, name: str = "", *, officer: bool = False, guild_id: int = GUILD
    ) -> AsyncIterator[Client]:
        """A member of the guild at gateway."""
        permissions = MANAGE_GUILD if officer else 0
        person = Person(user_id, guild_id, (), permissions, name or f"Member {user_id}", "en-GB")
        async with self._channel(Caller("gateway", person)) as channel:
            yield client_on(channel)

    @asynccontextmanager
    async def system(self) -> AsyncIterator[Client]:
        """executor, for nobody in particular."""
        async with self._channel(Caller("executor")) as channel:
            yield client_on(channel)

    @asynccontextmanager
    async def _channel(self, caller: Caller) -> AsyncIterator[Channel]:
        # Signed by the test's clock, because the board tells by it whether a caller has expired.
        channel = open_channel(self.service.address, "board", Signer(caller.service, TestKeys(), self.clock))
        try:
            yield _ActingChannel(channel, caller.person)  # type: ignore[misc]
        finally:
            await channel.close()


class _ActingChannel:
    """A channel each of whose calls is made for one person, whichever task makes it."""

    def __init__(self, channel: Channel, person: Person | None) -> None:
        self._channel = channel
        self._person = person

    def __getattr__(self, name: str) -> Any:
        make = getattr(self._channel, name)

        def method(*arguments: Any, **options: Any) -> Any:
            call = make(*arguments, **options)

            def called(*values: Any, **more: Any) -> Any:
                with acting_for(self._person):
                    return call(*values, **more)

            return called

        return method


Start = Callable[..., AbstractAsyncContextManager[World]]


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database: every test that asks for it runs on both kinds."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'board.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def start(redis_url: str, clock: ManualClock, tmp_path: Path) -> Iterator[Start]:
    """Starts a board on a database; more than one may run on PostgreSQL."""
    configuration = tmp_path / "guildhall.yaml"
    configuration.write_text(CONFIGURATION)

    @asynccontextmanager
    async def started(url: str, **more: str) -> AsyncIterator[World]:
        variables = {"DATABASE_URL": url, "REDIS_URL": redis_url, "GUILDHALL_CONFIG": str(configuration), **more}
        async with running_service("board", BoardSettings, build, variables=variables, clock=clock) as service:
            yield World(service, clock)

    yield started


@pytest.fixture
async def world(start: Start, database_url: str) -> AsyncIterator[World]:
    """A board on each database."""
    async with start(database_url) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def platform(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningPlatform]:
    """The whole platform."""
    folder: Path = tmp_path_factory.mktemp("board")
    async with RunningPlatform(folder) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def sandbox(platform: RunningPlatform) -> AsyncIterator[SandboxClient]:
    """The sandbox of the platform."""
    async with SandboxClient(platform.page, platform.control_token) as client:
        yield client


@pytest.fixture
def member(sandbox: SandboxClient) -> Screen:
    """Somebody who asks."""
    return Screen(sandbox, "member")


@pytest.fixture
def crafter(sandbox: SandboxClient) -> Screen:
    """Somebody who makes."""
    return Screen(sandbox, "crafter")


@pytest.fixture
def owner(sandbox: SandboxClient) -> Screen:
    """An officer."""
    return Screen(sandbox, "owner")
