"""`/usage` and `/limits`: what was used, what is left, and for admins who used most."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from guildhall.llm.v1 import usage_pb2, usage_pb2_grpc
from guildhall.ratelimit.v1 import ratelimit_pb2, ratelimit_pb2_grpc

from chassis.caller import Person
from chassis.errors import NotFound
from services.gateway import asking
from services.gateway.callbacks import File
from services.gateway.command import Choice, Command, Option, OptionKind
from services.gateway.context import Context
from services.gateway.handover import called
from services.gateway.registry import Registry
from views import charts
from views import limits as names
from views.lists import within
from views.markdown import relative_time
from views.messages import message

PERIODS = ("today", "week", "month")
_TOP = 10
_DAY, _USUAL_DAYS, _MOST_DAYS, _MOST_TIMES = 86_400, 7, 365, 100


async def own(context: Context) -> None:
    """Shows what the person used, and what is left of their limits."""
    period = str(context.options.get("period", "month"))
    usage, states = await asyncio.gather(
        _usage(context, period, usage_pb2.USAGE_GROUP_MODEL, user_id=context.person.user_id),
        _limits(context, context.person),
    )
    rows = [context.text("usage.own", period=context.text(f"usage.period.{period}")), _sum(context, usage.total)]
    rows += [f"{row.key}: {_sum(context, row)}" for row in usage.rows[:_TOP]]
    rows += [_limit_line(context, state) for state in states]
    await context.respond(message(within(rows)))


async def guild(context: Context) -> None:
    """Shows who used most, and a chart of the days."""
    period = str(context.options.get("period", "month"))
    await context.defer(private=True)
    people, days = await asyncio.gather(
        _usage(context, period, usage_pb2.USAGE_GROUP_PERSON), _usage(context, period, usage_pb2.USAGE_GROUP_DAY)
    )
    rows = [context.text("usage.guild", period=context.text(f"usage.period.{period}")), _sum(context, people.total)]
    rows += [f"{place}. <@{row.key}>: {_sum(context, row)}" for place, row in enumerate(people.rows[:_TOP], 1)]
    in_order = sorted(days.rows, key=lambda row: row.key)
    picture = await asyncio.to_thread(
        charts.bars,
        context.text("usage.chart"),
        [row.key[5:] for row in in_order],
        [float(row.usage.input_tokens + row.usage.output_tokens) for row in in_order],
    )
    await context.respond(message(within(rows)), files=[File("usage.png", picture)])


async def limits(context: Context) -> None:
    """Shows the person's limits; for admins those of anybody."""
    person = _named(context) if context.options.get("person") else context.person
    if person.user_id != context.person.user_id:
        context.require("limits")
    states, wider = await asyncio.gather(_limits(context, person), _wider(context, person))
    rows = [_limit_line(context, state) for state in states] or [context.text("limits.none")]
    rows += [
        context.text(
            "limits.wider",
            limit=names.name(context.text, each.limit),
            times=each.times,
            when=relative_time(each.until.seconds),
        )
        for each in wider
    ]
    await context.respond(message(within([context.text("limits.title"), *rows])))


async def reset(context: Context) -> None:
    """Forgets what somebody used, so that their limits are whole again."""
    person = _named(context)
    stub = context.services.stub(ratelimit_pb2_grpc.RateLimitServiceStub, "ratelimit")
    request = ratelimit_pb2.ResetRequest(
        subject=ratelimit_pb2.Subject(guild_id=person.guild_id, user_id=person.user_id, role_ids=person.role_ids),
        limits=context.settings.current.shown_limits,
        reason=f"reset in Discord by {context.person.user_id}",
    )
    answer = await called(stub.Reset(request, timeout=context.timeout))
    await context.respond(context.text("limits.reset", limits=_named_limits(context, answer.limits) or "–"))


async def grant(context: Context) -> None:
    """Makes somebody's limits wider until a date, or as usual again."""
    person = _named(context)
    times, days = int(context.options.get("times") or 1), int(context.options.get("days") or _USUAL_DAYS)
    until = context.clock.now() + days * _DAY
    request = ratelimit_pb2.GrantRequest(
        subject=ratelimit_pb2.Subject(guild_id=person.guild_id, user_id=person.user_id, role_ids=person.role_ids),
        limits=[str(context.options.get("limit") or "")] if context.options.get("limit") else _shown(context),
        times=times,
        reason=f"granted in Discord by {context.person.user_id}",
    )
    request.until.FromNanoseconds(round(until * 1e9))
    stub = context.services.stub(ratelimit_pb2_grpc.RateLimitServiceStub, "ratelimit")
    answer = await called(stub.Grant(request, timeout=context.timeout))
    key = "limits.granted" if times > 1 else "limits.usual"
    await context.respond(
        context.text(
            key,
            person=f"<@{person.user_id}>",
            limits=_named_limits(context, answer.limits),
            times=times,
            when=relative_time(until),
        )
    )


async def offered(context: Context, typed: str) -> list[Choice]:
    """Offers the limits that are shown."""
    return asking.matching(typed, [Choice(names.name(context.text, limit), limit) for limit in _shown(context)])


def _shown(context: Context) -> list[str]:
    return list(context.settings.current.shown_limits)


async def _wider(context: Context, person: Person) -> list[ratelimit_pb2.WiderLimit]:
    stub = context.services.stub(ratelimit_pb2_grpc.RateLimitServiceStub, "ratelimit")
    request = ratelimit_pb2.ListGrantsRequest(
        subject=ratelimit_pb2.Subject(guild_id=person.guild_id, user_id=person.user_id)
    )
    answer = await called(stub.ListGrants(request, timeout=context.timeout))
    return list(answer.grants)


async def _usage(
    context: Context, period: str, group: "usage_pb2.UsageGroup.ValueType", *, user_id: int = 0
) -> usage_pb2.GetUsageResponse:
    today = datetime.fromtimestamp(context.clock.now(), UTC).date()
    first = {"today": today, "week": today - timedelta(days=6)}.get(period, today.replace(day=1))
    stub = context.services.stub(usage_pb2_grpc.UsageServiceStub, "llm")
    request = usage_pb2.GetUsageRequest(
        guild_id=context.interaction.guild_id,
        user_id=user_id,
        from_day=first.isoformat(),
        to_day=today.isoformat(),
        group=group,
    )
    answer: usage_pb2.GetUsageResponse = await called(stub.GetUsage(request, timeout=context.timeout))
    return answer


async def _limits(context: Context, person: Person) -> list[ratelimit_pb2.LimitState]:
    stub = context.services.stub(ratelimit_pb2_grpc.RateLimitServiceStub, "ratelimit")
    request = ratelimit_pb2.PeekRequest(
        subject=ratelimit_pb2.Subject(
            guild_id=person.guild_id,
            user_id=person.user_id,
            role_ids=person.role_ids,
            channel_id=context.interaction.channel_id,
        ),
        charges=[ratelimit_pb2.Charge(limit=name, cost=1) for name in context.settings.current.shown_limits],
    )
    answer = await called(stub.Peek(request, timeout=context.timeout))
    return list(answer.limits)


def _named(context: Context) -> Person:
    user_id = str(context.options.get("person", ""))
    resolved = context.interaction.data.get("resolved") or {}
    if user_id not in (resolved.get("users") or {}):
        raise NotFound("nobody of that id", reason="PERSON_UNKNOWN")
    member = (resolved.get("members") or {}).get(user_id) or {}
    return Person(
        user_id=int(user_id),
        guild_id=context.interaction.guild_id,
        role_ids=tuple(int(role) for role in member.get("roles", ())),
    )


def _sum(context: Context, row: usage_pb2.UsageRow) -> str:
    tokens = row.usage.input_tokens + row.usage.output_tokens
    cost = f"${row.usage.cost_nanos / 1e9:.2f}" if row.usage.HasField("cost_nanos") else context.text("usage.unpriced")
    return context.text("usage.sum", calls=f"{row.calls:,}", tokens=f"{tokens:,}", cost=cost)


def _limit_line(context: Context, state: ratelimit_pb2.LimitState) -> str:
    when = relative_time(context.clock.now() + state.reset_after.ToNanoseconds() / 1e9)
    return names.line(context.text, state.limit, remaining=state.remaining, capacity=state.capacity, when=when)


def _named_limits(context: Context, limits: Iterable[str]) -> str:
    return ", ".join(names.name(context.text, limit) for limit in limits)


def register(registry: Registry) -> None:
    """Adds the commands."""
    period = Option("period", choices=PERIODS)
    person = Option("person", OptionKind.USER)
    registry.command(
        Command(
            "usage",
            subcommands=(
                Command("me", own, options=(period,), feature="usage"),
                Command("server", guild, options=(period,), feature="usage.server"),
            ),
        )
    )
    registry.command(
        Command(
            "limits",
            subcommands=(
                Command("show", limits, options=(person,), feature="usage"),
                Command(
                    "grant",
                    grant,
                    options=(
                        Option("person", OptionKind.USER, required=True),
                        Option("times", OptionKind.INTEGER, required=True, minimum=1, maximum=_MOST_TIMES),
                        Option("days", OptionKind.INTEGER, minimum=1, maximum=_MOST_DAYS),
                        Option("limit", maximum=64, autocomplete=offered),
                    ),
                    feature="limits",
                ),
                Command("reset", reset, options=(Option("person", OptionKind.USER, required=True),), feature="limits"),
            ),
        )
    )
