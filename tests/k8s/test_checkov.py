"""checkov's checks of the rendered manifests: each that is not met stands here with its reason, and no other.

checkov lives in an environment of its own (`make checkov`), as it pins much of what it needs; skipped aloud without.
"""

import json
import subprocess
from pathlib import Path

import pytest

from tests.k8s.test_manifests import OVERLAYS, ROOT, pytestmark  # noqa: F401 - nothing is rendered without kubectl

CHECKOV = ROOT / ".venv" / "tools" / "checkov" / "bin" / "checkov"
OURS = {"Deployment.guildhall.board", "Deployment.guildhall.executor", "Deployment.guildhall.llm"}
OURS |= {"Deployment.guildhall.ratelimit", "StatefulSet.guildhall.gateway"}
THEIRS = {"Deployment.guildhall.collector", "StatefulSet.guildhall.postgres"}
THEIRS |= {"StatefulSet.guildhall.redis-durable", "StatefulSet.guildhall.redis-limits"}
THEIRS |= {"StatefulSet.guildhall.redis-cluster", "Job.guildhall.redis-cluster-create"}
OPTIONS = ("--framework", "kubernetes", "--skip-download", "--compact", "-o", "json")
# Check, where it is not met, and why.
EXPLAINED = {
    # Image tags: our images are built by whoever installs them, who names their registry and tag with `images:`.
    "CKV_K8S_14": OURS,
    # Pull policy Always: a version's tag never moves, and a node must start a pod while the registry is away.
    "CKV_K8S_15": OURS | THEIRS,
    # User ids from 10000: PostgreSQL's image has its user 999, who owns what it comes with.
    "CKV_K8S_40": {"StatefulSet.guildhall.postgres"},
    # Digests: of our images there is none before they are built; those of others get their security fixes by tag.
    "CKV_K8S_43": OURS | THEIRS,
}


@pytest.mark.skipif(not CHECKOV.exists(), reason="checkov is not installed: make checkov")
@pytest.mark.timeout(300)
def test_what_checkov_asks_for_is_met_or_explained(tmp_path: Path) -> None:
    for overlay in OVERLAYS:
        rendered = subprocess.run(
            ["kubectl", "kustomize", str(ROOT / "deploy/k8s/overlays" / overlay)], capture_output=True, check=True
        )
        (tmp_path / f"{overlay}.yaml").write_bytes(rendered.stdout)
    done = subprocess.run(
        [str(CHECKOV), "-d", str(tmp_path), *OPTIONS],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    results = json.loads(done.stdout)["results"]
    assert len(results["passed_checks"]) > 1000
    assert results["parsing_errors"] == []
    found: dict[str, set[str]] = {}
    for check in results["failed_checks"]:
        found.setdefault(check["check_id"], set()).add(check["resource"])
    assert found == EXPLAINED
