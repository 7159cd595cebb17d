from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
import structlog

from chassis.caller_signing import Signer, Verifier
from chassis.clock import SystemClock
from chassis.problems import StartupError
from chassis.rpc.channel import Channel, open_channel
from chassis.rpc.health import Health
from chassis.rpc.server import Server
from chassis.rpc.tls import channel_credentials, server_credentials, stamp, usable
from chassis.settings.shared import Rpc, Tls
from chassis.testing import TestKeys
from chassis.tests.certificates import Authority
from chassis.tests.echo import Echo, EchoStub, add_to_server, text


@asynccontextmanager
async def serving(tls: Tls) -> AsyncIterator[str]:
    health = Health()
    server = Server(Rpc(tls=tls), Verifier("test", TestKeys(), SystemClock(), 5.0), health)
    server.registrar.add(add_to_server, Echo(), None)
    await server.start(0)
    health.started(())
    await health.publish()
    try:
        yield f"localhost:{server.port}"
    finally:
        await server.stop(0)


@asynccontextmanager
async def channel(address: str, tls: Tls) -> AsyncIterator[Channel]:
    signer = Signer("gateway", TestKeys(), SystemClock())
    opened = open_channel(address, "test", signer, tls=tls)
    try:
        yield opened
    finally:
        await opened.close()


def tls(authority: Authority, name: str, *, checks: bool = True) -> Tls:
    certificate, key = authority.issue(name)
    return Tls(certificate=certificate, key=key, authority=authority.certificate if checks else None)


async def works(address: str, client: Tls) -> bool:
    async with channel(address, client) as opened:
        try:
            await EchoStub(opened).Unary(text(), timeout=5)
        except grpc.aio.AioRpcError as error:
            assert error.code() is grpc.StatusCode.UNAVAILABLE
            return False
        return True


async def test_both_sides_show_what_the_authority_vouches_for(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    other_folder = tmp_path / "other"
    other_folder.mkdir()
    stranger = Authority(other_folder, "stranger")
    async with serving(tls(authority, "server")) as address:
        assert await works(address, tls(authority, "client"))
        assert not await works(address, Tls())
        impostor = tls(stranger, "client")
        trusting = impostor.model_copy(update={"authority": authority.certificate})
        assert not await works(address, trusting)
        assert not await works(address, impostor)


async def test_a_renewed_certificate_is_taken_into_use_without_a_restart(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    old, new = Authority(tmp_path), Authority(tmp_path / "new", "renewed")
    server = tls(old, "server", checks=False)
    trusts_old = Tls(certificate=server.certificate, key=server.key, authority=old.certificate)
    certificate, key = new.issue("server")
    trusts_new = Tls(certificate=certificate, key=key, authority=new.certificate)
    async with serving(server) as address:
        assert await works(address, trusts_old)
        assert not await works(address, trusts_new)
        assert server.certificate is not None
        assert server.key is not None
        for source, target in ((key, server.key), (certificate, server.certificate)):
            fresh = target.with_suffix(".fresh")
            fresh.write_bytes(source.read_bytes())
            fresh.replace(target)
        assert await works(address, trusts_new)


async def test_a_channel_goes_on_with_renewed_certificates(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    old, new = Authority(tmp_path), Authority(tmp_path / "new", "renewed")
    client, renewed = tls(old, "client"), tls(new, "client")
    async with serving(tls(new, "server")) as address, channel(address, client) as opened:
        stub = EchoStub(opened)
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.Unary(text(), timeout=5)
        before = stamp(client)
        for name in ("certificate", "key", "authority"):
            fresh = tmp_path / "fresh"
            fresh.write_bytes(getattr(renewed, name).read_bytes())
            fresh.replace(getattr(client, name))
        assert stamp(client) != before
        opened.renew()
        assert (await stub.Unary(text("new"), timeout=5)).value == "new"


async def test_what_can_not_be_used_is_said_once_and_the_old_stays(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    authority, other = Authority(tmp_path), Authority(tmp_path / "new", "other")
    server, client = tls(authority, "server"), tls(authority, "client")
    renewed = tls(other, "server")
    assert server.certificate is not None and renewed.certificate is not None
    async with serving(server) as address:
        for half in (b"no certificate", renewed.certificate.read_bytes()):
            server.certificate.write_bytes(half)
            with structlog.testing.capture_logs() as said:
                assert await works(address, client)
                assert await works(address, client)
            assert [line["event"] for line in said] == ["certificates.refused"]
    with pytest.raises(StartupError, match="can't be used"):
        server_credentials(server)
    assert not usable(server)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    assert server_credentials(Tls()) is None
    assert channel_credentials(Tls()) is None
    nowhere = Tls(certificate=tmp_path / "a.crt", key=tmp_path / "a.key")
    with pytest.raises(StartupError, match=r"a\.key"):
        server_credentials(nowhere)
    with pytest.raises(ValueError, match="go together"):
        Tls(certificate=tmp_path / "a.crt")
    with pytest.raises(ValueError, match="authority needs a certificate"):
        Tls(authority=tmp_path / "ca.crt")
