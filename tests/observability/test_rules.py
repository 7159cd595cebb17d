"""Rules, dashboards and the runbook fit one another and what the services send.

promtool checks the rules' syntax; skipped aloud where it is not installed.
"""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "observability" / "rules.yaml"
DASHBOARDS = sorted((ROOT / "deploy" / "observability" / "dashboards").glob("*.json"))
# Of the semantic conventions: not ours, so not in our schema.
CONVENTIONS = {
    "http.client.request.duration": "histogram",
    "rpc.server.call.duration": "histogram",
    "gen_ai.client.operation.duration": "histogram",
    "gen_ai.client.token.usage": "histogram",
}
_METRIC = re.compile(r"\b((?:rpc|http_client|gen_ai|guildhall)_[a-z_]+)\s*(?:\{|\[|\)| |$)")
_BY = re.compile(r"\bby \([^)]*\)")


def rules() -> list[dict[str, Any]]:
    """Every rule."""
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def series() -> set[str]:
    """The names under which Prometheus knows what the services send."""
    schema = yaml.safe_load((ROOT / "chassis/telemetry/schema.yaml").read_text())["metrics"]
    metrics = {name: (entry["kind"], entry["unit"]) for name, entry in schema.items()}
    metrics |= {name: (kind, "s" if name.endswith("duration") else "{x}") for name, kind in CONVENTIONS.items()}
    found = set()
    for name, (kind, unit) in metrics.items():
        base = name.replace(".", "_") + {"s": "_seconds", "By": "_bytes"}.get(unit, "")
        if kind == "histogram":
            found |= {f"{base}_{part}" for part in ("bucket", "count", "sum")}
        else:
            found.add(f"{base}_total" if kind == "counter" else base)
    return found


def queries() -> list[str]:
    """Every query of rules and panels."""
    found = [rule["expr"] for rule in rules()]
    for dashboard in DASHBOARDS:
        found += [
            target["expr"] for panel in json.loads(dashboard.read_text())["panels"] for target in panel["targets"]
        ]
    return found


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian's prometheus) is not installed")
def test_prometheus_takes_the_rules() -> None:
    subprocess.run(["promtool", "check", "rules", str(RULES)], check=True, capture_output=True)


def test_every_query_asks_for_what_is_sent() -> None:
    asked = {name for query in queries() for name in _METRIC.findall(_BY.sub("", query))}
    assert len(asked) > 8
    assert asked <= series()


def test_each_alert_has_its_paragraph() -> None:
    runbook = (ROOT / "docs/operations/runbook.md").read_text()
    headings = set(re.findall(r"^## (\w+)$", runbook, re.MULTILINE))
    alerts = {rule["alert"]: rule for rule in rules() if "alert" in rule}
    assert set(alerts) == headings
    for name, rule in alerts.items():
        assert rule["annotations"]["runbook"] == f"docs/operations/runbook.md#{name.lower()}"
