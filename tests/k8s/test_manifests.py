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
from operate.manifests import derived

ROOT = Path(__file__).parents[2]
OVERLAYS = ("single-node", "production", "observed", "large")
# Defined by cert-manager, the Prometheus operator and KEDA: their schemas do not come with Kubernetes.
FOREIGN = {"Certificate", "PrometheusRule", "ScaledObject", "ServiceMonitor"}
HEALTH_PORT = 50100
DNS_PORT, HTTPS_PORT = 53, 443
# What lies in other namespaces: names, and whoever gathers traces and metrics.
NAMESPACES = {"kube-system": {DNS_PORT}, "monitoring": {4318, 9464}}

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


# Who calls whom.
EDGES = {
    "gateway": ("gateway", "llm", "executor", "ratelimit", "board"),
    "executor": ("gateway", "llm", "ratelimit", "board", "executor"),
    "llm": ("ratelimit",),
    "ratelimit": (),
    "board": ("executor",),
}


# How code says whom it calls: a channel, a mirror of settings, a stub, or the services that it asks one after another.
DIALS = (
    r"\bchannel\(\s*\"(\w+)\"",
    r"SettingsMirror\.start\(\s*\w+,\s*\"(\w+)\"",
    r"\.stub\(\s*[\w.]+,\s*\"(\w+)\"",
    r"^SERVICES = \(([^)]*)\)",
)


@pytest.mark.parametrize("service", SERVICES)
def test_whom_the_code_calls_is_known(service: str) -> None:
    folder = ROOT / "services" / service
    sources = [path.read_text() for path in sorted(folder.rglob("*.py")) if "tests" not in path.parts]
    found = {
        name
        for source in sources
        for dial in DIALS
        for named in re.findall(dial, source, re.MULTILINE)
        for name in re.findall(r"\w+", named)
    }
    assert found & set(SERVICES) == set(EDGES[service])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_network_is_exactly_as_wide_as_it_is_used(overlay: str) -> None:
    ports = dialled(overlay)
    wanted = {(caller, called, ports[called]) for caller, all_called in EDGES.items() for called in all_called}
    stores = ("redis-cluster",) if overlay == "large" else ("redis-durable", "redis-limits")
    wanted |= {(service, redis, 6379) for service in SERVICES for redis in stores}
    if overlay == "large":
        wanted |= {("redis-cluster", "redis-cluster", port) for port in (6379, 16379)}
    wanted.add(("board", "postgres", 5432))
    if overlay == "observed":
        wanted |= {(service, "collector", ports["collector"]) for service in SERVICES}
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
                    there = peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
                    assert {port["port"] for port in rule["ports"]} <= NAMESPACES[there], name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_changed_configuration_reloads_and_a_changed_address_rolls(overlay: str) -> None:
    names = [found["metadata"]["name"] for found in of_kind(overlay, "ConfigMap")]
    assert "guildhall" in names
    assert any(re.fullmatch(r"addresses-[a-z0-9]+", name) for name in names)


@pytest.mark.parametrize("path", sorted(derived(ROOT)), ids=str)
def test_what_is_derived_is_fresh(path: Path) -> None:
    assert (ROOT / path).read_text() == derived(ROOT)[path], "run `make docs`"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nobody_else_sets_how_many_there_are_of_what_is_scaled(overlay: str) -> None:
    scaled = [one["spec"]["scaleTargetRef"] for one in of_kind(overlay, "HorizontalPodAutoscaler", "ScaledObject")]
    names = [target["name"] for target in scaled]
    assert len(names) == len(set(names))
    assert set(names) == (set() if overlay == "single-node" else set(SERVICES) - {"gateway"})
    for workload in workloads(overlay):
        if workload["metadata"]["name"] in names:
            assert workload["kind"] == "Deployment"
            assert "replicas" not in workload["spec"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_eviction_takes_one_pod_of_a_service_at_a_time(overlay: str) -> None:
    budgets = {one["metadata"]["name"]: one["spec"] for one in of_kind(overlay, "PodDisruptionBudget")}
    assert set(budgets) == set(SERVICES) | ({"redis-cluster"} if overlay == "large" else set())
    for name, spec in budgets.items():
        assert spec["maxUnavailable"] == 1
        assert selects(spec["selector"], labels(overlay)[name])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_image_is_named_with_its_version_and_every_volume_is_there(overlay: str) -> None:
    for name, pod, container in containers(overlay):
        image = container["image"]
        assert image.startswith("guildhall/") or re.search(r":[0-9][0-9.]*$", image), (name, image)
        there = {volume["name"] for volume in pod.get("volumes", [])}
        (workload,) = (one for one in workloads(overlay) if one["metadata"]["name"] == name)
        there |= {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])}
        assert {mount["name"] for mount in container["volumeMounts"]} == there, name


def test_the_queue_is_scaled_by_a_metric_that_executor_sends() -> None:
    (scaled,) = of_kind("observed", "ScaledObject")
    (trigger,) = scaled["spec"]["triggers"]
    schema = yaml.safe_load((ROOT / "chassis/telemetry/schema.yaml").read_text())["metrics"]
    (asked,) = re.fullmatch(r"sum\((\w+)\)", trigger["metadata"]["query"]).groups()  # type: ignore[union-attr]
    assert asked in {name.replace(".", "_") for name, entry in schema.items() if entry["kind"] == "gauge"}
    # Whoever measures the queue also runs it, so there must always be one.
    assert scaled["spec"]["minReplicaCount"] >= 1


def test_on_a_redis_cluster_everything_is_told_so(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a-password")
    given = addresses("large") | {"REDIS_PASSWORD_FILE": str(secret)}
    assert {given[f"REDIS_{role}_URL"] for role in ("DURABLE", "LIMITS", "CACHE")} == {"redis://redis-cluster:6379/0"}
    rpc_and_redis = load("", Section, given | {"GUILDHALL_CONFIG": str(ROOT / "guildhall.yaml")}).shared
    assert rpc_and_redis.redis.cluster
    assert given["GUILDHALL_EXECUTOR__JOBS__STREAMS_PER_READ"] == "1"
    (job,) = of_kind("large", "Job")
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (nodes,) = (one["spec"]["replicas"] for one in workloads("large") if one["metadata"]["name"] == "redis-cluster")
    assert f"for number in {' '.join(map(str, range(nodes)))};" in container["command"][-1]
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert "env" not in container
    (volume,) = pod["volumes"]
    assert volume["secret"]["secretName"] == "redis-admin"
    assert (
        f"{container['volumeMounts'][0]['mountPath']}/{volume['secret']['items'][0]['path']}"
        in container["command"][-1]
    )


def test_what_is_monitored_is_there() -> None:
    (monitor,) = of_kind("observed", "ServiceMonitor")
    watched = [
        one
        for one in of_kind("observed", "Service")
        if selects(monitor["spec"]["selector"], one["metadata"].get("labels", {}))
    ]
    assert [one["metadata"]["name"] for one in watched] == ["collector"]
    named = {port["name"] for port in watched[0]["spec"]["ports"]}
    assert {endpoint["port"] for endpoint in monitor["spec"]["endpoints"]} <= named


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
            assert rpc.tls.enabled == (overlay != "single-node")
