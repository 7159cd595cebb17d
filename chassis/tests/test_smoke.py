import grpc
import pytest
from guildhall.llm.v1 import generation_pb2, generation_pb2_grpc

from chassis.caller import Caller, Person, current_caller
from chassis.errors import NotFound, from_rpc_error
from chassis.settings import Section
from chassis.testing import channel_to, running_service, serve_in_process


class Gen(generation_pb2_grpc.GenerationServiceServicer):
    async def Generate(self, request, context):
        yield generation_pb2.GenerateResponse(text_delta="a")
        yield generation_pb2.GenerateResponse(text_delta=str(current_caller().person.user_id))

    async def Title(self, request, context):
        raise NotFound("no", reason="NOPE", metadata={"a": "b"}, retry_after=1.5)


async def test_it():
    async with serve_in_process((generation_pb2_grpc.add_GenerationServiceServicer_to_server, Gen())) as address:
        async with channel_to(address, Caller("x", Person(5))) as channel:
            stub = generation_pb2_grpc.GenerationServiceStub(channel)
            got = [r.text_delta async for r in stub.Generate(generation_pb2.GenerateRequest(), timeout=5)]
            assert got == ["a", "5"]
            with pytest.raises(grpc.aio.AioRpcError) as e:
                await stub.Title(generation_pb2.TitleRequest(), timeout=5)
            err = from_rpc_error(e.value)
            assert isinstance(err, NotFound) and err.reason == "NOPE" and err.retry_after == 1.5


class Set(Section):
    x: int = 1


async def test_service(redis_url):
    async def build(runtime):
        r = runtime.redis("durable")
        await r.set("llm:a", 1)
        runtime.serve(
            generation_pb2_grpc.add_GenerationServiceServicer_to_server, Gen(), callers={"Generate": {"gateway"}}
        )

    async with running_service("llm", Set, build, variables={"REDIS_URL": redis_url}) as s:
        async with channel_to(s.address, Caller("gateway", Person(5)), audience="llm") as channel:
            stub = generation_pb2_grpc.GenerationServiceStub(channel)
            got = [r.text_delta async for r in stub.Generate(generation_pb2.GenerateRequest(), timeout=5)]
            assert got == ["a", "5"]
            with pytest.raises(grpc.aio.AioRpcError) as e:
                await stub.Title(generation_pb2.TitleRequest(), timeout=5)
            assert from_rpc_error(e.value).reason == "CALLER_NOT_ALLOWED"
