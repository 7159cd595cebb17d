"""Every name that Guildhall gives in telemetry, in one place: instrumentation elsewhere uses these, never a literal.

Names that OpenTelemetry's semantic conventions define are theirs (rpc.*, messaging.*, error.*); our own begin with
`guildhall.`. Units are UCUM.
"""

from enum import StrEnum


class Attribute(StrEnum):
    """Attributes of spans and metrics."""

    ERROR_TYPE = "error.type"
    RPC_SYSTEM = "rpc.system.name"
    RPC_METHOD = "rpc.method"
    RPC_STATUS = "rpc.response.status_code"
    MESSAGING_SYSTEM = "messaging.system"
    MESSAGING_DESTINATION = "messaging.destination.name"
    MESSAGING_OPERATION = "messaging.operation.type"
    CALLER = "guildhall.caller.service"
    REASON = "guildhall.error.reason"
    REDELIVERED = "guildhall.job.redelivered"


class Metric(StrEnum):
    """Metrics."""

    RPC_SERVER_DURATION = "rpc.server.call.duration"
    RPC_CLIENT_DURATION = "rpc.client.call.duration"
    LOOP_LAG = "guildhall.loop.lag"


# Seconds; the boundaries that the semantic conventions advise for RPC, HTTP and database durations.
DURATION_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
LAG_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
