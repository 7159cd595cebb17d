"""Writes docs/configuration.md from the settings models; with `--check` only says whether it is fresh."""

import sys

from chassis.settings.reference import render
from local.configuration import SETTINGS_TYPES
from local.paths import ROOT

PAGE = ROOT / "docs" / "configuration.md"


def main(arguments: list[str]) -> int:
    """Gives the exit code."""
    text = render(SETTINGS_TYPES)
    if "--check" in arguments:
        fresh = PAGE.exists() and PAGE.read_text(encoding="utf-8") == text
        if not fresh:
            print(f"{PAGE.relative_to(ROOT)} is stale: run make docs", file=sys.stderr)
        return 0 if fresh else 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
