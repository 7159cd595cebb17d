"""TLS by file paths. Changed files are taken into use without a restart."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import grpc

from chassis.problems import StartupError
from chassis.settings.shared import Tls


def server_credentials(tls: Tls) -> grpc.ServerCredentials | None:
    """A server's credentials, None where connections are plain. With an authority, clients need a certificate of it."""
    if not tls.enabled:
        return None
    files = _Files(tls)
    # gRPC asks before each handshake, and takes None for "as before", which its stubs do not say.
    fetch = cast("Callable[[], grpc.ServerCertificateConfiguration]", files.if_changed)
    return grpc.dynamic_ssl_server_credentials(
        files.read(), fetch, require_client_authentication=tls.authority is not None
    )


def channel_credentials(tls: Tls) -> grpc.ChannelCredentials | None:
    """A client's credentials, None where connections are plain."""
    if not tls.enabled:
        return None
    return grpc.ssl_channel_credentials(
        root_certificates=_read(tls.authority) if tls.authority else None,
        private_key=_read(tls.key),
        certificate_chain=_read(tls.certificate),
    )


def stamp(tls: Tls) -> object:
    """Changes when one of the files does; the same while one of them is missing."""
    paths = (tls.certificate, tls.key, tls.authority)
    try:
        return tuple((path.stat().st_mtime_ns, path.stat().st_ino) for path in paths if path is not None)
    except OSError:
        return None


class _Files:
    """A server's certificate files, read again when one has changed."""

    def __init__(self, tls: Tls) -> None:
        self._tls = tls
        self._stamp: object = None

    def read(self) -> grpc.ServerCertificateConfiguration:
        self._stamp = stamp(self._tls)
        return grpc.ssl_server_certificate_configuration(
            [(_read(self._tls.key), _read(self._tls.certificate))],
            root_certificates=_read(self._tls.authority) if self._tls.authority else None,
        )

    def if_changed(self) -> grpc.ServerCertificateConfiguration | None:
        """The new files, or None where they are as before or half written: then the old ones stay in use."""
        try:
            return self.read() if stamp(self._tls) != self._stamp else None
        except StartupError:
            return None


def _read(path: Path | None) -> bytes:
    if path is None:
        raise StartupError("TLS is not complete", "set rpc.tls.certificate and rpc.tls.key")
    try:
        return path.read_bytes()
    except OSError as error:
        raise StartupError(f"can't read {path}", "check rpc.tls and the file's rights") from error
