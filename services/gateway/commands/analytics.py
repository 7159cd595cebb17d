"""`/analytics`: for admins of a guild, what is used when, how it ends and for whom, with a chart and tables."""

import asyncio
import csv
from collections.abc import Iterable, Sequence
from io import StringIO

from services.gateway.analytics.activity import OTHERS, Activity, Outcome, days_until
from services.gateway.callbacks import File
from services.gateway.command import MANAGE_GUILD, Command, Option, key_of
from services.gateway.context import Context
from services.gateway.registry import Registry
from views import charts
from views.lists import within
from views.messages import message

PERIODS = {"today": 1, "week": 7, "month": 30}
FEATURE = "analytics"
_TOP = 10


async def analytics(context: Context) -> None:
    """Shows how the guild uses the bot."""
    period = str(context.options.get("period", "week"))
    await context.defer(private=True)
    days = days_until(context.clock.now(), PERIODS[period])
    activity = await context.activity.read(context.interaction.guild_id, days)
    rows = [context.text("analytics.title", period=context.text(f"analytics.period.{period}"))]
    if not activity.total():
        await context.respond(message(within([*rows, context.text("analytics.none")])))
        return
    rows += _summary(context, activity)
    picture = await asyncio.to_thread(
        charts.bars, context.text("analytics.chart"), [f"{hour:02}" for hour in range(24)], activity.by_hour()
    )
    await context.respond(
        message(within(rows)),
        files=[
            File("activity.png", picture),
            File("activity.csv", _table(("day", "hour_utc", "command", "outcome", "uses"), activity.rows())),
            File("people.csv", _table(("day", "person", "outcome", "uses"), activity.person_rows())),
        ],
    )


def _summary(context: Context, activity: Activity) -> list[str]:
    hours = activity.by_hour()
    busiest = max(range(24), key=hours.__getitem__)
    rows = [
        context.text(
            "analytics.totals",
            uses=activity.total(),
            denied=activity.total(Outcome.DENIED),
            errors=activity.total(Outcome.ERROR),
            people=len({share.user_id for share in activity.shares}),
        ),
        context.text("analytics.busiest", hour=f"{busiest:02}", uses=hours[busiest]),
        context.text("analytics.popular"),
        *(
            f"{place}. `{_shown(context, command)}` · {uses}"
            for place, (command, uses) in enumerate(activity.commands(_TOP), 1)
        ),
    ]
    for outcome, key in ((Outcome.DENIED, "analytics.denied_people"), (Outcome.ERROR, "analytics.error_people")):
        people = activity.people(outcome, _TOP)
        if people:
            rows.append(context.text(key))
            rows += [f"{_named(context, user_id)} · {uses}" for user_id, uses in people]
    return rows


def _shown(context: Context, command: str) -> str:
    """A command as people know it: those on messages have a name in each language."""
    name = f"command.{key_of(command)}.name"
    return context.text(name) if context.texts.has(name) else command


def _named(context: Context, user_id: int) -> str:
    return context.text("analytics.others") if user_id == OTHERS else f"<@{user_id}>"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A table for spreadsheets. Every text in it is a name of ours, so none can be taken for a formula."""
    written = StringIO()
    writer = csv.writer(written)
    writer.writerow(head)
    writer.writerows(rows)
    return written.getvalue().encode()


def register(registry: Registry) -> None:
    """Adds the command."""
    registry.command(
        Command(
            "analytics",
            analytics,
            options=(Option("period", choices=tuple(PERIODS)),),
            feature=FEATURE,
            permissions=MANAGE_GUILD,
            guild_only=True,
        )
    )
