from contextlib import AsyncExitStack

import grpc
import pytest
from guildhall.admin.v1 import admin_pb2, admin_pb2_grpc

from chassis.rpc.fan_out import ask_every_replica, every_address
from chassis.runtime import Runtime
from chassis.settings import Section
from chassis.testing import running_service
from tests.support import free_port


class Empty(Section):
    """No settings of its own."""


async def nothing(runtime: Runtime[Empty]) -> None:
    """A service that serves what all do."""


@pytest.mark.parametrize(
    ("target", "addresses"),
    [
        ("ipv4:10.0.0.1:1,10.0.0.2:1", ["10.0.0.1:1", "10.0.0.2:1"]),
        ("unix:/run/llm.sock", ["unix:/run/llm.sock"]),
        ("dns:///127.0.0.1:50051", ["127.0.0.1:50051"]),
        ("127.0.0.1:50051", ["127.0.0.1:50051"]),
        ("[::1]:50051", ["[::1]:50051"]),
    ],
)
async def test_a_target_has_these_addresses(target: str, addresses: list[str]) -> None:
    assert await every_address(target) == addresses


async def test_every_replica_answers_for_itself(configuration_file: object) -> None:
    config = {"GUILDHALL_CONFIG": str(configuration_file)}
    async with AsyncExitStack() as stack:
        replicas = [
            await stack.enter_async_context(running_service("llm", Empty, nothing, variables=config)) for _ in range(2)
        ]
        away = f"127.0.0.1:{free_port()}"
        target = "ipv4:" + ",".join([*(replica.address for replica in replicas), away])
        variables = config | {"GUILDHALL_RPC__ADDRESSES__LLM": target}
        gateway = await stack.enter_async_context(running_service("gateway", Empty, nothing, variables=variables))

        async def ask(channel: grpc.aio.Channel) -> str:
            stub = admin_pb2_grpc.AdminServiceStub(channel)
            return (await stub.GetStatus(admin_pb2.GetStatusRequest(), timeout=5)).instance_id

        answers = await ask_every_replica(gateway.runtime, "llm", ask)
        assert [answers[replica.address] for replica in replicas] == [
            replica.runtime.instance_id for replica in replicas
        ]
        failed = answers[away]
        assert isinstance(failed, grpc.aio.AioRpcError)
        assert failed.code() is grpc.StatusCode.UNAVAILABLE
