"""Takes out of a virtual environment what a running service never reads: tests, stubs, pip itself, debugging symbols.

Run with the interpreter outside of the environment: `python3 slim.py /opt/venv`.
"""

import shutil
import sys
from pathlib import Path

FOLDERS = ("tests", "test", "__pycache__", "testing")
SUFFIXES = (".pyi", ".pyx", ".pxd", ".c", ".h", ".a")
# Needed at run time although its name says otherwise.
KEPT = ("numpy", "sqlalchemy/testing")
PACKAGES = ("pip", "setuptools", "wheel")


def slim(venv: Path) -> None:
    """Removes it."""
    for site in venv.glob("lib/python3*/site-packages"):
        for package in PACKAGES:
            for found in (site / package, *site.glob(f"{package}-*.dist-info")):
                shutil.rmtree(found, ignore_errors=True)
        for folder in sorted(site.rglob("*"), reverse=True):
            relative = folder.relative_to(site).as_posix()
            if folder.is_dir() and folder.name in FOLDERS and not relative.startswith(KEPT):
                shutil.rmtree(folder)
            elif folder.suffix in SUFFIXES and folder.is_file():
                folder.unlink()


if __name__ == "__main__":
    slim(Path(sys.argv[1]))
