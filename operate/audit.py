"""`python -m operate.audit PIP_AUDIT LOCK…`: looks locked packages up among known vulnerabilities.

pip-audit asks; what it says is read here, because it calls it a success when nobody answered for a package, and what
mirrors PyPI often has no vulnerabilities to tell of. Ends with 0 where every package was looked up and none is known to
be vulnerable, with 1 where one is, with 2 where some, or all, could not be looked up.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any

CLEAN, VULNERABLE, NOT_LOOKED_UP = range(3)


def main(arguments: Sequence[str]) -> int:
    """Asks about every package of the locks; gives the exit code."""
    tool, *locks = arguments
    options = ["--require-hashes", "--disable-pip", "--progress-spinner", "off", "--format", "json", "--desc", "off"]
    for lock in locks:
        options += ["--requirement", lock]
    # Which tool is run is said by whoever calls, as any command line is.
    asked = subprocess.run([tool, *options], capture_output=True, text=True, check=False)  # noqa: S603
    try:
        packages = json.loads(asked.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        said = asked.stderr.strip().splitlines()
        _say(f"NOT LOOKED UP: pip-audit got no answer: {said[-1] if said else f'it ended with {asked.returncode}'}")
        return NOT_LOOKED_UP
    for line in _lines(packages):
        _say(line)
    skipped = [package for package in packages if "skip_reason" in package]
    vulnerable = [package for package in packages if package.get("vulns")]
    _say(f"{len(packages) - len(skipped)} of {len(packages)} packages looked up, {len(vulnerable)} known as vulnerable")
    if skipped:
        _say("This is no whole audit: ask an index that knows vulnerabilities, as pypi.org does.")
    if vulnerable:
        return VULNERABLE
    return NOT_LOOKED_UP if skipped or not packages else CLEAN


def _lines(packages: Sequence[dict[str, Any]]) -> Iterator[str]:
    for package in packages:
        if "skip_reason" in package:
            yield f"NOT LOOKED UP: {package['skip_reason']}"
        for found in package.get("vulns", ()):
            fixed = ", ".join(found["fix_versions"]) or "no version"
            yield f"VULNERABLE: {package['name']} {package['version']}: {found['id']}, mended in {fixed}"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
