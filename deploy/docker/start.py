"""Starts what this image is for; with `--health` says by the exit code whether it is healthy."""

import os
import runpy
import sys

SERVICE = os.environ["GUILDHALL_SERVICE"]


def main() -> None:
    """Runs the module of the service, of the sandbox, or of the health check."""
    sys.path.insert(0, "/app")
    if SERVICE == "sandbox":
        module = "relay"
    elif "--health" in sys.argv:
        module = "chassis.probe"
    else:
        module = f"services.{SERVICE}"
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
