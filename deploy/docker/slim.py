"""Takes out of a virtual environment what a running service never reads: tests, stubs, pip itself, debugging symbols.

Run with the interpreter outside of the environment: `python3 slim.py /opt/venv`.
"""

import shutil
import struct
import sys
from pathlib import Path

FOLDERS = ("tests", "test", "__pycache__", "testing")
SUFFIXES = (".pyi", ".pyx", ".pxd", ".c", ".h", ".a")
# ELF, 64 bits, little-endian: what every image of ours runs on. Offsets as in elf(5).
ELF = b"\x7fELF\x02\x01"
HEADERS_AT, SECTIONS_AT, COUNTS_AT = 32, 40, 54
SEGMENT = struct.Struct("<IIQQQQ")  # of a program header: type, flags, offset, address, physical address, size in file
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
            elif folder.is_file() and not folder.is_symlink() and ".so" in folder.name:
                strip(folder)


def strip(library: Path) -> None:
    """Cuts off a shared library what no segment holds: symbols for debuggers, and the table of sections.

    A loader reads segments alone, and no compiler's tools are there that would do this.
    """
    data = library.read_bytes()
    if not data.startswith(ELF):
        return
    (at,) = struct.unpack_from("<Q", data, HEADERS_AT)
    size, count = struct.unpack_from("<HH", data, COUNTS_AT)
    segments = (SEGMENT.unpack_from(data, at + number * size) for number in range(count))
    end = max([at + size * count, *(offset + held for _, _, offset, _, _, held in segments)])
    if end >= len(data):
        return
    kept = bytearray(data[:end])
    struct.pack_into("<Q", kept, SECTIONS_AT, 0)
    struct.pack_into("<HHH", kept, COUNTS_AT + 4, 0, 0, 0)
    library.write_bytes(kept)


if __name__ == "__main__":
    slim(Path(sys.argv[1]))
