"""`python -m local.jobs`: executor's tool for jobs that were given up, for what runs on this machine."""

from __future__ import annotations

import os
import subprocess
import sys

from local.output import say
from local.paths import ROOT, run_folder
from local.platform import Platform, operators_environment
from local.problems import Problem


def main() -> int:
    """Runs the tool, in executor's own environment."""
    try:
        platform = Platform.prepare(operators_environment(dict(os.environ)), run_folder())
    except Problem as problem:
        say(f"Guildhall can't go on: {problem}")
        return 1
    command = [sys.executable, "-m", "services.executor.jobs", *sys.argv[1:]]
    return subprocess.run(command, env=platform.environment_of("executor"), cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
