"""`python -m chassis.probe`: exits with 0 where the service of this container is serving.

It asks the port that answers health checks in plain text (`rpc.health_port`) where there is one, else the service's own.
"""

import os
import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from chassis.settings.loading import load
from chassis.settings.section import Section


class _Nothing(Section):
    """The service's own section is not this program's business."""


def main() -> int:
    """Gives the exit code."""
    service = os.environ["GUILDHALL_SERVICE"]
    rpc = load("", _Nothing).shared.rpc
    with grpc.insecure_channel(f"127.0.0.1:{rpc.health_port or rpc.ports[service]}") as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=3)
        except grpc.RpcError as error:
            sys.stdout.write(f"{error.code().name}\n")
            return 1
    sys.stdout.write(health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status) + "\n")
    return 0 if answer.status == health_pb2.HealthCheckResponse.SERVING else 1


if __name__ == "__main__":
    sys.exit(main())
