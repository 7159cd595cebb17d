"""envoy.service.ratelimit.v3.RateLimitService: descriptors in, codes out.

https://www.envoyproxy.io/docs/envoy/latest/api-v3/service/ratelimit/v3/rls.proto

A descriptor without a limit is allowed. One may bring a limit along, which then holds in place of the configured one,
as in envoyproxy/ratelimit. All descriptors of a request are charged or none is, so a denied request costs nothing.
Where nothing can be decided the call fails with UNAVAILABLE, which Envoy's `failure_mode_deny` decides on; UNKNOWN in
an answer would count as a yes.
"""

from typing import Any

import grpc
import structlog
from envoy.config.core.v3 import base_pb2
from envoy.extensions.common.ratelimit.v3 import ratelimit_pb2 as common_pb
from envoy.service.ratelimit.v3 import rls_pb2 as pb
from envoy.service.ratelimit.v3 import rls_pb2_grpc

from chassis.clock import Clock
from chassis.errors import InvalidArgument
from services.ratelimit.algorithms import LARGEST
from services.ratelimit.decider import Decider, Mode
from services.ratelimit.envoy.descriptors import Asked, Domains, Match
from services.ratelimit.envoy.settings import UNIT_SECONDS, EnvoyApi, EnvoyRate, Unit
from services.ratelimit.meters import Decisions
from services.ratelimit.packing import Packer
from services.ratelimit.store_health import StoreAway

_log = structlog.stdlib.get_logger(__name__)
_OK, _OVER = pb.RateLimitResponse.OK, pb.RateLimitResponse.OVER_LIMIT
_Status = pb.RateLimitResponse.DescriptorStatus
_UNITS = {name.lower(): value for name, value in pb.RateLimitResponse.RateLimit.Unit.items()}
_UNIT_NAMES: dict[int, Unit] = {_UNITS[name]: name for name in UNIT_SECONDS}
_Counter = tuple[float, float, float, float]
_Context = grpc.aio.ServicerContext[Any, Any]
_POLICY = "envoy"


class EnvoyServicer(rls_pb2_grpc.RateLimitServiceServicer):  # type: ignore[misc]
    """Decides for Envoy."""

    def __init__(self, settings: EnvoyApi, decider: Decider, clock: Clock, decisions: Decisions) -> None:
        self._decider, self._clock, self._decisions = decider, clock, decisions
        self.use(settings)

    def use(self, settings: EnvoyApi) -> None:
        """Puts other domains in force."""
        self._domains = Domains(settings)

    async def ShouldRateLimit(self, request: pb.RateLimitRequest, context: _Context) -> pb.RateLimitResponse:
        try:
            matches = self._domains.match(request.domain, _asked(request))
        except InvalidArgument as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, error.message)
        try:
            counters = await self._decide(request.domain, matches)
        except StoreAway:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the limits' store is away")
        except Exception as error:  # noqa: BLE001  (without this gRPC would answer UNKNOWN)
            _log.exception("a decision for Envoy failed", error=type(error).__name__)
            await context.abort(grpc.StatusCode.UNAVAILABLE, "nothing can be decided")
        return self._response(matches, counters)

    async def _decide(self, domain: str, matches: list[Match | None]) -> dict[str, _Counter]:
        """How each counter stands after the request, by its key."""
        counters: dict[str, tuple[Match, Packer, int]] = {}
        for match in matches:
            if match is not None and match.packer is not None:
                # A counter that several descriptors ask for is asked once, for all of them.
                _, _, before = counters.get(match.key, (match, match.packer, 0))
                counters[match.key] = match, match.packer, before + match.hits
        if not counters:
            return {}
        # A limit of nothing has no counter that could deny what the others are asked for.
        hopeless = any(match is not None and match.denies_all for match in matches)
        now_us = int(self._clock.now() * 1e6)
        outcome = await self._decider.submit(
            Mode.PEEK if hopeless else Mode.TAKE,
            f"e{domain}",
            list(counters),
            [packer.pack(match.flags, min(hits, LARGEST), now_us) for match, packer, hits in counters.values()],
        )
        return dict(zip(counters, outcome.counters, strict=True))

    def _response(self, matches: list[Match | None], counters: dict[str, _Counter]) -> pb.RateLimitResponse:
        statuses = []
        tightest: tuple[int, int, Match] | None = None
        over = False
        for match in matches:
            status = _Status(code=_OK)
            statuses.append(status)
            if match is None or match.rate is None:
                continue
            limit = status.current_limit
            limit.requests_per_unit, limit.unit = match.rate.requests_per_unit, _UNITS[match.rate.unit]
            limit.name = match.name
            if match.algorithm is None:  # a limit of 0
                remaining, reset_us, fits = 0, 0, False
            else:
                fit, wait, x, y = counters[match.key]
                standing = match.algorithm.standing(x, y)
                fits = fit == 1.0
                remaining, reset_us = standing.remaining, standing.reset_us if fits else max(int(wait), 1)
            status.limit_remaining = min(remaining, 2**32 - 1)
            status.duration_until_reset.FromMicroseconds(reset_us)
            if not fits and not match.shadow:
                status.code = _OVER
                over = True
            self._decisions.counts[_POLICY, "allowed" if fits else "shadow_denied" if match.shadow else "denied"] += 1
            if tightest is None or (remaining, -reset_us) < tightest[:2]:
                tightest = (remaining, -reset_us, match)
        response = pb.RateLimitResponse(overall_code=_OVER if over else _OK, statuses=statuses)
        if tightest is not None and tightest[2].rate is not None:
            _headers(response, tightest[2], tightest[0], -tightest[1])
        return response


def _headers(response: pb.RateLimitResponse, match: Match, remaining: int, reset_us: int) -> None:
    """The headers of draft-ietf-httpapi-ratelimit-headers-03, as Envoy itself writes them."""
    rate = match.rate
    if rate is None:
        return
    values = {
        "x-ratelimit-limit": f"{rate.requests_per_unit}, {rate.requests_per_unit};w={match.unit_seconds}",
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-reset": str(-(-reset_us // 1_000_000)),
    }
    for key, value in values.items():
        response.response_headers_to_add.append(base_pb2.HeaderValue(key=key, value=value))


def _asked(request: pb.RateLimitRequest) -> list[Asked]:
    """What a request asks for: each descriptor adds its own addend, else the request's, else 1."""
    return [
        Asked(
            [(entry.key, entry.value) for entry in descriptor.entries],
            _hits(descriptor, request.hits_addend),
            _limit(descriptor),
        )
        for descriptor in request.descriptors
    ]


def _hits(descriptor: common_pb.RateLimitDescriptor, addend: int) -> int:
    if descriptor.HasField("hits_addend"):
        return int(descriptor.hits_addend.value)
    return addend or 1


def _limit(descriptor: common_pb.RateLimitDescriptor) -> EnvoyRate | None:
    """The limit that a descriptor brings along. Raises InvalidArgument for a unit that there is not."""
    if not descriptor.HasField("limit"):
        return None
    unit = _UNIT_NAMES.get(descriptor.limit.unit)
    if unit is None:
        raise InvalidArgument("the limit's unit is not known", reason="UNIT_UNKNOWN")
    return EnvoyRate(requests_per_unit=descriptor.limit.requests_per_unit, unit=unit)
