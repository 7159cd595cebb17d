"""Makes one environment for each foreign client under `.run/clients/`: `python -m tests.clients.prepare [name…]`.

Python clients get a virtual environment from their hashed lock, discord.js an `npm ci`. The tests use what is there and
skip, saying so, what is not.
"""

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parents[1] / ".run" / "clients"
PYTHON_CLIENTS = ("discordpy", "hikari", "disnake")
NODE_CLIENTS = ("discordjs",)


def command(name: str) -> list[str] | None:
    """How a client is started; None where its environment was not prepared."""
    folder = ENVIRONMENTS / name
    if not (folder / "prepared").exists():
        return None
    if name in PYTHON_CLIENTS:
        return [str(folder / "bin" / "python"), "-X", "dev", str(HERE / name / "client.py")]
    return [shutil.which("node") or "node", "--preserve-symlinks-main", str(folder / "client.mjs")]


def prepare(name: str) -> None:
    """Makes one environment anew."""
    folder = ENVIRONMENTS / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if name in PYTHON_CLIENTS:
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        requirements = HERE / name / "requirements.txt"
        pip = [
            str(folder / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "-q",
            "--require-hashes",
            "-r",
            str(requirements),
        ]
        subprocess.run(pip, check=True)
    else:
        for file in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name / file, folder / file)
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, check=True)
        (folder / "client.mjs").symlink_to(HERE / name / "client.mjs")
    (folder / "prepared").touch()


if __name__ == "__main__":
    for wanted in sys.argv[1:] or [*PYTHON_CLIENTS, *NODE_CLIENTS]:
        prepare(wanted)
