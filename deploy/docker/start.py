"""Starts what this image is for; with `--health` says by the exit code whether it is healthy.

The health check imports gRPC and nothing of ours, because it runs every few seconds on a machine that has other work.
"""

import os
import runpy
import sys

SERVICE = os.environ["GUILDHALL_SERVICE"]


def main() -> None:
    """Runs the module of the service or of the sandbox."""
    sys.path.insert(0, "/app")
    runpy.run_module("relay" if SERVICE == "sandbox" else f"services.{SERVICE}", run_name="__main__", alter_sys=True)


def healthy() -> int:
    """The exit code of a health check."""
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    with grpc.insecure_channel(f"127.0.0.1:{os.environ['GUILDHALL_RPC__HEALTH_PORT']}") as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
        except grpc.RpcError as error:
            sys.stdout.write(f"{error.code().name}\n")
            return 1
    return 0 if answer.status == health_pb2.HealthCheckResponse.SERVING else 1


if __name__ == "__main__":
    if "--health" in sys.argv and SERVICE != "sandbox":
        sys.exit(healthy())
    main()
