"""Runs one service: from its configuration to its last flushed span.

The order of a stop: say "not serving", wait a moment for clients to notice, take no new calls and let those under way
finish, run what `on_stop` registered, end background work, close connections, flush telemetry. Each takes so long at
most: a store that is away must not keep a process from ending.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Generic, TypeVar

import structlog
from guildhall.admin.v1.admin_pb2_grpc import add_AdminServiceServicer_to_server
from redis.exceptions import RedisError

from chassis import admin, lingering, logs
from chassis.caller_keys import FolderKeyRing, KeyRing
from chassis.caller_signing import Verifier
from chassis.clock import Clock, SystemClock
from chassis.problems import StartupError
from chassis.redis_clients import remedy_for
from chassis.redis_memory import RedisMemory
from chassis.resources import CpuMeter
from chassis.rpc.health import Health, HealthPart
from chassis.rpc.server import Server
from chassis.runtime import JSON, Background, Runtime
from chassis.settings.loading import Configuration, load
from chassis.settings.models import secret_values
from chassis.settings.problems import ConfigurationError
from chassis.settings.reload import Reloader
from chassis.settings.section import Section
from chassis.settings.shared import Shared
from chassis.telemetry import setup as telemetry_setup
from chassis.telemetry.loop_lag import LoopLag

__all__ = ["JSON", "HealthPart", "Runtime", "run"]

VERSION = "0.1.0"
CONFIGURATION_WRONG = 2
# Seconds for a step of the stop where the ones before it have used up the time.
_A_MOMENT = 0.5
# Seconds beyond the sum of what each step of a stop may take.
_TO_SPARE = 5.0
S = TypeVar("S", bound=Section)
Build = Callable[[Runtime[S]], Awaitable[None]]
_log = structlog.stdlib.get_logger(__name__)


async def run(name: str, settings_type: type[S], build: Callable[[Runtime[S]], Awaitable[None]]) -> int:
    """Runs a service until SIGTERM or SIGINT and gives the exit code: 0, 1 for a failure, 2 for the configuration."""
    try:
        configuration = load(name, settings_type)
        keys = folder_keys(configuration.shared)
    except ConfigurationError as error:
        _say(f"{name}: {error.report()}")
        return CONFIGURATION_WRONG
    except StartupError as error:
        _say(f"{name}: {error}")
        return 1
    logs.configure(name, configuration.shared.logging)
    service = Service(name, settings_type, configuration, os.environ, clock=SystemClock(), keys=keys)
    telemetry = telemetry_setup.start(name, service.runtime.instance_id, VERSION, configuration.shared.telemetry)
    try:
        await service.start(build)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, service.reloader.reload)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, service.stopping.set)
        await service.stopping.wait()
    except StartupError as error:
        _say(f"{name}: {error}")
        service.failed = True
    except RedisError as error:
        _say(f"{name}: Redis does not answer: {remedy_for(error)}")
        service.failed = True
    finally:
        rpc = configuration.shared.rpc
        lingering.end_after(rpc.drain + rpc.grace + rpc.finish + telemetry_setup.FLUSH_SECONDS + _TO_SPARE)
        await service.stop()
        await telemetry.shutdown()
    return 1 if service.failed else 0


class Service(Generic[S]):
    """One service, from its start to its stop."""

    def __init__(
        self,
        name: str,
        settings_type: type[S],
        configuration: Configuration[S],
        variables: Mapping[str, str],
        *,
        clock: Clock,
        keys: KeyRing,
    ) -> None:
        self.stopping = asyncio.Event()
        self.failed = False
        self._started = False
        self._tasks: list[asyncio.Task[None]] = []
        self._rpc = configuration.shared.rpc
        self._health = Health()
        self._loop_lag = LoopLag(clock)
        self._cpu = CpuMeter(clock)
        self._server = Server(
            self._rpc, Verifier(name, keys, clock, configuration.shared.callers.clock_skew), self._health
        )
        self.reloader = Reloader(name, settings_type, variables, configuration, clock)
        self.runtime: Runtime[S] = Runtime(
            name,
            settings=self.reloader.settings,
            shared=self.reloader.shared,
            clock=clock,
            keys=keys,
            server=self._server,
            health=self._health,
        )
        _keep_logs_as_configured(self.reloader)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._server.port

    async def start(self, build: Callable[[Runtime[S]], Awaitable[None]]) -> None:
        """Builds the service and serves. StartupError where something that it needs is missing."""
        runtime = self.runtime
        await build(runtime)
        runtime.serve(add_AdminServiceServicer_to_server, self._admin(), callers=admin.CALLERS)
        runtime.background("health", self._health.keep_published)
        runtime.background("loop lag", self._loop_lag.measure)
        runtime.background("cpu", self._cpu.measure)
        runtime.background("configuration", self.reloader.watch)
        runtime.background("redis", lambda: runtime.redis_clients.watch(partial(runtime.health, critical=False)))
        memory = RedisMemory(
            runtime.redis_clients.shown(), runtime.key_prefix, interval=runtime.shared.current.redis.memory_interval
        )
        runtime.background("redis memory", memory.measure)
        runtime.status("redis", memory.facts)
        if self._rpc.tls.enabled:
            runtime.background("certificates", runtime.renew_certificates)
        await runtime.redis_clients.check()
        await self._server.start(self._rpc.ports[runtime.name])
        for work in runtime.backgrounds:
            self._tasks.append(asyncio.create_task(self._last(work), name=work.name))
        self._health.started(tuple(self._server.registrar.services))
        await self._health.publish()
        self._started = True
        _log.info("ready", port=self.port, instance=runtime.instance_id)

    async def stop(self) -> None:
        """Stops in order; safe after a start that failed half-way."""
        if self._started:
            _log.info("stopping")
            await self._health.drain()
            await asyncio.sleep(self._rpc.drain)
        await self._server.stop(self._rpc.grace)
        ends = asyncio.get_running_loop().time() + self._rpc.finish
        for work in reversed(self.runtime.stops):
            await self._finish(work, ends)
        for task in reversed(self._tasks):
            task.cancel()
            await asyncio.wait({task}, timeout=_left(ends))
        await self._finish(self.runtime.close, ends)

    async def _finish(self, work: Callable[[], Awaitable[None]], ends: float) -> None:
        """A step after the last call. The ones after it are taken whatever becomes of it."""
        step = getattr(work, "__qualname__", repr(work))
        try:
            async with asyncio.timeout(_left(ends)):
                await work()
        except TimeoutError:
            _log.error("a step of the stop took too long", step=step)
            self.failed = True
        except Exception:  # noqa: BLE001  (see above)
            _log.exception("a step of the stop failed", step=step)
            self.failed = True

    def _admin(self) -> admin.AdminServicer:
        return admin.AdminServicer(
            service=self.runtime.name,
            instance_id=self.runtime.instance_id,
            version=VERSION,
            clock=self.runtime.clock,
            health=self._health,
            reloader=self.reloader,
            loop_lag=self._loop_lag,
            cpu=self._cpu,
            calls=self.runtime.calls,
            facts=self.runtime.statuses,
        )

    async def _last(self, background: Background) -> None:
        """Background work must last: whether it fails or ends, the process can't be trusted any more."""
        try:
            await background.work()
            _log.error("background work ended", work=background.name)
        except Exception:  # noqa: BLE001  (whatever it was, it is logged and ends the process)
            _log.exception("background work failed", work=background.name)
        self.failed = True
        self.stopping.set()


def _left(ends: float) -> float:
    """Seconds until then, and a moment where it has passed."""
    return max(_A_MOMENT, ends - asyncio.get_running_loop().time())


def _keep_logs_as_configured(reloader: Reloader[S]) -> None:
    def learn(settings: Section) -> None:
        logs.redactor.learn(secret_values(settings))

    def on_shared(old: Shared, new: Shared) -> None:
        learn(new)
        if old.logging != new.logging:
            logs.apply_levels(new.logging)

    learn(reloader.settings.current)
    learn(reloader.shared.current)
    reloader.settings.subscribe(lambda _, new: learn(new))
    reloader.shared.subscribe(on_shared)


def folder_keys(shared: Shared) -> KeyRing:
    """The key ring of the configuration; StartupError where there is none."""
    folder = shared.callers.keys_dir
    if folder is None or not folder.is_dir():
        raise StartupError(
            "there is no folder with the services' keys" if folder is None else f"there is no folder {folder}",
            "`make run` makes one; else set GUILDHALL_CALLERS__KEYS_DIR",
        )
    return FolderKeyRing(folder)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
