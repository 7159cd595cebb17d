"""The guides name only commands, metrics, alerts and pages that exist."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GUIDES = sorted(path for path in (ROOT / "docs").rglob("*.md") if path.parent.name in ("docs", "operations"))


def anchors(page: Path) -> set[str]:
    """The headings of a page as links name them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_every_link_leads_somewhere(guide: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", guide.read_text()):
        if not target.startswith(("http", "#")):
            path, _, anchor = target.partition("#")
            page = (guide.parent / path).resolve()
            assert page.exists(), target
            assert not anchor or anchor in anchors(page), target


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_every_target_of_make_exists(guide: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^|&& )make ([a-z][a-z0-9-]*)", guide.read_text(), re.MULTILINE)) <= targets


def test_every_metric_of_the_monitoring_guide_is_in_the_schema() -> None:
    schema = yaml.safe_load((ROOT / "chassis/telemetry/schema.yaml").read_text())
    named = set(re.findall(r"`(guildhall\.[a-z_.]+[a-z])`", (ROOT / "docs/operations/monitoring.md").read_text()))
    assert len(named) > 6
    assert named - {"guildhall.yaml"} <= {*schema["metrics"], *schema["attributes"]}


def test_every_overlay_is_explained() -> None:
    explained = set(re.findall(r"^\| `([\w-]+)` \|", (ROOT / "docs/install-cluster.md").read_text(), re.MULTILINE))
    assert explained == {path.parent.name for path in (ROOT / "deploy/k8s/overlays").glob("*/kustomization.yaml")}
