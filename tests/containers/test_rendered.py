"""The containers of the rendered manifests, started for real: their command, environment, probes and limits.

Each takes its composed counterpart's place: it is given the same secrets, as files where its pod would find them, and
must become ready by its own probes. There is no kubelet here, so a probe is made as the kubelet would make it.
"""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.containers.composed import PROJECT, SERVICES, Composed, waited
from tests.k8s.test_manifests import addresses, containers

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl to render the manifests"),
]
OVERLAY = "single-node"
STORES = ("redis-durable", "redis-limits")
OWNER = 10001
HELD = """
import json, pathlib
print(json.dumps({p.name: p.read_text() for p in pathlib.Path("/run/guildhall").rglob("*") if p.is_file()}))
"""
PROBE = """
import sys, grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
channel = grpc.insecure_channel("127.0.0.1:" + sys.argv[1])
answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=sys.argv[2]), timeout=5)
sys.exit(answer.status != health_pb2.HealthCheckResponse.SERVING)
"""


def rendered(name: str) -> dict[str, Any]:
    """The one container of a workload."""
    (found,) = (container for workload, _, container in containers(OVERLAY) if workload == name)
    return found


def environment(container: dict[str, Any]) -> dict[str, str]:
    """What its pod would give it."""
    own = {"metadata.name": "a-pod-0", "metadata.labels['apps.kubernetes.io/pod-index']": "0"}
    given = dict(addresses(OVERLAY)) if "envFrom" in container else {}
    for variable in container.get("env", []):
        value = variable["value"] if "value" in variable else own[variable["valueFrom"]["fieldRef"]["fieldPath"]]
        given[variable["name"]] = re.sub(r"\$\((\w+)\)", lambda match: given[match[1]], value)
    return given


def megabytes(quantity: str) -> str:
    """A limit of memory as the engine takes it."""
    return quantity.replace("Mi", "m").replace("Gi", "g")


def cpus(quantity: str) -> str:
    """A limit of processors as the engine takes it."""
    return str(int(quantity.removesuffix("m")) / 1000) if quantity.endswith("m") else quantity


def secrets_of(composed: Composed, service: str, folder: Path) -> None:
    """Lays a service's secrets out as its pod's projected volume does: all in one folder."""
    folder.mkdir()
    held = composed.compose("exec", "-T", service, "python", "-c", HELD)
    for name, text in json.loads(held).items():
        (folder / name).write_text(text)
    for path in (folder, *folder.iterdir()):
        shutil.chown(path, OWNER, OWNER)


@contextmanager
def in_place_of(
    composed: Composed, service: str, options: list[str], image: str, arguments: list[str]
) -> Iterator[str]:
    """Runs a container where a composed one was; gives its id."""
    composed.compose("stop", "-t", "10", service)
    network = f"{PROJECT}_inside"
    started = composed.run(
        "run", "-d", "--network", network, "--network-alias", service, *options, image, *arguments
    ).strip()
    try:
        if service in ("gateway", "executor", "llm"):
            composed.run("network", "connect", f"{PROJECT}_outside", started)
        yield started
    finally:
        composed.run("rm", "-f", started)
        composed.compose("up", "-d", "--no-build", "--wait", "--wait-timeout", "120", service)


def bounded(container: dict[str, Any]) -> list[str]:
    """The engine's options for what the manifest lets a container do."""
    limits = container["resources"]["limits"]
    return [
        "--user", f"{OWNER}:{OWNER}", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges:true",
        "--memory", megabytes(limits["memory"]), "--cpus", cpus(limits["cpu"]),
    ]  # fmt: skip


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_becomes_ready_as_its_manifest_says(composed: Composed, service: str, tmp_path: Path) -> None:
    container = rendered(service)
    secrets_of(composed, service, tmp_path / "secrets")
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)
    given = environment(container)
    if service in ("gateway", "executor"):
        given["DISCORD_API_BASE"] = "http://sandbox:8100/api/v10"  # no pod of its own names the sandbox
    if service == "llm":
        given |= {"OPENAI_API_KEY": "demo", "OPENAI_BASE_URL": "http://sandbox:8100/v1"}
    options = [*bounded(container), "--tmpfs", "/tmp:mode=1777,size=64m"]
    options += [option for name, value in given.items() for option in ("-e", f"{name}={value}")]
    options += ["-v", f"{tmp_path / 'secrets'}:/run/guildhall:ro"]
    options += ["-v", f"{Path(__file__).parents[2] / 'guildhall.yaml'}:/config/guildhall.yaml:ro"]
    arguments = [*container.get("command", []), *container.get("args", [])]
    with in_place_of(composed, service, options, container["image"], arguments) as started:
        for name in ("startupProbe", "readinessProbe", "livenessProbe"):
            probe = container[name]["grpc"]

            def passes(probe: dict[str, Any] = probe) -> bool:
                state = json.loads(composed.run("inspect", started))[0]["State"]
                assert state["Running"], composed.run("logs", started)[-2000:]
                asked = ["exec", started, "python", "-c", PROBE, str(probe["port"]), probe.get("service", "")]
                try:
                    composed.run(*asked)
                except AssertionError:
                    return False
                return True

            waited(passes, 90, f"{service}'s {name}")
        assert not json.loads(composed.run("inspect", started))[0]["State"]["OOMKilled"]
        thread = composed.ask(f"Is the rendered {service} at work?")
        assert composed.answer(thread)


@pytest.mark.parametrize("store", STORES)
def test_a_store_becomes_ready_as_its_manifest_says(composed: Composed, store: str, tmp_path: Path) -> None:
    container = rendered(store)
    users = composed.compose("exec", "-T", store, "cat", "/run/guildhall/users.acl")
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "users.acl").write_text(users)
    data = tmp_path / "data"
    data.mkdir()
    shutil.chown(data, OWNER, OWNER)
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)
    options = [*bounded(container), "-v", f"{folder}:/run/guildhall:ro", "-v", f"{data}:/data"]
    probe = container["readinessProbe"]["exec"]["command"]
    with in_place_of(composed, store, options, container["image"], container["args"]) as started:
        waited(lambda: "PONG" in composed.run("exec", started, *probe), 30, f"{store}'s readiness")
        assert composed.answer(composed.ask(f"Is the rendered {store} at work?"))
