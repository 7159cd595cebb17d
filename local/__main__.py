"""`python -m local run|dev|stop|status|restart|doctor`: what the Makefile calls."""

from __future__ import annotations

import argparse
import asyncio
import errno
import os
import sys

from local import doctor
from local.output import say
from local.paths import run_folder
from local.platform import operators_environment
from local.problems import Problem
from local.run import restart, run, status, stop

_UNUSABLE = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.ENOTDIR,
    errno.EEXIST,
    errno.ENOENT,
}


def main() -> int:
    """Do what the command line says; a Problem is one line and exit code 1, and so is a folder that can't be used."""
    parser = argparse.ArgumentParser(prog="python -m local", description="Guildhall on one machine.")
    parser.add_argument("command", choices=["run", "dev", "stop", "status", "restart", "doctor"])
    parser.add_argument("name", nargs="?", default="", help="restart: only this process")
    arguments = parser.parse_args()
    folder = run_folder()
    operator = operators_environment(dict(os.environ))
    try:
        match arguments.command:
            case "stop":
                return asyncio.run(stop(folder))
            case "status":
                return asyncio.run(status(folder))
            case "restart":
                return asyncio.run(restart(folder, arguments.name))
            case "doctor":
                return asyncio.run(doctor.examine(operator, folder))
            case command:
                return asyncio.run(run(operator, folder, watch_code=command == "dev"))
    except Problem as problem:
        say(f"Guildhall can't go on: {problem}")
        return 1
    except OSError as error:
        if error.errno not in _UNUSABLE or error.filename is None:
            raise
        say(
            f"Guildhall can't go on: {error.filename}: {error.strerror}. It has to be writable for whoever runs this; "
            "GUILDHALL_RUN_DIR names another folder."
        )
        return 1
    except KeyboardInterrupt:
        return 130


sys.exit(main())
