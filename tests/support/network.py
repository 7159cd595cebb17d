"""Bans the network beyond loopback, for every test and for every thread of its process.

An audit hook sees each connection and each name looked up before it happens, whichever library makes it.
"""

import ipaddress
import sys
from typing import Any

_LOCAL_NAMES = {"localhost", "", None}


class NetworkBannedError(RuntimeError):
    """A test reached for the network."""


def _is_local(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host in _LOCAL_NAMES:
        return True
    try:
        address = ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _guard(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        if isinstance(address, tuple) and not _is_local(address[0]):
            raise NetworkBannedError(f"a test may reach loopback only, not {address!r}")
    elif event in ("socket.getaddrinfo", "socket.gethostbyname") and not _is_local(arguments[0]):
        raise NetworkBannedError(f"a test may look up loopback only, not {arguments[0]!r}")


sys.addaudithook(_guard)
