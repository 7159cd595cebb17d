"""The guild's numbers: `/board stats|gaps|history`."""

import asyncio

from google.protobuf.timestamp_pb2 import Timestamp
from guildhall.board.v1 import history_pb2, statistics_pb2

from services.gateway.board.desk import Desk
from services.gateway.callbacks import File
from services.gateway.command import Command, Option
from services.gateway.context import Context
from views.board import chart, numbers

PERIODS = {"week": 7, "month": 30, "year": 365, "all": 0}
_DAY = 86_400
_HISTORY = 20
_CHART = "weeks.png"


async def stats(context: Context) -> None:
    """Numbers, leaderboards, fairness, and a chart of the weeks."""
    desk = Desk(context)
    await context.defer(private=True)
    days = PERIODS.get(str(context.options.get("period") or "month"), 30)
    request = statistics_pb2.GetStatisticsRequest(
        guild_id=desk.guild_id, profession=str(context.options.get("profession") or "")
    )
    if days:
        request.start_time.CopyFrom(Timestamp(seconds=int(context.clock.now()) // 60 * 60 - days * _DAY))
    answer, professions = await desk.with_professions(desk.statistics.GetStatistics(request, timeout=desk.timeout))
    if not answer.weeks:
        await context.respond(numbers.statistics(answer, context.text, professions))
        return
    # Drawing is work for the processor, so it does not stand in the event loop's way.
    image = await asyncio.to_thread(
        chart.weeks,
        answer.weeks,
        created=context.text("board.numbers.chart_created"),
        completed=context.text("board.numbers.chart_completed"),
    )
    await context.respond(
        numbers.statistics(answer, context.text, professions, image=_CHART), files=(File(_CHART, image),)
    )


async def gaps(context: Context) -> None:
    """What nobody can make."""
    desk = Desk(context)
    answer, professions = await desk.with_professions(
        desk.statistics.GetCoverage(
            statistics_pb2.GetCoverageRequest(
                guild_id=desk.guild_id, profession=str(context.options.get("profession") or "")
            ),
            timeout=desk.timeout,
        )
    )
    await context.respond(numbers.coverage(answer, context.text, professions))


async def history(context: Context) -> None:
    """Who changed what: of one request, else of the whole guild."""
    desk = Desk(context)
    named = str(context.options.get("request") or "")
    request_id = (await desk.named(named)).request.request_id if named else ""
    answer = await desk.ask(
        desk.history.ListHistory(
            history_pb2.ListHistoryRequest(guild_id=desk.guild_id, request_id=request_id, page_size=_HISTORY),
            timeout=desk.timeout,
        )
    )
    await context.respond(numbers.history(answer.entries, context.text, of_guild=not request_id))


def commands(profession: Option, request: Option) -> tuple[Command, ...]:
    """The subcommands."""
    return (
        Command("stats", stats, options=(Option("period", choices=tuple(PERIODS)), profession)),
        Command("gaps", gaps, options=(profession,)),
        Command("history", history, options=(request,)),
    )
