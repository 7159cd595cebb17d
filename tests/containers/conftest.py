"""The composed system, brought up once for all tests of this folder; skipped aloud where no engine runs."""

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.containers.composed import Composed


def _why_not() -> str:
    """Why there is no engine to try it on; empty where there is one."""
    if not os.environ.get("GUILDHALL_TEST_CONTAINERS"):
        return "containers are tried by `make test-containers` only"
    if shutil.which("docker") is None:
        return "there is no docker command"
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode != 0:
        return "no container engine runs"
    return ""


@pytest.fixture(scope="session")
def composed() -> Iterator[Composed]:
    """The system, built, up and healthy."""
    if why_not := _why_not():
        pytest.skip(why_not)
    system = Composed()
    system.compose("build", "-q")
    try:
        system.seconds_to_healthy = system.up()
        yield system
    finally:
        system.down()
