"""Serves Envoy's RateLimitService on a port of its own, as Envoy signs no Caller."""

import grpc
import structlog
from envoy.service.ratelimit.v3 import rls_pb2_grpc

from chassis.clock import Clock
from chassis.problems import StartupError
from chassis.rpc.tls import server_credentials
from chassis.settings.shared import Rpc
from services.ratelimit.decider import Decider
from services.ratelimit.envoy.servicer import EnvoyServicer
from services.ratelimit.envoy.settings import EnvoyApi
from services.ratelimit.meters import Decisions

_GRACE = 2.0
_log = structlog.stdlib.get_logger(__name__)


class EnvoyServer:
    """The server, if it is enabled. Whether it is, and where, is read at start."""

    def __init__(self, settings: EnvoyApi, decider: Decider, clock: Clock, decisions: Decisions, rpc: Rpc) -> None:
        self._settings, self._rpc = settings, rpc
        self._servicer = EnvoyServicer(settings, decider, clock, decisions)
        self._server: grpc.aio.Server | None = None
        self.port = 0

    def use(self, settings: EnvoyApi) -> None:
        """Puts other domains in force."""
        self._servicer.use(settings)

    async def start(self) -> None:
        """Listens. StartupError where the port is taken."""
        if not self._settings.enabled:
            return
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        rls_pb2_grpc.add_RateLimitServiceServicer_to_server(self._servicer, server)
        address = f"{self._settings.host}:{self._settings.port}"
        credentials = server_credentials(self._rpc.tls)
        try:
            if credentials is None:
                self.port = server.add_insecure_port(address)
            else:
                self.port = server.add_secure_port(address, credentials)
        except RuntimeError as error:
            raise StartupError(f"can't listen on {address} for Envoy", "another program has this port") from error
        await server.start()
        self._server = server
        _log.info("serving Envoy's RateLimitService", port=self.port)

    async def stop(self) -> None:
        """Takes no new calls and lets those under way finish."""
        if self._server is not None:
            await self._server.stop(_GRACE)
