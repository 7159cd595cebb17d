"""Which loopback ports the processes listen on."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from local.problems import Problem

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Ports:
    """One port per process; each can be set by `<NAME>_PORT` in the environment, 0 meaning any free one."""

    sandbox: int = 8100
    gateway: int = 50050
    llm: int = 50051
    executor: int = 50052
    ratelimit: int = 50053
    board: int = 50054

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Ports:
        """The defaults with what the environment says. Raises Problem for what is no port."""
        chosen = asdict(cls())
        for name in chosen:
            variable = f"{name.upper()}_PORT"
            text = environment.get(variable)
            if text is None:
                continue
            if not text.isdecimal() or int(text) > 65535:
                raise Problem(f"{variable}={text} is not a port. Give a number from 0 (any free one) to 65535.")
            chosen[name] = int(text)
        for name, port in chosen.items():
            others = [other for other, same in chosen.items() if same == port and other != name]
            if port and others:
                raise Problem(f"{name} and {others[0]} have the same port, {port}. Give {name.upper()}_PORT another.")
        return cls(**_fill(chosen))

    def address(self, name: str) -> str:
        """`host:port` of a process."""
        return f"{HOST}:{getattr(self, name)}"

    def check_free(self, names: list[str]) -> None:
        """Raise Problem, naming every one, if ports are taken."""
        taken = [name for name in names if not _is_free(getattr(self, name))]
        if taken:
            listed = " and ".join(f"{getattr(self, name)} ({name})" for name in taken)
            example = f"{taken[0].upper()}_PORT={getattr(self, taken[0]) + 1000}"
            plural = "Ports" if len(taken) > 1 else "Port"
            raise Problem(
                f"{plural} {listed} already in use. Stop what listens there (`make status` says whether it is "
                f"Guildhall itself), or choose another: `{example} make run`."
            )


def _fill(chosen: dict[str, int]) -> dict[str, int]:
    """Replace each 0 by a free port; all are held at once, so that no two are the same."""
    held: list[socket.socket] = []
    try:
        for name, port in chosen.items():
            if port == 0:
                held.append(socket.create_server((HOST, 0)))
                chosen[name] = held[-1].getsockname()[1]
        return chosen
    finally:
        for listener in held:
            listener.close()


def _is_free(port: int) -> bool:
    try:
        with socket.create_server((HOST, port), reuse_port=False):
            return True
    except OSError:
        return False
