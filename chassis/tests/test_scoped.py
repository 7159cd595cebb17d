import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import grpc
import pytest
import redis
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Value as JsonValue
from guildhall.settings.v1 import settings_pb2, settings_pb2_grpc
from hypothesis import given
from hypothesis import strategies as st

from chassis.caller import Caller, Person
from chassis.errors import Aborted, GuildhallError, InvalidArgument, PermissionDenied, from_rpc_error
from chassis.runtime import Runtime
from chassis.scoped import Declarations, Place, Scope, ScopedSettings, ScopeKind, Setting, SettingsMirror, ValueKind
from chassis.scoped.permissions import ADMINISTRATOR, MANAGE_CHANNELS, MANAGE_GUILD, require_right
from chassis.settings import Section
from chassis.testing import RunningService, channel_to, running_service
from tests.support import eventually

GUILD, CATEGORY, CHANNEL, THREAD, PERSON = 10, 20, 30, 40, 50
PLACE = Place(GUILD, CATEGORY, CHANNEL, THREAD, PERSON)
MODEL = Setting("model", ValueKind.TEXT, "The model.", default="small")
RESPOND = Setting("respond", ValueKind.BOOL, "Answer everything.", default=False, scopes=(ScopeKind.CHANNEL,))
SIZE = Setting("size", ValueKind.INTEGER, "How big.", minimum=1, maximum=10)
ROLES = Setting("roles", ValueKind.TEXTS, "Who may.", default=(), permissions=1 << 28)
DECLARED = (MODEL, RESPOND, SIZE, ROLES)


class Empty(Section):
    """No settings of its own."""


def scope(kind: str, identifier: int | None = None) -> Scope:
    found = ScopeKind[kind.upper()]
    known = {"guild": GUILD, "category": CATEGORY, "channel": CHANNEL, "thread": THREAD, "person": PERSON}[kind]
    return Scope(found, 0 if kind == "person" else GUILD, identifier or known)


def variables(**given: str) -> dict[str, str]:
    """An environment with the test's own configuration file."""
    return {"GUILDHALL_CONFIG": os.environ["GUILDHALL_CONFIG"], **given}


@asynccontextmanager
async def serving(redis_url: str) -> AsyncIterator[tuple[RunningService[Empty], ScopedSettings]]:
    made: list[ScopedSettings] = []

    async def build(runtime: Runtime[Empty]) -> None:
        made.append(ScopedSettings.serve(runtime, DECLARED))

    async with running_service("llm", Empty, build, variables=variables(REDIS_URL=redis_url)) as service:
        yield service, made[0]


@asynccontextmanager
async def stub_for(
    service: RunningService[Empty], person: Person | None = None
) -> AsyncIterator[settings_pb2_grpc.SettingsServiceStub]:
    async with channel_to(service.address, Caller("gateway", person), audience="llm") as channel:
        yield settings_pb2_grpc.SettingsServiceStub(channel)


def update(where: Scope, cleared: tuple[str, ...] = (), **values: Any) -> settings_pb2.UpdateSettingsRequest:
    kind: Any = where.kind
    request = settings_pb2.UpdateSettingsRequest(
        scope=settings_pb2.Scope(kind=kind, guild_id=where.guild_id, id=where.id), cleared_keys=cleared
    )
    for key, value in values.items():
        request.values[key].CopyFrom(ParseDict(value, JsonValue()))
    return request


async def refusal(call: Any) -> GuildhallError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return from_rpc_error(caught.value)


async def test_the_nearest_scope_wins(redis_url: str) -> None:
    order = ["guild", "category", "channel", "thread", "person"]
    async with serving(redis_url) as (service, _), stub_for(service) as stub:

        async def model() -> tuple[Any, int]:
            place = settings_pb2.Place(
                guild_id=GUILD, category_id=CATEGORY, channel_id=CHANNEL, thread_id=THREAD, user_id=PERSON
            )
            answer = await stub.GetSettings(settings_pb2.GetSettingsRequest(place=place, keys=["model"]), timeout=5)
            (found,) = answer.settings
            return MessageToDict(found.value), found.source.kind

        assert await model() == ("small", 0)
        for kind in order:
            await stub.UpdateSettings(update(scope(kind), model=f"of the {kind}"), timeout=5)
            assert await model() == (f"of the {kind}", ScopeKind[kind.upper()])
        for kind, next_kind in zip(reversed(order), [*reversed(order[:-1]), None], strict=True):
            await stub.UpdateSettings(update(scope(kind), ("model",)), timeout=5)
            expected = ("small", 0) if next_kind is None else (f"of the {next_kind}", ScopeKind[next_kind.upper()])
            assert await model() == expected


async def test_values_are_checked_each_with_its_mistake(redis_url: str) -> None:
    async with serving(redis_url) as (service, _), stub_for(service) as stub:
        error = await refusal(
            stub.UpdateSettings(update(scope("guild"), model=5, size=11, roles=["a", 1], respond=True), timeout=5)
        )
        assert (type(error), error.reason) == (InvalidArgument, "SETTING_INVALID")
        assert error.fields == {
            "model": "must be a text",
            "size": "must not be over 10",
            "roles": "must be a list of texts",
            "respond": "can't be set for a guild",
        }
        error = await refusal(stub.UpdateSettings(update(scope("guild"), modell="x"), timeout=5))
        assert (error.reason, error.fields) == ("SETTING_UNKNOWN", {"modell": "unknown"})
        for wrong in (settings_pb2.Scope(), settings_pb2.Scope(kind=settings_pb2.SCOPE_KIND_GUILD, guild_id=3, id=4)):
            error = await refusal(stub.UpdateSettings(settings_pb2.UpdateSettingsRequest(scope=wrong), timeout=5))
            assert error.reason == "SCOPE_INVALID"


async def test_a_version_that_is_not_in_force_any_more_is_refused(redis_url: str) -> None:
    async with serving(redis_url) as (service, settings), stub_for(service) as stub:
        first = (await stub.UpdateSettings(update(scope("guild"), model="a"), timeout=5)).settings
        assert first.version == 1
        request = update(scope("guild"), model="b")
        request.expected_version = 1
        assert (await stub.UpdateSettings(request, timeout=5)).settings.version == 2
        error = await refusal(stub.UpdateSettings(request, timeout=5))
        assert (type(error), error.reason, error.metadata) == (Aborted, "SETTINGS_CHANGED", {"version": "2"})

        async def add(number: int) -> None:
            await settings.update(Caller("llm"), scope("guild"), {"size": number % 10 + 1})

        await asyncio.gather(*(add(number) for number in range(8)))
        (held,) = await settings.store.get([scope("guild")])
        assert held.version == 10
        assert held.values["model"] == "b"


@pytest.mark.parametrize(
    ("person", "where", "allowed"),
    [
        (None, scope("guild"), True),
        (Person(PERSON), scope("person"), True),
        (Person(51, GUILD, permissions=ADMINISTRATOR), scope("person"), False),
        (Person(1, GUILD, permissions=MANAGE_GUILD), scope("guild"), True),
        (Person(1, GUILD, permissions=ADMINISTRATOR), scope("category"), True),
        (Person(1, GUILD, permissions=MANAGE_GUILD), scope("channel"), True),
        (Person(1, 99, permissions=ADMINISTRATOR), scope("guild"), False),
        (Person(1, GUILD, permissions=MANAGE_CHANNELS, channel_id=CHANNEL), scope("channel"), True),
        (Person(1, GUILD, permissions=MANAGE_CHANNELS, channel_id=THREAD), scope("thread"), True),
        (Person(1, GUILD, permissions=MANAGE_CHANNELS, channel_id=CHANNEL), scope("channel", 31), False),
        (Person(1, GUILD, permissions=MANAGE_CHANNELS, channel_id=CHANNEL), scope("guild"), False),
        (Person(1, GUILD, permissions=MANAGE_CHANNELS, channel_id=CATEGORY), scope("category"), False),
        (Person(1, GUILD, permissions=0, channel_id=CHANNEL), scope("channel"), False),
    ],
)
async def test_nobody_sets_what_they_could_not_change_in_discord(
    redis_url: str, person: Person | None, where: Scope, allowed: bool
) -> None:
    async with serving(redis_url) as (service, _), stub_for(service, person) as stub:
        call = stub.UpdateSettings(update(where, model="x"), timeout=5)
        if allowed:
            await call
        else:
            error = await refusal(call)
            assert (type(error), error.reason) == (PermissionDenied, "SETTING_FORBIDDEN")


def test_a_setting_may_take_more_permissions() -> None:
    manager = Person(1, GUILD, permissions=MANAGE_GUILD)
    with pytest.raises(PermissionDenied):
        require_right(Caller("gateway", manager), scope("guild"), [MODEL, ROLES])
    require_right(
        Caller("gateway", Person(1, GUILD, permissions=MANAGE_GUILD | 1 << 28)), scope("guild"), [MODEL, ROLES]
    )


async def test_people_cannot_pretend_that_settings_were_recovered(redis_url: str) -> None:
    request = update(scope("guild"), model="x")
    request.recovered = True
    async with serving(redis_url) as (service, _):
        async with stub_for(service, Person(1, GUILD, permissions=ADMINISTRATOR)) as stub:
            assert (await refusal(stub.UpdateSettings(request, timeout=5))).reason == "SETTING_FORBIDDEN"
        async with stub_for(service) as stub:
            assert (await stub.UpdateSettings(request, timeout=5)).settings.recovered


async def test_a_guild_that_is_gone_is_forgotten_whole(redis_url: str) -> None:
    async with serving(redis_url) as (service, settings), stub_for(service) as stub:
        other = Scope(ScopeKind.GUILD, 100, 100)
        for where in (scope("guild"), scope("channel"), scope("thread"), scope("person"), other):
            await stub.UpdateSettings(update(where, model="x"), timeout=5)
        gone = settings_pb2.Scope(kind=settings_pb2.SCOPE_KIND_GUILD, guild_id=GUILD, id=GUILD)
        answer = await stub.DeleteSettings(settings_pb2.DeleteSettingsRequest(scope=gone), timeout=5)
        assert answer.deleted_scopes == 3
        left = {held.scope async for held in settings.store.all()}
        assert left == {scope("person"), other}


@asynccontextmanager
async def mirrored(service: RunningService[Empty]) -> AsyncIterator[tuple[SettingsMirror, Runtime[Empty]]]:
    mirrors: list[SettingsMirror] = []

    async def build(runtime: Runtime[Empty]) -> None:
        mirrors.append(SettingsMirror.start(runtime, "llm"))

    given = variables(GUILDHALL_RPC__ADDRESSES__LLM=service.address)
    async with running_service("gateway", Empty, build, variables=given) as gateway:
        yield mirrors[0], gateway.runtime


async def test_a_mirror_follows_without_asking(redis_url: str) -> None:
    async with serving(redis_url) as (service, settings):
        await settings.update(Caller("llm"), scope("guild"), {"model": "before"})
        await settings.update(Caller("llm"), scope("channel"), {"respond": True, "roles": ["a", "b"]})
        async with mirrored(service) as (mirror, runtime):
            async with asyncio.timeout(10):
                await mirror.current.wait()
            assert mirror.value(PLACE, "model") == "before"
            assert mirror.value(PLACE, "respond") is True
            assert mirror.value(PLACE, "roles") == ("a", "b")
            assert mirror.value(PLACE, "size") is None
            assert mirror.value(PLACE, "unheard of") is None
            assert mirror.value(Place(guild_id=11), "model") == "small"
            await settings.update(Caller("llm"), scope("person"), {"model": "mine"})
            await eventually(lambda: mirror.value(PLACE, "model") == "mine")
            await settings.delete(Caller("llm"), scope("person"))
            await eventually(lambda: mirror.value(PLACE, "model") == "before")
            assert runtime.health("settings.llm").is_serving


async def test_who_changes_something_reads_it_at_once(redis_url: str) -> None:
    async with serving(redis_url) as (service, _settings), mirrored(service) as (mirror, _), stub_for(service) as stub:
        async with asyncio.timeout(10):
            await mirror.current.wait()
        for turn in range(20):
            held = await stub.UpdateSettings(update(scope("guild"), model=f"model {turn}"), timeout=5)
            mirror.learn(held.settings)
            assert mirror.value(PLACE, "model") == f"model {turn}"
        await eventually(lambda: mirror.value(PLACE, "model") == "model 19")


async def test_a_mirror_outlives_the_service_and_the_loss_of_its_store(redis_url: str) -> None:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(AsyncExitStack())
        service, settings = await first.enter_async_context(serving(redis_url))
        port = service.address.partition(":")[2]
        await settings.update(Caller("llm"), scope("guild"), {"model": "kept"})
        await settings.update(Caller("llm"), scope("channel"), {"model": "lost"})
        mirror, runtime = await stack.enter_async_context(mirrored(service))
        async with asyncio.timeout(10):
            await mirror.current.wait()
        await first.aclose()
        await eventually(lambda: not runtime.health("settings.llm").is_serving)
        assert mirror.value(PLACE, "model") == "lost"

        with redis.Redis.from_url(redis_url) as store:
            store.flushall()

        async def build(runtime: Runtime[Empty]) -> None:
            again = ScopedSettings.serve(runtime, DECLARED)
            await again.update(Caller("llm"), scope("guild"), {"model": "kept"})

        given = variables(REDIS_URL=redis_url, GUILDHALL_RPC__PORTS__LLM=port)
        await stack.enter_async_context(running_service("llm", Empty, build, variables=given))
        await eventually(lambda: mirror.value(PLACE, "model") == "kept", timeout=20)
        assert runtime.health("settings.llm").is_serving


async def test_a_watch_resumes_where_it_ended(redis_url: str) -> None:
    async with serving(redis_url) as (service, settings), stub_for(service) as stub:
        await settings.update(Caller("llm"), scope("guild"), {"model": "one"})
        told: list[str] = []
        revision = ""

        async def watch(timeout: float) -> None:
            nonlocal revision
            request = settings_pb2.WatchSettingsRequest(revision=revision)
            async for event in stub.WatchSettings(request, timeout=timeout):
                kind = event.WhichOneof("event") or ""
                told.append(f"changed {event.changed.scope.kind}" if kind == "changed" else kind)
                revision = event.revision

        await watch(2)
        assert told == ["reset", "changed 1", "current"]
        told.clear()
        await settings.update(Caller("llm"), scope("channel"), {"model": "two"})
        await watch(2)
        assert told[:2] == ["changed 3", "current"]
        assert "reset" not in told


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text() | st.integers())))
def test_a_value_is_taken_as_declared_or_not_at_all(value: object) -> None:
    for setting, kinds in ((MODEL, str), (RESPOND, bool), (SIZE, int), (ROLES, tuple)):
        try:
            taken = setting.checked(value)
        except ValueError:
            continue
        assert type(taken) is kinds
        assert setting.checked(taken) == taken


def test_declarations_know_their_keys() -> None:
    declarations = Declarations(DECLARED)
    assert [setting.key for setting in declarations.require([])] == ["model", "respond", "size", "roles"]
    with pytest.raises(InvalidArgument):
        declarations.require(["nothing"])


@given(st.sampled_from(list(ScopeKind)), st.integers(1, 2**63), st.integers(1, 2**63))
def test_a_scope_is_found_again_by_its_name(kind: ScopeKind, guild: int, identifier: int) -> None:
    where = Scope(kind, 0 if kind is ScopeKind.PERSON else guild, guild if kind is ScopeKind.GUILD else identifier)
    assert Scope.from_field(where.field) == where
