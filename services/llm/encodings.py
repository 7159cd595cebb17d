"""The rank files that tiktoken needs, taken from a wheel that carries them.

`python -m services.llm.encodings` downloads the locked, hashed bpe-openai wheel with pip, takes the two compressed
files out of it, checks what is in them and puts them under the names by which tiktoken looks for them: the SHA-1 of the
address that it would fetch them from. Nothing else of the wheel is kept.
"""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ADDRESS = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"
ENCODINGS = {
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
}
"""SHA-256 of each file, as tiktoken checks it."""
REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements" / "encodings.txt"


def directory() -> Path:
    """Where the files are kept in this environment."""
    return Path(sys.prefix) / "share" / "guildhall" / "encodings"


def file_name(encoding: str) -> str:
    """The name under which tiktoken looks for an encoding."""
    return hashlib.sha1(ADDRESS.format(encoding).encode(), usedforsecurity=False).hexdigest()


def missing(folder: Path) -> list[str]:
    """Encodings whose file is not there or not whole."""
    return [name for name, digest in ENCODINGS.items() if not _intact(folder / file_name(name), digest)]


def unpack(wheel: Path, folder: Path) -> None:
    """Puts the files of a wheel into the folder. Raises ValueError where one is missing or is not what it should be."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        for encoding, digest in ENCODINGS.items():
            member = next((name for name in archive.namelist() if name.endswith(f"{encoding}.tiktoken.gz")), None)
            if member is None:
                raise ValueError(f"{wheel.name} holds no {encoding}.tiktoken.gz")
            content = gzip.decompress(archive.read(member))
            if hashlib.sha256(content).hexdigest() != digest:
                raise ValueError(f"{encoding} in {wheel.name} is not the file that tiktoken expects")
            target = folder / file_name(encoding)
            temporary = target.with_suffix(".tmp")
            temporary.write_bytes(content)
            temporary.replace(target)


def install(folder: Path) -> None:
    """Downloads the locked wheel with pip and unpacks it. Raises CalledProcessError where pip fails."""
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(  # noqa: S603 - a fixed command line of this interpreter's own pip
            [
                sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                "--only-binary", ":all:", "--require-hashes", "--requirement", str(REQUIREMENTS), "--dest", scratch,
            ],
            check=True,
        )  # fmt: skip
        wheel = next(Path(scratch).glob("bpe_openai-*.whl"), None)
        if wheel is None:
            raise ValueError("pip brought no bpe-openai wheel")
        unpack(wheel, folder)


def _intact(path: Path, digest: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == digest


def main() -> int:
    """Installs what is missing. 0 when all is there, 1 with one line that says why not."""
    folder = directory()
    if not missing(folder):
        return 0
    try:
        install(folder)
    except (subprocess.CalledProcessError, ValueError, OSError) as error:
        sys.stderr.write(f"encodings: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
