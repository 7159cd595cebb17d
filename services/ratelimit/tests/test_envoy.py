"""Envoy's RateLimitService, called by the client that Envoy's published protos generate."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from envoy.service.ratelimit.v3 import rls_pb2 as pb
from envoy.service.ratelimit.v3 import rls_pb2_grpc

from services.ratelimit.tests.conftest import Start
from tests.support import free_port
from tests.support.redis_process import RedisProcess

DOMAIN = {
    "domain": "edge",
    "descriptors": [
        {"key": "remote_address", "rate_limit": {"requests_per_unit": 3, "unit": "hour"}},
        {"key": "path", "value": "/free", "unlimited": True},
        {"key": "path", "value": "/never", "rate_limit": {"requests_per_unit": 0, "unit": "second"}},
        {"key": "shadow", "shadow_mode": True, "rate_limit": {"requests_per_unit": 1, "unit": "hour"}},
        {
            "key": "tenant",
            "value": "gold",
            "descriptors": [{"key": "user", "rate_limit": {"requests_per_unit": 10, "unit": "minute"}}],
        },
    ],
}
OK, OVER = pb.RateLimitResponse.OK, pb.RateLimitResponse.OVER_LIMIT


def ask(*descriptors: dict[str, str], domain: str = "edge", hits: int = 0) -> pb.RateLimitRequest:
    request = pb.RateLimitRequest(domain=domain, hits_addend=hits)
    for entries in descriptors:
        descriptor = request.descriptors.add()
        for key, value in entries.items():
            descriptor.entries.add(key=key, value=value)
    return request


@pytest.fixture
def envoy(start: Start, redis_url: str) -> Any:
    @asynccontextmanager
    async def running(url: str = redis_url) -> AsyncIterator[Any]:
        port = free_port()
        settings = {"envoy": {"enabled": True, "port": port, "domains": [DOMAIN]}}
        async with start(None, settings, url=url), grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield rls_pb2_grpc.RateLimitServiceStub(channel).ShouldRateLimit

    return running


async def test_each_value_has_a_counter_and_headers_say_how_it_stands(envoy: Any) -> None:
    async with envoy() as should:
        answers = [await should(ask({"remote_address": "10.0.0.1"}), timeout=5) for _ in range(4)]
        assert [answer.overall_code for answer in answers] == [OK, OK, OK, OVER]
        assert [answer.statuses[0].limit_remaining for answer in answers] == [2, 1, 0, 0]
        limit = answers[0].statuses[0].current_limit
        assert (limit.requests_per_unit, limit.unit) == (3, pb.RateLimitResponse.RateLimit.HOUR)
        assert 3590 < answers[-1].statuses[0].duration_until_reset.seconds <= 3600
        headers = {header.key: header.value for header in answers[-1].response_headers_to_add}
        assert headers["x-ratelimit-limit"] == "3, 3;w=3600"
        assert headers["x-ratelimit-remaining"] == "0"
        assert int(headers["x-ratelimit-reset"]) > 3500
        assert (await should(ask({"remote_address": "10.0.0.2"}), timeout=5)).overall_code == OK


async def test_statuses_keep_the_order_and_a_denied_request_costs_nothing(envoy: Any) -> None:
    async with envoy() as should:
        both = ask(
            {"tenant": "gold", "user": "a"}, {"unknown": "x"}, {"path": "/free"}, {"remote_address": "1"}, hits=2
        )
        first = await should(both, timeout=5)
        assert first.overall_code == OK
        assert [status.limit_remaining for status in first.statuses] == [8, 0, 0, 1]
        second = await should(both, timeout=5)
        assert second.overall_code == OVER
        assert [status.code for status in second.statuses] == [OK, OK, OK, OVER]
        assert second.statuses[0].limit_remaining == 8


async def test_a_descriptor_may_bring_its_own_addend(envoy: Any) -> None:
    async with envoy() as should:
        request = ask({"remote_address": "1"}, {"tenant": "gold", "user": "a"}, hits=1)
        request.descriptors[1].hits_addend.value = 7
        answer = await should(request, timeout=5)
        assert [status.limit_remaining for status in answer.statuses] == [2, 3]


async def test_a_limit_of_nothing_beside_others_costs_them_nothing(envoy: Any) -> None:
    async with envoy() as should:
        answer = await should(ask({"remote_address": "1"}, {"path": "/never"}), timeout=5)
        assert answer.overall_code == OVER
        assert [status.code for status in answer.statuses] == [OK, OVER]
        assert (await should(ask({"remote_address": "1"}), timeout=5)).statuses[0].limit_remaining == 2


async def test_equal_descriptors_share_one_counter_and_never_get_more_than_it_holds(envoy: Any) -> None:
    async with envoy() as should:
        twice = ask({"remote_address": "1"}, {"remote_address": "1"}, hits=2)
        answer = await should(twice, timeout=5)
        assert answer.overall_code == OVER
        assert [status.code for status in answer.statuses] == [OVER, OVER]
        both = await should(ask({"remote_address": "1"}, {"remote_address": "1"}), timeout=5)
        assert [(status.code, status.limit_remaining) for status in both.statuses] == [(OK, 1), (OK, 1)]


async def test_a_descriptor_may_bring_its_own_limit(envoy: Any) -> None:
    def brings(entries: dict[str, str], requests: int, unit: int) -> pb.RateLimitRequest:
        request = ask(entries)
        request.descriptors[0].limit.requests_per_unit, request.descriptors[0].limit.unit = requests, unit
        return request

    minute, hour = pb.RateLimitResponse.RateLimit.MINUTE, pb.RateLimitResponse.RateLimit.HOUR
    async with envoy() as should:
        for entries in ({"remote_address": "1"}, {"unknown": "x"}, {"shadow": "x"}):
            answers = [await should(brings(entries, 2, minute), timeout=5) for _ in range(3)]
            assert [answer.overall_code for answer in answers] == [OK, OK, OVER]
            limit = answers[0].statuses[0].current_limit
            assert (limit.requests_per_unit, limit.unit) == (2, minute)
        assert (await should(brings({"remote_address": "1"}, 0, hour), timeout=5)).overall_code == OVER
        assert (await should(ask({"remote_address": "1"}), timeout=5)).statuses[0].limit_remaining == 2
        other = brings({"remote_address": "1"}, 2, minute)
        other.domain = "nobody's"
        assert (await should(other, timeout=5)).overall_code == OK
        for unit in (0, 99):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await should(brings({"remote_address": "1"}, 2, unit), timeout=5)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_shadow_mode_and_a_limit_of_nothing(envoy: Any) -> None:
    async with envoy() as should:
        answers = [await should(ask({"shadow": "x"}), timeout=5) for _ in range(3)]
        assert {answer.overall_code for answer in answers} == {OK}
        assert (await should(ask({"path": "/never"}), timeout=5)).overall_code == OVER
        assert (await should(ask({"path": "/other"}), timeout=5)).overall_code == OK


@pytest.mark.parametrize(
    "request_", [ask({"a": "b"}, domain=""), ask(), ask(*[{"a": "b"}] * 65), ask({"a": "b" * 2000})]
)
async def test_what_makes_no_sense_is_refused(envoy: Any, request_: pb.RateLimitRequest) -> None:
    async with envoy() as should:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await should(request_, timeout=5)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.fixture
def own_redis() -> Iterator[RedisProcess]:
    server = RedisProcess()
    server.start()
    yield server
    server.close()


async def test_without_the_store_the_call_is_unavailable_and_never_unknown(envoy: Any, own_redis: RedisProcess) -> None:
    async with envoy(own_redis.url) as should:
        assert (await should(ask({"remote_address": "1"}), timeout=5)).overall_code == OK
        own_redis.kill()
        for _ in range(2):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await should(ask({"remote_address": "1"}), timeout=5)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
