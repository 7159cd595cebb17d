"""`/status`: for everyone what is set here; for those who run the platform how each service, Discord and each provider
is, with charts of 24 hours, 7 days and 30 days."""

import asyncio
from collections.abc import Mapping
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict
from guildhall.admin.v1 import admin_pb2

from chassis.errors import PermissionDenied
from services.gateway.callbacks import File
from services.gateway.command import Command
from services.gateway.context import Context
from services.gateway.numbers import drawing
from services.gateway.numbers.asking import Answers, how_all_are, sampled
from services.gateway.numbers.samples import Sample
from services.gateway.registry import Registry
from services.gateway.scoped_client import in_force
from views import components
from views.custom_id import encode
from views.lists import within
from views.markdown import escaped, shortened
from views.messages import message
from views.setting_texts import value_text

FEATURE, CHARTS = "status", "status.charts"
PERIODS = ("day", "week", "month")
_HOUR = 3600.0
_MEGABYTE, _GIGABYTE = 1 << 20, 1 << 30
_FORMS = {"day": "%H:%M", "week": "%d. %H:00", "month": "%d.%m."}


async def status(context: Context) -> None:
    """Shows what is set here; for those who run the platform also how it is."""
    await context.defer(private=True)
    rows = await _settings_here(context)
    if not _runs_the_platform(context):
        await context.respond(message(within(rows)))
        return
    samples = context.settings.current.samples
    answers = await how_all_are(context.services.every_replica, window=_HOUR, timeout=samples.timeout)
    rows.append(context.text("status.services"))
    rows += [_service(context, service, sample, answers[service]) for service, sample in sampled(answers).items()]
    rows += _unwell(context, answers)
    rows += [*_discord(context, answers["gateway"]), *_providers(context, answers["llm"])]
    buttons = [components.button(encode(CHARTS, period), context.text(f"status.period.{period}")) for period in PERIODS]
    await context.respond(
        message(within(rows), components=[components.row(*buttons)]), files=await _pictures(context, "day")
    )


async def more_charts(context: Context) -> None:
    """Shows the charts of another period."""
    if not _runs_the_platform(context):
        raise PermissionDenied("the charts are for those who run the platform", reason="FEATURE_FORBIDDEN")
    period = context.custom_id.argument(0)
    await context.defer(private=True)
    period = period if period in PERIODS else "day"
    pictures = await _pictures(context, period)
    await context.respond(message(context.text(f"status.period.{period}")), files=pictures)


async def _settings_here(context: Context) -> list[str]:
    values = await in_force(context, context.place)
    rows = [context.text("settings.title.channel")]
    for held in values.values():
        for key, value in held.items():
            name = f"settings.name.{key}"
            if context.texts.has(name) and value.value not in (None, "", ()):
                said = value_text(context.text, key, value.value)
                rows.append(f"{context.text(name)}: {said}")
    if any(value.recovered for held in values.values() for value in held.values()):
        rows.append(context.text("status.recovered"))
    return rows


def _runs_the_platform(context: Context) -> bool:
    return context.may(FEATURE) and context.manages


def _service(context: Context, service: str, sample: Sample, replicas: Answers) -> str:
    there = _there(replicas)
    if not there:
        codes = {each.code().name for each in replicas.values() if isinstance(each, grpc.aio.AioRpcError)}
        return context.text("status.away", service=service, code=", ".join(sorted(codes)) or "NOT_FOUND")
    line = context.text(
        "status.service",
        service=service,
        replicas=f"{len(there)}/{len(replicas)}",
        uptime=_span(min(each.uptime.seconds for each in there)),
        cpu=f"{sample.cpu * 100:.0f}",
        memory=f"{sample.memory / _MEGABYTE:.0f}",
        disk=f"{sample.disk_free / _GIGABYTE:.0f}",
        lag=f"{max(each.resources.loop_lag_max.ToNanoseconds() for each in there) / 1e6:.0f}",
    )
    if sample.longest:
        times = (sample.average, sample.shortest, sample.longest, sample.p95)
        average, shortest, longest, p95 = (f"{seconds * 1000:.{1 if seconds < 0.01 else 0}f}" for seconds in times)
        line += context.text("status.latency", average=average, shortest=shortest, longest=longest, p95=p95)
    if sample.error_rate is not None:
        line += context.text("status.errors", rate=f"{sample.error_rate * 100:.1f}", calls=sample.calls)
    return line


def _unwell(context: Context, answers: Mapping[str, Answers]) -> list[str]:
    """Parts that do not work, with why."""
    return [
        context.text("status.unwell", service=service, part=escaped(part.name), why=escaped(shortened(part.why, 120)))
        for service, replicas in answers.items()
        for answer in _there(replicas)
        for part in answer.parts
        if not part.serving
    ]


def _discord(context: Context, gateways: Answers) -> list[str]:
    shards = [
        shard
        for answer in _there(gateways)
        if "discord" in answer.facts
        for shard in _plain_json(answer.facts["discord"]).get("shards", ())
    ]
    connected = [shard for shard in shards if shard.get("connected")]
    latencies = [shard["latency_ms"] for shard in connected if shard.get("latency_ms") is not None]
    worst = f"{max(latencies):.0f}" if latencies else "–"
    return [context.text("status.discord", connected=len(connected), shards=len(shards), latency=worst)]


def _providers(context: Context, llms: Answers) -> list[str]:
    facts = [_plain_json(answer.facts["models"]) for answer in _there(llms) if "models" in answer.facts]
    offered = {name.partition("/")[0] for each in facts for name in each.get("offered", ())}
    problems = {name: str(why) for each in facts for name, why in each.get("problems", {}).items()}
    resting = sorted({name for each in facts for name in each.get("resting", {})})
    rows = []
    for name in sorted(offered | problems.keys()):
        tired = [model for model in resting if model.partition("/")[0] == name]
        if name in problems:
            why = escaped(shortened(problems[name], 120))
            rows.append(context.text("status.provider_away", provider=escaped(name), why=why))
        elif tired:
            models = escaped(shortened(", ".join(tired), 200))
            rows.append(context.text("status.provider_resting", provider=escaped(name), models=models))
        else:
            rows.append(context.text("status.provider_well", provider=escaped(name)))
    hits, lookups = _cache(llms)
    if lookups:
        rows.append(context.text("status.cache", rate=f"{100 * hits / lookups:.0f}", lookups=lookups))
    return rows or [context.text("status.no_provider")]


def _cache(llms: Answers) -> tuple[int, int]:
    """Hits and lookups of the response cache since the replicas' starts."""
    counts = [_plain_json(answer.facts["cache"]) for answer in _there(llms) if "cache" in answer.facts]
    hits = sum(int(each.get(name, 0)) for each in counts for name in ("hits", "shared_hits", "joined"))
    return hits, hits + sum(int(each.get("misses", 0)) for each in counts)


async def _pictures(context: Context, period: str) -> list[File]:
    now = context.clock.now()
    moments = await {
        "day": lambda: context.samples.minutes(now, 24),
        "week": lambda: context.samples.hours(now, 7),
        "month": lambda: context.samples.hours(now, 30),
    }[period]()

    def draw() -> list[File]:
        return [
            File(
                f"{measure}.png",
                drawing.drawn(
                    f"{context.text(f'status.measure.{measure}')} · {context.text(f'status.period.{period}')}",
                    measure,
                    moments,
                    _FORMS[period],
                ),
            )
            for measure in drawing.MEASURES
        ]

    return await asyncio.to_thread(draw)


def _plain_json(facts: Any) -> dict[str, Any]:
    return dict(MessageToDict(facts))


def _there(replicas: Answers) -> list[admin_pb2.GetStatusResponse]:
    return [each for each in replicas.values() if not isinstance(each, grpc.aio.AioRpcError)]


def _span(seconds: int) -> str:
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3600)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min"


def register(registry: Registry) -> None:
    """Adds the command."""
    registry.command(Command("status", status))
    registry.component(CHARTS, more_charts)
