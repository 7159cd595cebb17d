"""What an audit makes of pip-audit's answers: only a package that was looked up is clean. The answers were recorded."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from operate import audit

CLEAN = {"name": "redis", "version": "8.1.0", "vulns": []}
SKIPPED = {"name": "grpcio", "skip_reason": "Dependency not found on PyPI and could not be audited: grpcio (1.85.1)"}
VULNERABLE = {
    "name": "aiohttp",
    "version": "3.9.1",
    "vulns": [{"id": "PYSEC-2024-24", "fix_versions": ["3.9.2"], "aliases": ["CVE-2024-23334"]}],
}


def tool(folder: Path, *, stdout: str = "", stderr: str = "", code: int = 0) -> str:
    """A program that says what pip-audit said."""
    path = folder / "pip-audit"
    says = f"sys.stdout.write({stdout!r})\nsys.stderr.write({stderr!r})\nsys.exit({code})"
    path.write_text(f"#!{sys.executable}\nimport sys\n{says}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("packages", "code", "said"),
    [
        ([CLEAN], audit.CLEAN, "1 of 1 packages looked up, 0 known as vulnerable"),
        ([CLEAN, SKIPPED], audit.NOT_LOOKED_UP, "NOT LOOKED UP: Dependency not found on PyPI"),
        ([SKIPPED, VULNERABLE], audit.VULNERABLE, "VULNERABLE: aiohttp 3.9.1: PYSEC-2024-24, mended in 3.9.2"),
        ([], audit.NOT_LOOKED_UP, "0 of 0 packages looked up"),
    ],
)
def test_only_what_was_looked_up_is_clean(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], packages: list[dict[str, Any]], code: int, said: str
) -> None:
    answer = json.dumps({"dependencies": packages, "fixes": []})
    assert audit.main([tool(tmp_path, stdout=answer), "requirements/dev.txt"]) == code
    assert said in capsys.readouterr().out


def test_nobody_who_answers_is_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = (
        "Traceback (most recent call last):\n  …\nrequests.exceptions.ConnectionError: pypi.org: Connection refused\n"
    )
    assert audit.main([tool(tmp_path, stderr=trace, code=1), "requirements/dev.txt"]) == audit.NOT_LOOKED_UP
    assert capsys.readouterr().out == (
        "NOT LOOKED UP: pip-audit got no answer: requests.exceptions.ConnectionError: pypi.org: Connection refused\n"
    )
