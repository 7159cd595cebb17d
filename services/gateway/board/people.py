"""Vacations, and how the board treats one: `/board vacation|preferences`."""

import re
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from google.protobuf.struct_pb2 import Value
from guildhall.board.v1 import character_pb2
from guildhall.settings.v1 import settings_pb2

from chassis.errors import InvalidArgument
from services.gateway.board.desk import Desk
from services.gateway.cleaning import cleaned
from services.gateway.command import Command, Option, OptionKind
from services.gateway.context import Context
from views.board import lines
from views.markdown import escaped, relative_time

_HOUR = r"(?:[01]?\d|2[0-4])(?::[0-5]\d)?"
QUIET_HOURS = re.compile(rf"{_HOUR}\s*-\s*{_HOUR}")


def resolved_name(context: Context, user_id: str) -> str:
    """The name of a member that Discord sent along with a choice of members."""
    resolved = context.interaction.data.get("resolved") or {}
    member = (resolved.get("members") or {}).get(user_id) or {}
    user = (resolved.get("users") or {}).get(user_id) or {}
    return str(member.get("nick") or user.get("global_name") or user.get("username") or "")


async def vacation(context: Context) -> None:
    """Goes away until a date, or comes back."""
    desk = Desk(context)
    try:
        until = await desk.moment(str(context.options.get("until") or ""))
        await desk.ask(
            desk.characters.SetVacation(
                character_pb2.SetVacationRequest(guild_id=desk.guild_id, until_time=until), timeout=desk.timeout
            )
        )
    except InvalidArgument as error:
        if not error.fields and error.reason != "DATE_INVALID":
            raise
        await context.respond(desk.wrong(error))
        return
    await context.respond(
        context.text("board.vacation.back")
        if until is None
        else context.text("board.vacation.away", when=relative_time(until.seconds))
    )


async def preferences(context: Context) -> None:
    """Sets how the board treats the person, and says how it does now."""
    options = context.options
    values: dict[str, Any] = {}
    if options.get("messages"):
        values["board_messages"] = options["messages"]
    if options.get("every"):
        values["board_digest_hours"] = float(options["every"])
    if options.get("quiet"):
        quiet = cleaned(str(options["quiet"]))
        if quiet != "-" and not QUIET_HOURS.fullmatch(quiet):
            await context.respond(context.text("board.quiet_invalid", typed=escaped(quiet)))
            return
        values["board_quiet_hours"] = "" if quiet == "-" else quiet
    if options.get("zone"):
        zone = cleaned(str(options["zone"]))
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError):
            await context.respond(context.text("board.zone_unknown", typed=escaped(zone)))
            return
        values["board_time_zone"] = zone
    if options.get("fast") is not None:
        values["board_fast_mode"] = bool(options["fast"])
    person = context.interaction.person.user_id
    scope = settings_pb2.Scope(kind=settings_pb2.SCOPE_KIND_PERSON, id=person)
    await set_and_show(context, scope, values, "board.setup.yours")


async def set_and_show(context: Context, scope: settings_pb2.Scope, values: dict[str, Any], title: str) -> None:
    """Sets some of the board's settings at a scope, and says what is in force."""
    desk = Desk(context)
    if values:
        try:
            await desk.ask(
                desk.settings.UpdateSettings(
                    settings_pb2.UpdateSettingsRequest(
                        scope=scope, values={key: _value(value) for key, value in values.items()}
                    ),
                    timeout=desk.timeout,
                )
            )
        except InvalidArgument as error:
            await context.respond(desk.wrong(error))
            return
    answer = await desk.ask(
        desk.settings.GetSettings(
            settings_pb2.GetSettingsRequest(
                place=settings_pb2.Place(guild_id=desk.guild_id, user_id=context.interaction.person.user_id)
            ),
            timeout=desk.timeout,
        )
    )
    said = [context.text(title)]
    for setting in answer.settings:
        shown = setting.value.WhichOneof("kind")
        if shown in (None, "null_value", "list_value"):
            continue
        said.append(f"- `{setting.key}`: {escaped(str(getattr(setting.value, shown))) or '-'}")
    await context.respond(lines.within(said, 1900))


def _value(value: Any) -> Value:
    if isinstance(value, bool):
        return Value(bool_value=value)
    if isinstance(value, int | float):
        return Value(number_value=value)
    return Value(string_value=str(value))


COMMANDS = (
    Command("vacation", vacation, options=(Option("until", maximum=50),)),
    Command(
        "preferences",
        preferences,
        options=(
            Option("messages", choices=("each", "digest", "none")),
            Option("every", OptionKind.NUMBER, minimum=1, maximum=168),
            Option("quiet", maximum=11),
            Option("zone", maximum=64),
            Option("fast", OptionKind.BOOLEAN),
        ),
    ),
)
