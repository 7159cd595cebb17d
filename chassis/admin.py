"""AdminService: protobuf in, facts out. Served by every process for itself."""

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.json_format import ParseDict
from guildhall.admin.v1 import admin_pb2, admin_pb2_grpc

from chassis import logs, resources
from chassis.clock import Clock
from chassis.errors import InvalidArgument
from chassis.resources import CpuMeter
from chassis.rpc.health import Health
from chassis.settings.reload import Outcome, Reloader
from chassis.telemetry.call_statistics import LONGEST_WINDOW, CallStatistics
from chassis.telemetry.loop_lag import LoopLag

# Who may look, and who may change: gateway for its admins' commands, executor for its health monitor, and whoever
# starts and stops the processes.
READERS = ("gateway", "executor", "local")
CALLERS = {"GetStatus": READERS, "Reload": ("gateway", "local"), "SetLogLevel": ("gateway", "local")}
_WINDOW = 300.0
LEVELS = ("debug", "info", "warning", "error", "critical")


class AdminServicer(admin_pb2_grpc.AdminServiceServicer):
    """Answers operators."""

    def __init__(
        self,
        *,
        service: str,
        instance_id: str,
        version: str,
        clock: Clock,
        health: Health,
        reloader: Reloader[Any],
        loop_lag: LoopLag,
        cpu: CpuMeter,
        calls: CallStatistics,
        facts: Mapping[str, Callable[[], Mapping[str, Any]]],
    ) -> None:
        self._service = service
        self._instance_id = instance_id
        self._version = version
        self._clock = clock
        self._health = health
        self._reloader = reloader
        self._loop_lag = loop_lag
        self._cpu = cpu
        self._calls = calls
        self._facts = facts
        self._started = clock.now()
        self._started_monotonic = clock.monotonic()

    async def GetStatus(self, request: admin_pb2.GetStatusRequest, context: Any) -> admin_pb2.GetStatusResponse:
        response = admin_pb2.GetStatusResponse(
            service=self._service,
            instance_id=self._instance_id,
            version=self._version,
            serving=self._health.is_serving,
            parts=[
                admin_pb2.Part(name=name, serving=state.serving, critical=state.critical, why=state.why)
                for name, state in sorted(self._health.states().items())
            ],
            config_revision=self._reloader.revision,
            resources=self._resources(),
            calls=self._answered(request),
            log_levels=logs.levels(),
        )
        response.start_time.FromNanoseconds(int(self._started * 1e9))
        response.uptime.FromNanoseconds(int((self._clock.monotonic() - self._started_monotonic) * 1e9))
        if self._reloader.last is not None:
            response.last_reload.CopyFrom(_outcome(self._reloader.last))
        for topic, provider in self._facts.items():
            ParseDict(dict(provider()), response.facts[topic])
        return response

    async def Reload(self, request: admin_pb2.ReloadRequest, context: Any) -> admin_pb2.ReloadResponse:
        return admin_pb2.ReloadResponse(outcome=_outcome(self._reloader.reload()))

    async def SetLogLevel(self, request: admin_pb2.SetLogLevelRequest, context: Any) -> admin_pb2.SetLogLevelResponse:
        if request.level not in LEVELS:
            raise InvalidArgument(
                f"a level is one of {', '.join(LEVELS)}", reason="LOG_LEVEL_UNKNOWN", fields={"level": "unknown"}
            )
        logs.set_level(request.module, request.level)
        return admin_pb2.SetLogLevelResponse(log_levels=logs.levels())

    def _answered(self, request: admin_pb2.GetStatusRequest) -> admin_pb2.Calls:
        window = request.window.ToNanoseconds() / 1e9 if request.HasField("window") else _WINDOW
        if not 0 < window <= LONGEST_WINDOW:
            raise InvalidArgument(
                "a window is up to an hour", reason="WINDOW_INVALID", fields={"window": "above 0, at most 3600 s"}
            )
        summary = self._calls.over(window)
        found = admin_pb2.Calls(count=summary.count, errors=summary.errors, histogram=summary.buckets)
        found.average.FromNanoseconds(round(summary.average * 1e9))
        found.shortest.FromNanoseconds(round(summary.shortest * 1e9) if summary.timed else 0)
        found.longest.FromNanoseconds(round(summary.longest * 1e9))
        found.p95.FromNanoseconds(round(summary.percentile(0.95) * 1e9))
        found.window.FromNanoseconds(round(window * 1e9))
        return found

    def _resources(self) -> admin_pb2.Resources:
        used = resources.look()
        found = admin_pb2.Resources(
            resident_bytes=used.resident_bytes,
            open_files=used.open_files,
            threads=used.threads,
            disk_free_bytes=used.disk_free_bytes,
            disk_total_bytes=used.disk_total_bytes,
            cpu_share=self._cpu.share,
        )
        found.cpu_time.FromNanoseconds(int(used.cpu_seconds * 1e9))
        found.loop_lag_max.FromNanoseconds(int(self._loop_lag.worst * 1e9))
        return found


def _outcome(outcome: Outcome) -> admin_pb2.ReloadOutcome:
    message = admin_pb2.ReloadOutcome(
        accepted=outcome.accepted,
        revision=outcome.revision,
        changed=outcome.changed,
        restart_needed=outcome.restart_needed,
        problems=[str(problem) for problem in outcome.problems],
    )
    message.time.FromNanoseconds(int(outcome.time * 1e9))
    return message
