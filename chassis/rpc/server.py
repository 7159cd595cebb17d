"""The server of one process."""

import asyncio
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from chassis.caller_signing import Verifier
from chassis.problems import StartupError
from chassis.rpc.health import Health
from chassis.rpc.serving import Registrar
from chassis.rpc.tls import server_credentials
from chassis.settings.shared import Rpc

_MIN_PING_INTERVAL_MS = 10_000
_CONNECTION_AGE_GRACE_MS = 600_000


class Server:
    """A gRPC server with health and reflection, which every other contract is added to."""

    def __init__(self, settings: Rpc, verifier: Verifier, health_: Health) -> None:
        self._settings = settings
        self._health = health_
        self._server = grpc.aio.server(options=_options(settings))
        self.registrar = Registrar(self._server, verifier)
        health_pb2_grpc.add_HealthServicer_to_server(health_.servicer, self._server)
        self._plain_health: grpc.aio.Server | None = None
        self.port = 0

    async def start(self, port: int) -> None:
        """Listens; StartupError where the port is taken. Port 0 takes a free one, which `port` then says."""
        names = (*self.registrar.services, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server)
        address = f"{self._settings.host}:{port}"
        credentials = server_credentials(self._settings.tls)
        try:
            if credentials is None:
                self.port = self._server.add_insecure_port(address)
            else:
                self.port = self._server.add_secure_port(address, credentials)
        except RuntimeError as error:
            raise StartupError(
                f"can't listen on {address}", "another program has this port, or the address is not this machine's"
            ) from error
        await self._server.start()
        if self._settings.health_port is not None:
            await self._answer_health_checks(self._settings.health_port)

    async def _answer_health_checks(self, port: int) -> None:
        self._plain_health = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        health_pb2_grpc.add_HealthServicer_to_server(self._health.servicer, self._plain_health)
        try:
            self._plain_health.add_insecure_port(f"{self._settings.host}:{port}")
        except RuntimeError as error:
            raise StartupError(f"can't listen on port {port} for health checks", "another program has it") from error
        await self._plain_health.start()

    async def stop(self, grace: float) -> None:
        """Takes no new calls and lets those under way finish, for `grace` seconds at most. Watches end at once."""
        stopping = asyncio.create_task(self._server.stop(grace))
        # Whoever watches anew is to find that no new calls are taken.
        await asyncio.sleep(0)
        self.registrar.watches.end()
        await stopping
        if self._plain_health is not None:
            await self._plain_health.stop(0)


def _options(settings: Rpc) -> list[tuple[str, Any]]:
    return [
        # Two processes on one port would share its calls by chance; the second one has to fail.
        ("grpc.so_reuseport", 0),
        ("grpc.max_connection_age_ms", int(settings.max_connection_age * 1000)),
        # Longer than any stream lives, so a connection's age never breaks one.
        ("grpc.max_connection_age_grace_ms", _CONNECTION_AGE_GRACE_MS),
        ("grpc.keepalive_time_ms", int(settings.keepalive * 1000)),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.http2.min_ping_interval_without_data_ms", _MIN_PING_INTERVAL_MS),
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.max_send_message_length", settings.max_message_bytes),
    ]
