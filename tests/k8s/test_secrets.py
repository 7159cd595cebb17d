"""The secrets that are printed for a cluster are those that its pods look for, and nothing is made by hand."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from collections.abc import Mapping

import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from operate import cluster_secrets
from tests.k8s.test_manifests import OVERLAYS, containers, workloads

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl to render the manifests")
GIVEN = {"DISCORD_TOKEN": "a-token", "OPENAI_API_KEY": "a-key"}
BY_CERT_MANAGER = {"gateway-tls", "llm-tls", "executor-tls", "ratelimit-tls", "board-tls"}


def mounted(pod: dict[str, object], found: Mapping[str, Mapping[str, str]]) -> tuple[set[str], set[str]]:
    """The names of the secrets that a pod asks for, and the files that it is given of them."""
    names = set(re.findall(r"(?:'secret': \{'name'|'secretName'): '([\w-]+)'", str(pod)))
    return names, {file for name in names for file in found.get(name, {})}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_finds_its_secrets(overlay: str) -> None:
    found = cluster_secrets.made(GIVEN, redis_cluster=overlay == "large")
    asked: set[str] = set()
    for workload in workloads(overlay):
        names, _ = mounted(workload["spec"]["template"]["spec"], found)
        asked |= names
    if overlay == "large":
        asked.add("redis-admin")  # a Job asks for it
    assert asked - BY_CERT_MANAGER == found.keys()
    for _, pod, container in containers(overlay):
        _, files = mounted(pod, found)
        for variable in container.get("env", []):
            if variable["name"].endswith("_FILE") and variable.get("value", "").startswith("/run/guildhall/"):
                assert variable["value"].removeprefix("/run/guildhall/") in files, variable


def test_both_ends_have_the_same_keys_and_passwords() -> None:
    found = cluster_secrets.made(GIVEN)
    for name in [name for name in found if name.endswith("-callers")]:
        service = name.removesuffix("-callers")
        assert f"{service}.key" in found[name]
        for key, value in found[name].items():
            assert found[f"{key.removesuffix('.key')}-callers"][key] == value
        digest = hashlib.sha256(found[service]["redis-password"].encode()).hexdigest()
        assert f"user {service} on #{digest} ~{service}:*" in found["redis-users"]["users.acl"]
    assert f":{found['postgres']['password']}@postgres:5432/" in found["board"]["database-url"]
    assert "user admin" not in found["redis-users"]["users.acl"]
    others = cluster_secrets.made(GIVEN)
    assert found["llm"]["redis-password"] != others["llm"]["redis-password"]


def test_a_database_of_ones_own_is_taken() -> None:
    found = cluster_secrets.made({**GIVEN, "DATABASE_URL": "postgresql://me@db/board"})
    assert found["board"]["database-url"] == "postgresql://me@db/board"
    assert "postgres" not in found


def test_they_are_printed_as_kubernetes_takes_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISCORD_TOKEN", raising=False)
    assert cluster_secrets.main([]) == 2
    assert "DISCORD_TOKEN" in capsys.readouterr().err
    monkeypatch.setenv("DISCORD_TOKEN", "a-token")
    assert cluster_secrets.main(["--redis-cluster"]) == 0
    printed = json.loads(capsys.readouterr().out)
    for secret in printed["items"]:
        kubernetes_validate.validate(secret, "1.34", strict=True)
    by_name = {secret["metadata"]["name"]: secret["data"] for secret in printed["items"]}
    assert base64.b64decode(by_name["gateway"]["discord-token"]) == b"a-token"
    assert by_name.keys() >= {"redis-admin", "board-callers"}
