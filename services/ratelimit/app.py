"""Builds the service: which parts there are and how they are joined."""

import structlog
from guildhall.ratelimit.v1 import discord_pb2_grpc, ratelimit_pb2_grpc

from chassis import person_data
from chassis.redis_clients import connect
from chassis.runtime import Runtime
from chassis.telemetry import meter
from services.ratelimit.administration import Administration
from services.ratelimit.decider import Decider
from services.ratelimit.discord.budget import InvalidRequests
from services.ratelimit.discord.identify import IdentifyPermits
from services.ratelimit.discord.outage import RestShares
from services.ratelimit.discord.rest import RestPermits
from services.ratelimit.discord.servicer import DiscordLimitServicer
from services.ratelimit.discord.store import DiscordStore
from services.ratelimit.envoy.server import EnvoyServer
from services.ratelimit.grant_store import GrantStore
from services.ratelimit.holds import Holds
from services.ratelimit.leases import Leases
from services.ratelimit.limiter import Limiter
from services.ratelimit.person import LimitsOfPerson
from services.ratelimit.scripts import Scripts
from services.ratelimit.servicer import RateLimitServicer
from services.ratelimit.settings import RatelimitSettings
from services.ratelimit.shares import Shares
from services.ratelimit.status import Status
from services.ratelimit.store_health import StoreHealth
from services.ratelimit.waiting import WaitingRoom

_log = structlog.stdlib.get_logger(__name__)
_EVERYBODY = ("gateway", "llm", "executor", "board")
_CALLERS = {
    "Acquire": _EVERYBODY,
    "AcquireBatch": _EVERYBODY,
    "AcquireStream": _EVERYBODY,
    "Release": _EVERYBODY,
    "Peek": _EVERYBODY,
    "Reset": ("gateway",),
    "Grant": ("gateway",),
    "ListGrants": ("gateway",),
    "Reserve": _EVERYBODY,
    "Extend": _EVERYBODY,
    "Settle": _EVERYBODY,
    "SettleBatch": _EVERYBODY,
}
_DISCORD_CALLERS = {
    "AcquireRest": ("gateway", "executor"),
    "ReportRest": ("gateway", "executor"),
    "AcquireIdentify": ("gateway",),
    "ReportIdentify": ("gateway",),
}


async def build(runtime: Runtime[RatelimitSettings]) -> None:
    """Joins the parts and registers what the chassis runs."""
    settings, redis_settings = runtime.settings.current, runtime.shared.current.redis
    # Tried once and briefly: a script whose answer was lost may have run, and the policy for outages answers sooner.
    quick = {"retries": 0, "timeout": settings.store.timeout, "connect_timeout": settings.store.timeout}
    redis = connect(redis_settings.address("limits"), redis_settings.model_copy(update=quick))
    patient = runtime.redis("limits")

    part = runtime.health("store", critical=False)
    health = StoreHealth(runtime.clock, lambda away: part.not_serving("the store is away") if away else part.serving())
    part.serving()
    scripts = Scripts(redis, health, settings.store.timeout)
    decider = Decider(
        scripts,
        cluster=redis_settings.cluster,
        batch=settings.store.batch,
        in_flight=settings.store.in_flight,
        most_holds=settings.reservations.most_per_counter,
    )
    shares = Shares(runtime.clock)
    limiter = Limiter(settings, decider, Holds(scripts), shares, runtime.clock, cluster=redis_settings.cluster)
    room = WaitingRoom(limiter, runtime.clock, settings.requests.most_waiting)
    grants = GrantStore(patient, limiter.asks.grants, runtime.clock)
    administration = Administration(limiter, patient, runtime.clock, grants, runtime.settings)
    servicer = RateLimitServicer(limiter, room, administration, settings)

    discord_store = DiscordStore(scripts)
    invalid = InvalidRequests(settings.discord.invalid, decider, runtime.clock)
    rest = RestPermits(
        settings.discord,
        store=discord_store,
        invalid=invalid,
        shares=RestShares(shares, runtime.clock),
        clock=runtime.clock,
        decisions=limiter.decisions,
        most_waiting=settings.requests.most_waiting,
    )
    identify = IdentifyPermits(settings.discord, discord_store, runtime.clock, limiter.decisions)
    discord = DiscordLimitServicer(rest, identify, runtime.clock)
    envoy = EnvoyServer(settings.envoy, decider, runtime.clock, limiter.decisions, runtime.shared.current.rpc)
    leases = Leases(shares, scripts, runtime.instance_id, settings.store)

    def use(_: RatelimitSettings, new: RatelimitSettings) -> None:
        limiter.use(new)
        servicer.use(new)
        rest.settings = identify.settings = new.discord
        invalid.use(new.discord.invalid)
        envoy.use(new.envoy)
        leases.use(new.store)
        _log.info("policies in force", version=limiter.asks.catalogue.version)

    runtime.settings.subscribe(use)
    health.on_return += [leases.renew, limiter.charge_given]
    status = Status(runtime, limiter=limiter, room=room, rest=rest, health=health, shares=shares)
    _observe(limiter, status)
    runtime.status("limits", status.limits)
    runtime.status("policies", status.policies)
    runtime.serve(ratelimit_pb2_grpc.add_RateLimitServiceServicer_to_server, servicer, callers=_CALLERS)
    runtime.serve(discord_pb2_grpc.add_DiscordLimitServiceServicer_to_server, discord, callers=_DISCORD_CALLERS)
    person_data.serve(runtime, LimitsOfPerson(limiter, grants))
    runtime.background("store", lambda: health.watch(redis.ping, settings.store.probe_interval))
    runtime.background("leases", leases.run)
    runtime.background("grants", lambda: grants.follow(runtime.settings.current.grants.refresh))
    runtime.background("waiting", room.run)
    runtime.background("rest", rest.run)
    runtime.background("identify", identify.run)
    for step in (redis.aclose, scripts.close, leases.give_up, envoy.stop):
        runtime.on_stop(step)
    await envoy.start()


def _observe(limiter: Limiter, status: Status) -> None:
    meter().create_observable_counter(
        "guildhall.ratelimit.decisions",
        [limiter.decisions.observe],
        unit="{decision}",
        description="By policy and outcome",
    )
    meter().create_observable_counter(
        "guildhall.ratelimit.degraded.duration",
        [status.observe_degraded],
        unit="s",
        description="Time without the store",
    )
