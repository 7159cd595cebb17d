import asyncio
import socket
from contextlib import AsyncExitStack
from typing import NoReturn

import grpc
import pytest
from guildhall.admin.v1 import admin_pb2, admin_pb2_grpc

from chassis.rpc.fan_out import ask_every_replica, every_address
from chassis.runtime import Runtime
from chassis.settings import Section
from chassis.testing import RunningService, running_service
from tests.support import eventually, free_port


class Empty(Section):
    """No settings of its own."""


async def nothing(runtime: Runtime[Empty]) -> None:
    """A service that serves what all do."""


async def status(channel: grpc.aio.Channel) -> str:
    """Which process answers on a channel."""
    stub = admin_pb2_grpc.AdminServiceStub(channel)
    answer: admin_pb2.GetStatusResponse = await stub.GetStatus(admin_pb2.GetStatusRequest(), timeout=5)
    return answer.instance_id


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

        answers = await ask_every_replica(gateway.runtime, "llm", status)
        assert [answers[replica.address] for replica in replicas] == [
            replica.runtime.instance_id for replica in replicas
        ]
        failed = answers[away]
        assert isinstance(failed, grpc.aio.AioRpcError)
        assert failed.code() is grpc.StatusCode.UNAVAILABLE


async def test_channels_are_kept_as_long_as_their_replica_is_there(configuration_file: object) -> None:
    config = {"GUILDHALL_CONFIG": str(configuration_file)}
    async with AsyncExitStack() as stack:
        one, two, three = [
            await stack.enter_async_context(running_service("llm", Empty, nothing, variables=config)) for _ in range(3)
        ]
        gateway = await stack.enter_async_context(running_service("gateway", Empty, nothing, variables=config))

        async def asked(*replicas: RunningService[Empty]) -> dict[str, grpc.aio.Channel]:
            """The channels over which these replicas, and no others, answered, by who answered."""
            target = "ipv4:" + ",".join(replica.address for replica in replicas)
            shared = gateway.runtime.shared
            rpc = shared.current.rpc.model_copy(update={"addresses": {"llm": target}})
            shared.replace(shared.current.model_copy(update={"rpc": rpc}))
            used: dict[str, grpc.aio.Channel] = {}

            async def ask(channel: grpc.aio.Channel) -> None:
                stub = admin_pb2_grpc.AdminServiceStub(channel)
                used[(await stub.GetStatus(admin_pb2.GetStatusRequest(), timeout=5)).instance_id] = channel

            answers = await ask_every_replica(gateway.runtime, "llm", ask)
            assert dict(answers) == dict.fromkeys(replica.address for replica in replicas)
            assert used.keys() == {replica.runtime.instance_id for replica in replicas}
            return used

        first = await asked(one, two)
        assert await asked(one, two) == first
        later = await asked(two, three)
        kept, gone = two.runtime.instance_id, one.runtime.instance_id
        assert later[kept] is first[kept]
        await eventually(lambda: first[gone].get_state() is grpc.ChannelConnectivity.SHUTDOWN, timeout=5)
        assert later[kept].get_state() is grpc.ChannelConnectivity.READY
        gateway.runtime.replicas.renew()
        assert await asked(two, three) == later
    assert all(channel.get_state() is grpc.ChannelConnectivity.SHUTDOWN for channel in later.values())


async def test_a_call_under_way_ends_when_its_replica_is_gone_meanwhile(configuration_file: object) -> None:
    config = {"GUILDHALL_CONFIG": str(configuration_file)}
    async with AsyncExitStack() as stack:
        replica = await stack.enter_async_context(running_service("llm", Empty, nothing, variables=config))
        gateway = await stack.enter_async_context(running_service("gateway", Empty, nothing, variables=config))
        replicas = gateway.runtime.replicas
        channel = replicas.only("llm", [replica.address])[replica.address]
        asking = asyncio.create_task(status(channel))
        await asyncio.sleep(0)
        assert replicas.only("llm", ()) == {}
        assert await asking == replica.runtime.instance_id


async def test_a_name_that_is_not_known_has_no_replicas(
    configuration_file: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def not_known(*_: object, **__: object) -> NoReturn:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    config = {"GUILDHALL_CONFIG": str(configuration_file)}
    async with AsyncExitStack() as stack:
        replica = await stack.enter_async_context(running_service("llm", Empty, nothing, variables=config))
        variables = config | {"GUILDHALL_RPC__ADDRESSES__LLM": "dns:///nobody.invalid:1"}
        gateway = await stack.enter_async_context(running_service("gateway", Empty, nothing, variables=variables))
        channel = gateway.runtime.replicas.only("llm", [replica.address])[replica.address]
        await status(channel)
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", not_known)
        with pytest.raises(socket.gaierror):
            await ask_every_replica(gateway.runtime, "llm", status)
        await eventually(lambda: channel.get_state() is grpc.ChannelConnectivity.SHUTDOWN, timeout=5)
