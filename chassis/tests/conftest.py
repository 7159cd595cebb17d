"""Fixtures of the chassis' tests: an empty configuration."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def configuration_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration of the test's own, empty at first, in place of the project's."""
    path = tmp_path / "guildhall.yaml"
    path.write_text("")
    monkeypatch.setenv("GUILDHALL_CONFIG", str(path))
    return path
