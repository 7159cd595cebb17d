"""The images and the composed system, tried on a real engine: `make test-containers`.

Not tried here, because their images can't be had where no registry is reached: Jaeger, the OpenTelemetry Collector,
Prometheus and Grafana (the profile `observability`).
"""

from typing import Any

import pytest

from tests.containers.composed import SERVICES, Composed, waited

pytestmark = pytest.mark.timeout(1200)

MEGABYTE = 1_000_000
HEALTHY_WITHIN = 150.0
"""Seconds, also on a machine that does much else; how long it takes by itself is what `make bench-scale` says."""
LARGEST = {"llm": 130, "sandbox": 200}
# What a service's image must hold, and what only others may.
OWN = {
    "gateway": {"disnake"},
    "llm": {"openai", "anthropic", "tiktoken"},
    "executor": {"aiohttp"},
    "ratelimit": {"xds-protos"},
    "board": {"sqlalchemy", "alembic", "asyncpg"},
}
ALONE = {
    "disnake",
    "openai",
    "anthropic",
    "tiktoken",
    "xds-protos",
    "sqlalchemy",
    "alembic",
    "asyncpg",
    "pytest",
    "pip",
}


def _image(composed: Composed, service: str) -> str:
    return str(composed.inspected(service)[0]["Config"]["Image"])


def test_it_is_healthy_soon(composed: Composed) -> None:
    assert composed.seconds_to_healthy < HEALTHY_WITHIN


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_holds_its_own_dependencies_and_no_others(composed: Composed, service: str) -> None:
    script = (
        "import glob, importlib.metadata as m; folders = glob.glob('/opt/venv/lib/python3*/site-packages'); "
        "print(*sorted(found.name.lower() for found in m.distributions(path=folders)))"
    )
    listed = composed.run("run", "--rm", "--entrypoint", "python", _image(composed, service), "-c", script)
    held = set(listed.split())
    assert OWN[service] <= held
    assert not held & (ALONE - OWN[service])
    others = composed.run(
        "run", "--rm", "--entrypoint", "python", _image(composed, service), "-c",
        "import os; print(*sorted(n for n in os.listdir('/app/services') if not n.startswith('__')))",
    )  # fmt: skip
    assert others.split() == [service]


@pytest.mark.parametrize("service", [*SERVICES, "sandbox"])
def test_an_image_is_small(composed: Composed, service: str) -> None:
    base, whole = (
        int(composed.run("image", "inspect", "--format", "{{.Size}}", image))
        for image in ("python:3.13-slim", _image(composed, service))
    )
    assert (whole - base) / MEGABYTE <= LARGEST.get(service, 110)


@pytest.mark.parametrize("service", [*SERVICES, "sandbox", "redis-durable", "redis-limits"])
def test_a_container_can_do_little(composed: Composed, service: str) -> None:
    for container in composed.inspected(service):
        host = container["HostConfig"]
        assert container["Config"]["User"] == "10001:10001"
        assert host["ReadonlyRootfs"]
        assert host["CapDrop"] == ["ALL"]
        assert "no-new-privileges:true" in host["SecurityOpt"]
        published = [port for ports in (container["NetworkSettings"]["Ports"] or {}).values() for port in ports or ()]
        assert all(port["HostIp"] == "127.0.0.1" for port in published)
        assert bool(published) == (service == "sandbox")


def test_no_secret_shows(composed: Composed) -> None:
    planted = [
        composed.compose("exec", "-T", service, "cat", f"/run/guildhall/{name}").strip()
        for service, name in [
            ("gateway", "discord-token"), ("llm", "redis-password"), ("gateway", "keys/gateway.key"),
            ("sandbox", "control-token"),
        ]
    ]  # fmt: skip
    shown = composed.compose("logs") + "".join(str(composed.inspected(service)) for service in SERVICES)
    shown += "".join(composed.run("history", "--no-trunc", _image(composed, service)) for service in SERVICES)
    assert len(shown) > 1000
    for secret in planted:
        assert len(secret) > 20
        assert secret not in shown


def test_a_redis_user_reaches_its_own_keys_alone(composed: Composed) -> None:
    script = """
import sys, redis, redis.exceptions
password = open("/run/guildhall/redis-password").read().strip()
client = redis.Redis(host="redis-durable", username="board", password=password)
client.set("board:try", 1); client.delete("board:try")
for refused in (lambda: client.get("llm:x"), lambda: client.eval("return 1", 0), lambda: client.config_get("*"),
                lambda: client.flushall(), lambda: client.keys("*")):
    try:
        refused()
    except redis.exceptions.NoPermissionError:
        continue
    sys.exit("it was let through")
"""
    composed.compose("exec", "-T", "board", "python", "-c", script)


def test_a_question_is_answered_and_traced(composed: Composed) -> None:
    thread = composed.ask("What is a guild?")
    assert "guild" in composed.answer(thread).lower()

    def services_in_one_trace() -> Any:
        listed = composed.call("GET", "/traces/api/traces")
        for trace in listed["traces"]:
            if {"gateway", "executor", "llm", "ratelimit"} <= set(trace["services"]):
                return trace
        return None

    waited(services_in_one_trace, 30, "a trace across the services")
    # Its link leads to where the viewer is published.
    links = f"TRACE_UI_URL=http://127.0.0.1:{composed.port}/#/traces/{{trace_id}}"
    assert all(links in each["Config"]["Env"] for each in composed.inspected("executor"))


def test_it_scales_out_and_loses_nothing(composed: Composed) -> None:
    composed.up("--scale", "llm=3", "--scale", "executor=3", "--scale", "ratelimit=2")
    assert [len(composed.containers(service)) for service in ("llm", "executor", "ratelimit")] == [3, 3, 2]
    threads = [composed.ask(f"Question number {number}") for number in range(8)]
    for thread in threads:
        assert composed.answer(thread)
    assert len(set(threads)) == 8
    assert composed.call("GET", "/control/counters")["duplicates"] == []
    composed.up("--scale", "llm=1", "--scale", "executor=1", "--scale", "ratelimit=1")


@pytest.mark.parametrize("service", [*SERVICES, "redis-durable", "redis-limits", "postgres"])
def test_a_restart_under_load_loses_nothing(composed: Composed, service: str) -> None:
    before = composed.ask("Asked before the restart")
    composed.compose("restart", service)
    during = composed.ask("Asked during the restart", patience=90)
    assert composed.answer(before, timeout=90)
    assert composed.answer(during, timeout=90)
    assert composed.call("GET", "/control/counters")["duplicates"] == []
