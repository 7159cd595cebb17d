"""Where things are kept while Guildhall runs on one machine."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# sockaddr_un holds 108 bytes on Linux and 104 on macOS, the closing zero included.
_LONGEST_SOCKET_PATH = 100


@dataclass(frozen=True)
class RunFolder:
    """The folder that holds logs, data, keys and sockets; `.run/` unless said otherwise."""

    root: Path

    def create(self) -> None:
        """Make every folder; those that hold keys and sockets are for this user alone."""
        for folder in (self.root, self.logs, self.data):
            folder.mkdir(parents=True, exist_ok=True)
        for folder in (self.keys, self.sockets):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if folder.stat().st_uid != os.getuid():
                raise PermissionError(errno.EPERM, "it belongs to somebody else", str(folder))

    @property
    def logs(self) -> Path:
        """One log file per process."""
        return self.root / "logs"

    @property
    def data(self) -> Path:
        """What must outlive a restart: Redis' files, the board's database, the sandbox's state."""
        return self.root / "data"

    @property
    def keys(self) -> Path:
        """Keys and tokens that were made here."""
        return self.root / "keys"

    @property
    def sockets(self) -> Path:
        """Unix sockets. A deep folder would not fit into a socket's address, so those move to a short one."""
        near = self.root / "sockets"
        if len(str(near)) + len("/durable.sock") <= _LONGEST_SOCKET_PATH:
            return near
        name = hashlib.sha256(str(self.root).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"guildhall-{os.getuid()}-{name}"

    @property
    def control_socket(self) -> Path:
        """Where `make stop`, `make status` and `make restart` reach the supervisor."""
        return self.sockets / "control.sock"


def run_folder() -> RunFolder:
    """The run folder that the environment names, else `.run/` in the project."""
    return RunFolder(Path(os.environ.get("GUILDHALL_RUN_DIR", ROOT / ".run")).absolute())
