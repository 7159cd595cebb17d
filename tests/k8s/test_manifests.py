"""House rules of the rendered manifests: what each pod must have, and a network exactly as wide as it is used.

Rendered with `kubectl kustomize`; skipped aloud where there is no kubectl.
"""

import functools
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from chassis.settings.loading import load
from chassis.settings.section import Section
from chassis.settings.shared import SERVICES

ROOT = Path(__file__).parents[2]
OVERLAYS = ("single-node", "production")
# Defined by cert-manager: its schema does not come with Kubernetes.
FOREIGN = {"Certificate"}
HEALTH_PORT = 50100
DNS_PORT, HTTPS_PORT = 53, 443

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl to render the manifests")
Manifest = dict[str, Any]


@functools.cache
def rendered(overlay: str) -> tuple[Manifest, ...]:
    """The manifests of an overlay."""
    folder = ROOT / "deploy" / "k8s" / "overlays" / overlay
    text = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=True).stdout
    return tuple(yaml.safe_load_all(text))


def of_kind(overlay: str, *kinds: str) -> Iterator[Manifest]:
    """The manifests of some kinds."""
    return (manifest for manifest in rendered(overlay) if manifest["kind"] in kinds)


def workloads(overlay: str) -> list[Manifest]:
    """What runs pods."""
    return list(of_kind(overlay, "Deployment", "StatefulSet"))


def containers(overlay: str) -> Iterator[tuple[str, Manifest, Manifest]]:
    """(workload, its pod's spec, a container) for each container."""
    for workload in workloads(overlay):
        pod = workload["spec"]["template"]["spec"]
        for container in pod["containers"]:
            yield workload["metadata"]["name"], pod, container


def labels(overlay: str) -> dict[str, dict[str, str]]:
    """The labels of each workload's pods."""
    return {found["metadata"]["name"]: found["spec"]["template"]["metadata"]["labels"] for found in workloads(overlay)}


def selects(selector: Manifest, found: dict[str, str]) -> bool:
    """Whether a label selector takes these labels."""
    matched = all(found.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    for expression in selector.get("matchExpressions", []):
        assert expression["operator"] == "In"
        matched = matched and found.get(expression["key"]) in expression["values"]
    return matched


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kubernetes_knows_every_field(overlay: str) -> None:
    checked = 0
    for manifest in rendered(overlay):
        if manifest["kind"] not in FOREIGN:
            kubernetes_validate.validate(manifest, "1.37", strict=True)
            checked += 1
    assert checked > 30


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_pod_can_do_little_and_is_watched(overlay: str) -> None:
    for name, pod, container in containers(overlay):
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        allowed = container["securityContext"]
        assert allowed["allowPrivilegeEscalation"] is False, name
        assert allowed["readOnlyRootFilesystem"] is True, name
        assert allowed["capabilities"] == {"drop": ["ALL"]}, name
        for bound in ("requests", "limits"):
            assert set(container["resources"][bound]) == {"cpu", "memory"}, name
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert probe in container, (name, probe)
        for variable in container.get("env", []):
            assert (
                not re.search(r"(TOKEN|PASSWORD|KEY)$", variable["name"])
                or "valueFrom" in variable
                or (variable["value"].startswith("/run/"))
            ), (name, variable)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_restart_is_never_for_what_others_do(overlay: str) -> None:
    for name, pod, container in containers(overlay):
        if name in SERVICES:
            assert container["livenessProbe"]["grpc"] == {"port": HEALTH_PORT, "service": "live"}
            assert container["readinessProbe"]["grpc"]["port"] == HEALTH_PORT
            drain, grace = (int(addresses(overlay)[f"GUILDHALL_RPC__{key}"]) for key in ("DRAIN", "GRACE"))
            assert pod["terminationGracePeriodSeconds"] > drain + grace + 3


def addresses(overlay: str) -> dict[str, str]:
    """The environment that all services share."""
    (found,) = (one for one in of_kind(overlay, "ConfigMap") if one["metadata"]["name"].startswith("addresses"))
    data: dict[str, str] = found["data"]
    return data


def dialled(overlay: str) -> dict[str, int]:
    """Host and port of each address in the shared environment."""
    text = " ".join(addresses(overlay).values())
    return {host: int(port) for host, port in re.findall(r"//(?:/)?([a-z-]+):(\d+)", text)}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_address_that_is_dialled_exists(overlay: str) -> None:
    services = {
        found["metadata"]["name"]: {port["port"] for port in found["spec"]["ports"]}
        for found in of_kind(overlay, "Service")
    }
    assert set(SERVICES) < set(dialled(overlay))
    for host, port in dialled(overlay).items():
        assert port in services[host]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_service_takes_the_pods_and_ports_that_there_are(overlay: str) -> None:
    for service in of_kind(overlay, "Service"):
        taken = [
            name
            for name, found in labels(overlay).items()
            if selects({"matchLabels": service["spec"]["selector"]}, found)
        ]
        assert taken == [service["metadata"]["name"]]
        named = {
            port["name"]: port["containerPort"]
            for name, _, container in containers(overlay)
            if name in taken
            for port in container["ports"]
        }
        for port in service["spec"]["ports"]:
            assert named[port["targetPort"]] == port["port"]


def doors(overlay: str, direction: str) -> set[tuple[str, str, int]]:
    """(from, to, port) for each connection between pods that the policies of one direction let through."""
    found = set()
    pods = labels(overlay)
    for policy in of_kind(overlay, "NetworkPolicy"):
        spec = policy["spec"]
        here = [name for name, own in pods.items() if selects(spec["podSelector"], own)]
        for rule in spec.get(direction, []):
            peers = rule["to" if direction == "egress" else "from"]
            there = [
                name
                for name, own in pods.items()
                if any("podSelector" in peer and selects(peer["podSelector"], own) for peer in peers)
            ]
            for one in here:
                for other in there:
                    ends = (one, other) if direction == "egress" else (other, one)
                    found |= {(*ends, port["port"]) for port in rule["ports"]}
    return found


# Who calls whom: the callers that each service names for its methods.
EDGES = {
    "gateway": ("gateway", "llm", "executor", "ratelimit", "board"),
    "executor": ("gateway", "llm", "ratelimit", "board"),
    "llm": ("ratelimit",),
    "ratelimit": (),
    "board": (),
}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_network_is_exactly_as_wide_as_it_is_used(overlay: str) -> None:
    ports = dialled(overlay)
    wanted = {(caller, called, ports[called]) for caller, all_called in EDGES.items() for called in all_called}
    wanted |= {(service, redis, 6379) for service in SERVICES for redis in ("redis-durable", "redis-limits")}
    wanted.add(("board", "postgres", 5432))
    assert doors(overlay, "egress") == wanted
    assert doors(overlay, "ingress") == wanted


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nothing_is_let_through_that_is_not_named(overlay: str) -> None:
    policies = {policy["metadata"]["name"]: policy["spec"] for policy in of_kind(overlay, "NetworkPolicy")}
    assert policies["default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name, spec in policies.items():
        for rule in (*spec.get("egress", []), *spec.get("ingress", [])):
            assert rule.get("ports"), name
            for peer in (*rule.get("to", []), *rule.get("from", [])):
                if "ipBlock" in peer:
                    assert {port["port"] for port in rule["ports"]} == {HTTPS_PORT}
                    assert "10.0.0.0/8" in peer["ipBlock"]["except"]
                elif "namespaceSelector" in peer:
                    assert {port["port"] for port in rule["ports"]} == {DNS_PORT}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_changed_configuration_reloads_and_a_changed_address_rolls(overlay: str) -> None:
    names = [found["metadata"]["name"] for found in of_kind(overlay, "ConfigMap")]
    assert "guildhall" in names
    assert any(re.fullmatch(r"addresses-[a-z0-9]+", name) for name in names)


def test_the_configuration_in_the_manifests_is_the_projects_own() -> None:
    assert (ROOT / "deploy/k8s/base/guildhall.yaml").read_text() == (ROOT / "guildhall.yaml").read_text(), (
        "run `make docs`: kustomize reads nothing outside of its folder, so the manifests have a copy"
    )


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_shards_go_by_ordinal_and_their_count_is_that_of_the_pods(overlay: str) -> None:
    (gateway,) = (found for found in workloads(overlay) if found["metadata"]["name"] == "gateway")
    assert gateway["kind"] == "StatefulSet"
    (container,) = gateway["spec"]["template"]["spec"]["containers"]
    given = {variable["name"]: variable for variable in container["env"]}
    assert given["GUILDHALL_GATEWAY__SHARDS__COUNT"]["value"] == str(gateway["spec"]["replicas"])
    for end in ("FIRST", "LAST"):
        path = given[f"GUILDHALL_GATEWAY__SHARDS__{end}"]["valueFrom"]["fieldRef"]["fieldPath"]
        assert path == "metadata.labels['apps.kubernetes.io/pod-index']"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_chassis_understands_what_its_pods_are_given(overlay: str, tmp_path: Path) -> None:
    class Nothing(Section):
        """The services' own sections are checked elsewhere."""

    secret = tmp_path / "secret"
    secret.write_text("a-password")
    for name, _, container in containers(overlay):
        if name in SERVICES:
            own = {one["name"]: one["value"] for one in container["env"] if one["name"].startswith("GUILDHALL_R")}
            shared = addresses(overlay) | {"GUILDHALL_CONFIG": str(ROOT / "guildhall.yaml")}
            variables = shared | own | {"REDIS_PASSWORD_FILE": str(secret)}
            rpc = load("", Nothing, variables).shared.rpc
            assert rpc.address("llm") == "dns:///llm:50051"
            assert rpc.tls.enabled == (overlay == "production")
