"""TLS by file paths. Changed files are taken into use without a restart, once they are whole and fit each other."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import cast

import grpc
import structlog

from chassis.problems import StartupError
from chassis.settings.shared import Tls

_log = structlog.stdlib.get_logger(__name__)


def server_credentials(tls: Tls) -> grpc.ServerCredentials | None:
    """A server's credentials, None where connections are plain. With an authority, clients need a certificate of it."""
    if not tls.enabled:
        return None
    require(tls)
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


def require(tls: Tls) -> None:
    """Raises StartupError where the files can't be used: missing, not PEM, or a key that is not the certificate's."""
    for path in (tls.key, tls.certificate, tls.authority):
        if path is not None:
            _read(path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        if tls.certificate is not None:
            # An empty password, so that a key that wants one is refused instead of asked for on a terminal.
            context.load_cert_chain(tls.certificate, tls.key, password="")
        if tls.authority is not None:
            context.load_verify_locations(tls.authority)
    except OSError as error:  # what ssl raises is one
        raise StartupError(
            f"the certificates of rpc.tls can't be used ({error.strerror})",
            f"check {tls.certificate}, {tls.key} and {tls.authority}: PEM, and of one another",
        ) from error


def usable(tls: Tls) -> bool:
    """Whether changed files can take the place of the old ones; says so where they can't."""
    try:
        require(tls)
    except StartupError as error:
        _log.warning("certificates.refused", why=str(error))
        return False
    _log.info("certificates.renewed")
    return True


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
        self._refused: object = None

    def read(self) -> grpc.ServerCertificateConfiguration:
        self._stamp = stamp(self._tls)
        return grpc.ssl_server_certificate_configuration(
            [(_read(self._tls.key), _read(self._tls.certificate))],
            root_certificates=_read(self._tls.authority) if self._tls.authority else None,
        )

    def if_changed(self) -> grpc.ServerCertificateConfiguration | None:
        """The new files, or None where they are as before or can't be used: then the old ones stay in use."""
        now = stamp(self._tls)
        if now is None or now in (self._stamp, self._refused):
            return None
        if not usable(self._tls):
            self._refused = now
            return None
        try:
            return self.read()
        except StartupError:
            return None


def _read(path: Path | None) -> bytes:
    if path is None:
        raise StartupError("TLS is not complete", "set rpc.tls.certificate and rpc.tls.key")
    try:
        return path.read_bytes()
    except OSError as error:
        raise StartupError(f"can't read {path}", "check rpc.tls and the file's rights") from error
