"""How the service is run: encodings without a network, configuration that changes under load."""

import asyncio
import gzip
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import grpc
import pytest
import tiktoken
from grpc_health.v1 import health_pb2, health_pb2_grpc
from guildhall.admin.v1 import admin_pb2, admin_pb2_grpc

from chassis.caller import Caller
from chassis.problems import StartupError
from chassis.testing import channel_to
from services.llm import counting, encodings
from services.llm.catalogue import Catalogue, Model
from services.llm.chat import ImageTokens, Usage
from services.llm.model_settings import ModelSettings, Price, ProviderSettings
from services.llm.pricing import cost_nanos
from services.llm.settings import LlmSettings
from services.llm.tests.harness import TIMEOUT, Llm, config, reason, running, variables
from services.llm.tests.upstream import DONE, chunk, fails, says, sends, upstream
from tests.support.waiting import eventually

COUNT_ALONE = """
import socket, sys
def refuse(*_, **__):
    raise OSError("there is no network")
socket.socket.connect = refuse
socket.create_connection = refuse
socket.getaddrinfo = refuse
from services.llm.counting import Counter, load_encodings
load_encodings()
exact, older, unknown = Counter("o200k_base"), Counter("cl100k_base"), Counter("", 1.15)
print(exact.text("hello <|endoftext|> world"), older.text("hello"), unknown.text("hello world"))
"""


def test_counting_needs_no_network() -> None:
    found = subprocess.run(
        [sys.executable, "-c", COUNT_ALONE],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": "."},
    )
    assert found.stdout.split() == ["9", "1", "3"]


def test_a_wheel_that_is_not_what_it_should_be_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "bpe_openai-0-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("bpe_openai/data/o200k_base.tiktoken.gz", gzip.compress(b"AAAA 0\n"))
    with pytest.raises(ValueError, match="not the file"):
        encodings.unpack(wheel, tmp_path / "out")
    assert set(encodings.missing(tmp_path / "out")) == {"o200k_base", "cl100k_base"}


def test_the_files_have_the_names_that_tiktoken_looks_for() -> None:
    assert encodings.file_name("o200k_base") == "fb374d419588a4632f3f557e76b4b70aebbca790"
    assert encodings.file_name("cl100k_base") == "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"
    assert encodings.missing(encodings.directory()) == []


async def test_a_start_without_encodings_fails_with_one_line(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(StartupError, match=r"services\.llm\.encodings"):
        async with running(variables(redis_url)):
            raise AssertionError("it started")


def test_long_texts_are_counted_like_short_ones() -> None:
    counting.load_encodings()
    text = "word, " * 5_000
    assert counting.Counter("o200k_base").text(text) == len(tiktoken.get_encoding("o200k_base").encode_ordinary(text))


async def reload(llm: Llm) -> admin_pb2.ReloadOutcome:
    """Has the service read its configuration again."""
    async with channel_to(llm.address, Caller("gateway"), audience="llm") as channel:
        answer = await admin_pb2_grpc.AdminServiceStub(channel).Reload(admin_pb2.ReloadRequest(), timeout=TIMEOUT)
        return answer.outcome


async def test_a_reload_under_load_loses_no_call(redis_url: str, tmp_path: Path) -> None:
    words = [f"w{number} " for number in range(20)]
    async with (
        upstream(says(*words, pause=0.005), models=["demo"]) as old,
        upstream(says(*words, pause=0.005), models=["demo"]) as new,
    ):

        def write(url: str) -> str:
            return config(
                tmp_path,
                providers={"local": {"base_url": url}},
                models={"local/demo": {}},
                llm={"default_models": ["local/demo"]},
            )

        environment = {**variables(redis_url), "GUILDHALL_CONFIG": write(old.url)}
        async with running(environment) as llm:
            finished = 0

            async def talk(worker: int) -> None:
                nonlocal finished
                for number in range(6):
                    answer = await llm.ask(conversation_id=f"c{worker}", turn_id=f"t{number}")
                    assert answer.text == "".join(words)
                    assert answer.end.interruption == ""
                    finished += 1

            talking = asyncio.gather(*(talk(worker) for worker in range(8)))
            await eventually(lambda: old.open_streams >= 4)
            path = Path(write(new.url))
            right = path.read_text(encoding="utf-8")
            path.write_text("providers: {local: {wire: morse}}\n", encoding="utf-8")
            refused = await reload(llm)
            assert not refused.accepted
            assert "wire" in str(refused.problems)
            path.write_text(right, encoding="utf-8")
            assert (await reload(llm)).accepted
            await talking
            assert finished == 48
            assert old.requests
            assert new.requests
            assert old.open_streams == new.open_streams == 0


async def test_models_come_go_and_cost_as_the_file_says(redis_url: str, tmp_path: Path) -> None:
    async with upstream(models=["demo", "added"]) as provider:

        def write(**models: Any) -> str:
            local = {"base_url": provider.url, "discover": False}
            return config(tmp_path, providers={"local": local}, models={f"local/{id_}": m for id_, m in models.items()})

        path = write(demo={"price": {"input": 1, "output": 1}})
        async with running({**variables(redis_url), "GUILDHALL_CONFIG": path}) as llm:
            assert (await llm.ask(model="local/demo")).end.usage.cost_nanos == 15_000
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await llm.ask(model="local/added", conversation_id="c2")
            assert reason(caught.value) == "MODEL_UNKNOWN"
            write(demo={"price": {"input": 2, "output": 2}}, added={})
            assert (await reload(llm)).accepted
            assert (await llm.ask(model="local/demo", conversation_id="c3")).end.usage.cost_nanos == 30_000
            assert (await llm.ask(model="local/added", conversation_id="c4")).started.model == "local/added"
            write(added={})
            assert (await reload(llm)).accepted
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await llm.ask(model="local/demo", conversation_id="c5")
            assert reason(caught.value) == "MODEL_UNKNOWN"


async def test_a_call_in_flight_outlives_its_provider(redis_url: str, tmp_path: Path) -> None:
    hold = asyncio.Event()
    handler = sends(
        chunk({"content": "Half"}), hold=hold, then=(chunk({"content": " whole"}), chunk(finish="stop"), DONE)
    )
    async with upstream(handler, models=["demo"]) as provider:
        path = config(tmp_path, providers={"local": {"base_url": provider.url}}, models={"local/demo": {}})
        async with running({**variables(redis_url), "GUILDHALL_CONFIG": path}) as llm:
            answering = asyncio.create_task(llm.ask(conversation_id="c1"))
            await eventually(lambda: provider.open_streams == 1)
            config(tmp_path, providers={"openai": {"wire": "openai"}}, models={})
            assert (await reload(llm)).accepted
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await llm.ask(conversation_id="c2")
            assert (caught.value.code(), reason(caught.value)) == (grpc.StatusCode.UNAVAILABLE, "NO_MODEL")
            hold.set()
            answer = await answering
            assert (answer.text, answer.end.interruption) == ("Half whole", "")


async def test_a_provider_that_fails_shows_in_health_and_in_the_status(redis_url: str, tmp_path: Path) -> None:
    path = config(tmp_path, models={"openai/demo": {}}, providers={"openai": {"discover": False}, "anthropic": {}})
    settings = {"GUILDHALL_CONFIG": path, "GUILDHALL_LLM__RETRY__BREAKER_FAILURES": "1"}
    settings["GUILDHALL_LLM__RETRY__ATTEMPTS"] = "1"
    async with (
        upstream(fails(503)) as provider,
        running(variables(redis_url, provider.url, **settings)) as llm,
    ):
        part = llm.runtime.health("providers")
        await eventually(lambda: part.is_serving)
        assert llm.runtime.statuses["models"]() == {
            "offered": ["openai/demo"], "problems": {}, "resting": {}, "not_set_up": ["anthropic"],
        }  # fmt: skip
        with pytest.raises(grpc.aio.AioRpcError):
            await llm.ask()
        await eventually(lambda: not part.is_serving)
        assert part.why == "openai/demo: PROVIDER_OVERLOADED"
        assert llm.runtime.statuses["models"]()["resting"] == {"openai/demo": "PROVIDER_OVERLOADED"}
        stub: Any = health_pb2_grpc.HealthStub(llm.channel)
        whole = await stub.Check(health_pb2.HealthCheckRequest(), timeout=5)
        assert whole.status == health_pb2.HealthCheckResponse.SERVING
        told = await stub.Check(health_pb2.HealthCheckRequest(service="providers"), timeout=5)
        assert told.status == health_pb2.HealthCheckResponse.NOT_SERVING


async def test_no_provider_at_all_shows_in_health(redis_url: str) -> None:
    async with running(variables(redis_url)) as llm:
        part = llm.runtime.health("providers")
        await eventually(lambda: part.why == "no provider is set up")
        assert not part.is_serving


def test_providers_without_address_and_key_are_left_out() -> None:
    settings = LlmSettings(
        openai_base_url="http://127.0.0.1:1/v1",
        providers={
            "openai": ProviderSettings(),
            "anthropic": ProviderSettings(wire="anthropic"),
            "own": ProviderSettings(base_url="http://x"),
        },
        models={
            "openai/a": ModelSettings(),
            "anthropic/b": ModelSettings(),
            "own/*": ModelSettings(context_window=999),
        },
    )
    assert list(settings.providers_in_force()) == ["openai", "own"]
    catalogue = Catalogue(settings, {"own": ("m", "text-embedding-3"), "openai": ("c",)})
    assert [model.name for model in catalogue.all()] == ["openai/c", "own/m"]
    found = catalogue.find("m")
    assert found is not None
    assert found.profile.context_window == 999
    first = catalogue.first(["anthropic/b", "openai/c"])
    assert first is not None
    assert first.name == "openai/c"


def test_prices() -> None:
    usage = Usage(1_000, 100, 500)
    own = Model("own/m", "own", "m", ModelSettings(price=Price(input=2, output=10, cached_input=0.2)))
    settings = LlmSettings(providers={"own": ProviderSettings(base_url="http://x"), "openai": ProviderSettings()})
    assert cost_nanos(own, usage, settings) == 500 * 2_000 + 500 * 200 + 100 * 10_000
    listed = Model("openai/gpt-4o-mini", "openai", "gpt-4o-mini", ModelSettings())
    assert cost_nanos(listed, Usage(1_000, 100), settings) == 1_000 * 150 + 100 * 600
    painter = Model("openai/gpt-image-1.5", "openai", "gpt-image-1.5", ModelSettings())
    drawn = cost_nanos(painter, Usage(0, 1_000), settings, ImageTokens(0, 1_000))
    assert drawn is not None
    assert drawn > 3 * (cost_nanos(painter, Usage(0, 1_000), settings) or 0), "pictures cost more than text"
    assert cost_nanos(Model("openai/nobody-knows", "openai", "nobody-knows", ModelSettings()), usage, settings) is None
    assert cost_nanos(Model("own/gpt-4o-mini", "own", "gpt-4o-mini", ModelSettings()), usage, settings) is None
