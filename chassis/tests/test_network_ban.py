"""That the ban on the network beyond loopback holds, whatever reaches for it."""

import asyncio
import socket
import urllib.request

import pytest

from tests.support.network import NetworkBannedError


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("10.0.0.1", 80)])
def test_no_connection_leaves_the_machine(address: tuple[str, int]) -> None:
    with socket.socket() as outside, pytest.raises(NetworkBannedError):
        outside.connect(address)


def test_no_datagram_leaves_the_machine() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outside, pytest.raises(NetworkBannedError):
        outside.sendto(b"x", ("192.0.2.1", 53))


def test_no_name_is_looked_up() -> None:
    with pytest.raises(NetworkBannedError):
        urllib.request.urlopen("http://discord.com")


async def test_no_asynchronous_connection_either() -> None:
    with pytest.raises(NetworkBannedError):
        await asyncio.open_connection("example.org", 443)


def test_loopback_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass
    assert socket.getaddrinfo("localhost", 80)
