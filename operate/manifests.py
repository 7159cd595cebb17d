"""`python -m operate.manifests [--check]`: what the manifests need from elsewhere in the project.

kustomize reads nothing outside of its own folder, so it is given copies; the alerts in the Prometheus operator's form.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_K8S = Path("deploy/k8s")
_RULE = """# Derived from deploy/observability/rules.yaml by `make docs`.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: guildhall
  labels: {app.kubernetes.io/name: guildhall}
spec:
"""


def derived(root: Path) -> Mapping[Path, str]:
    """The text of each derived file, by its path in the project."""
    rules = (root / "deploy/observability/rules.yaml").read_text(encoding="utf-8")
    indented = "".join(f"  {line}" if line.strip() else line for line in rules.splitlines(keepends=True))
    return {
        _K8S / "base/guildhall.yaml": (root / "guildhall.yaml").read_text(encoding="utf-8"),
        _K8S / "components/observability/collector-config.yaml": (
            root / "deploy/observability/collector.yaml"
        ).read_text(encoding="utf-8"),
        _K8S / "components/observability/rules.yaml": _RULE + indented,
    }


def main(arguments: Sequence[str]) -> int:
    """Writes the files, or with `--check` says which are stale; then the exit code is 1."""
    stale = [path for path, text in derived(ROOT).items() if not _has(ROOT / path, text)]
    for path in stale:
        if "--check" in arguments:
            sys.stderr.write(f"{path} is stale: run `make docs`\n")
        else:
            (ROOT / path).write_text(derived(ROOT)[path], encoding="utf-8")
    return 1 if stale and "--check" in arguments else 0


def _has(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
