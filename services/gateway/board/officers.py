"""What officers do: `/board assign|release|block|blocked|profession|setup`. Who is one the board decides."""

import re
from typing import Any

from guildhall.board.v1 import member_pb2, profession_pb2, request_pb2
from guildhall.settings.v1 import settings_pb2

from chassis.errors import InvalidArgument
from services.gateway.board.answers import answer_transition, put
from services.gateway.board.desk import FEATURE, Desk
from services.gateway.board.people import resolved_name, set_and_show
from services.gateway.cleaning import cleaned
from services.gateway.command import MANAGE_GUILD, Command, Option, OptionKind
from services.gateway.context import Context
from services.gateway.registry import Registry
from views import modals
from views.board import people
from views.board.lines import person
from views.custom_id import encode
from views.markdown import escaped

PROFESSION_ENTERED = "board.profession"
_TEXT_CHANNEL, _FORUM = 0, 15
_NOT_IN_KEYS = re.compile(r"[^a-z0-9]+")


async def assign(context: Context) -> None:
    """Gives a request to a crafter."""
    desk = Desk(context)
    found = await desk.named(str(context.options["request"]))
    heir = str(context.options["member"])
    answer = await desk.transition(
        found.request.request_id,
        request_pb2.REQUEST_ACTION_TRANSFER,
        heir_id=int(heir),
        heir_name=resolved_name(context, heir),
    )
    await answer_transition(desk, answer, "transfer")


async def release(context: Context) -> None:
    """Frees a request from its crafter."""
    desk = Desk(context)
    found = await desk.named(str(context.options["request"]))
    answer = await desk.transition(
        found.request.request_id,
        request_pb2.REQUEST_ACTION_RELEASE,
        reason=cleaned(str(context.options.get("reason") or "")),
    )
    await answer_transition(desk, answer)


async def block(context: Context) -> None:
    """Keeps a member off the board, or lets them back."""
    desk = Desk(context)
    member = str(context.options["member"])
    lift = bool(context.options.get("lift"))
    name = resolved_name(context, member)
    await desk.ask(
        desk.members.SetBlock(
            member_pb2.SetBlockRequest(
                guild_id=desk.guild_id,
                user_id=int(member),
                name=name,
                blocked=not lift,
                reason=cleaned(str(context.options.get("reason") or "")),
            ),
            timeout=desk.timeout,
        )
    )
    await context.respond(context.text("board.block.lifted" if lift else "board.block.done", name=person(name)))


async def blocked(context: Context) -> None:
    """Lists who is kept off the board."""
    await _show_blocked(Desk(context))


async def let_back(context: Context) -> None:
    """Lets back whoever was chosen in the list."""
    desk = Desk(context)
    chosen = context.selected[0] if context.selected else "0"
    await desk.ask(
        desk.members.SetBlock(
            member_pb2.SetBlockRequest(guild_id=desk.guild_id, user_id=int(chosen), blocked=False),
            timeout=desk.timeout,
        )
    )
    await _show_blocked(desk)


async def _show_blocked(desk: Desk) -> None:
    answer = await desk.ask(
        desk.members.ListBlocks(member_pb2.ListBlocksRequest(guild_id=desk.guild_id), timeout=desk.timeout)
    )
    await put(desk.context, people.blocked(answer.blocks, desk.context.text))


async def profession(context: Context) -> None:
    """Opens the form of a profession, or takes the guild's change back."""
    desk = Desk(context)
    typed = cleaned(str(context.options["profession"]))
    answer = await desk.ask(
        desk.profession_list.ListProfessions(
            profession_pb2.ListProfessionsRequest(guild_id=desk.guild_id, include_disabled=True), timeout=desk.timeout
        )
    )
    found = next(
        (one for one in answer.professions if typed.casefold() in (one.key, one.name.casefold())),
        profession_pb2.Profession(key=_NOT_IN_KEYS.sub("-", typed.casefold()).strip("-")[:50], name=typed),
    )
    if context.options.get("reset"):
        await desk.ask(
            desk.profession_list.ResetProfession(
                profession_pb2.ResetProfessionRequest(guild_id=desk.guild_id, key=found.key), timeout=desk.timeout
            )
        )
        desk.profession_names.forget(desk.guild_id)
        await context.respond(context.text("board.profession.reset", name=escaped(found.name)))
        return
    inputs = (
        ("name", found.name, 50, True),
        ("aliases", ", ".join(found.aliases), 1000, False),
        ("specialities", ", ".join(found.specialities), 2000, False),
        ("qualities", ", ".join(found.qualities), 1000, False),
        ("max_level", str(found.max_level), 7, False),
    )
    await context.modal(
        modals.modal(
            encode(PROFESSION_ENTERED, found.key),
            context.text("board.profession.title"),
            [
                modals.text_input(
                    name, context.text(f"board.profession.{name}"), value=value, maximum=most, required=required
                )
                for name, value, most, required in inputs
            ],
        )
    )


async def profession_entered(context: Context) -> None:
    """Keeps what was entered."""
    desk = Desk(context)
    fields = {name: cleaned(str(value)) for name, value in context.fields.items()}
    level = fields.get("max_level") or "0"
    if not (level.isascii() and level.isdecimal()):
        text = context.text
        wrong = f"{text('board.name_of.max_level')}: {text('board.problem.number', least=0)}"
        await context.respond(f"{text('board.fields_wrong')}\n- {wrong}")
        return
    try:
        answer = await desk.ask(
            desk.profession_list.PutProfession(
                profession_pb2.PutProfessionRequest(
                    guild_id=desk.guild_id,
                    profession=profession_pb2.Profession(
                        key=context.custom_id.argument(0),
                        name=fields.get("name", ""),
                        aliases=_listed(fields.get("aliases", "")),
                        specialities=_listed(fields.get("specialities", "")),
                        qualities=_listed(fields.get("qualities", "")),
                        max_level=int(level),
                    ),
                ),
                timeout=desk.timeout,
            )
        )
    except InvalidArgument as error:
        await context.respond(desk.wrong(error))
        return
    desk.profession_names.forget(desk.guild_id)
    await context.respond(context.text("board.profession.kept", name=escaped(answer.profession.name)))


async def setup(context: Context) -> None:
    """Sets where the board stands in this guild and how it behaves, and says how it is now."""
    options = context.options
    values: dict[str, Any] = {}
    for option, key in (("index", "board_index_channel"), ("forum", "board_forum_channel")):
        if options.get(option):
            values[key] = str(options[option])
    if options.get("fast") is not None:
        values["board_fast_mode"] = bool(options["fast"])
    if options.get("limit"):
        values["board_open_per_person"] = int(options["limit"])
    guild_id = context.interaction.guild_id
    scope = settings_pb2.Scope(kind=settings_pb2.SCOPE_KIND_GUILD, guild_id=guild_id, id=guild_id)
    await set_and_show(context, scope, values, "board.setup.now")


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def commands(profession_option: Option, request: Option) -> tuple[Command, ...]:
    """The subcommands. Discord shows them to everybody: who may is decided by the board when they are used."""
    member = Option("member", OptionKind.USER, required=True)
    return (
        Command("assign", assign, options=(request, member)),
        Command("release", release, options=(request, Option("reason", maximum=200))),
        Command("block", block, options=(member, Option("reason", maximum=200), Option("lift", OptionKind.BOOLEAN))),
        Command("blocked", blocked),
        Command(
            "profession",
            profession,
            options=(
                Option("profession", required=True, minimum=1, maximum=50, autocomplete=profession_option.autocomplete),
                Option("reset", OptionKind.BOOLEAN),
            ),
        ),
        Command(
            "setup",
            setup,
            options=(
                Option("index", OptionKind.CHANNEL, channel_types=(_TEXT_CHANNEL,)),
                Option("forum", OptionKind.CHANNEL, channel_types=(_FORUM,)),
                Option("fast", OptionKind.BOOLEAN),
                Option("limit", OptionKind.INTEGER, minimum=1, maximum=1000),
            ),
            permissions=MANAGE_GUILD,
        ),
    )


def register(registry: Registry) -> None:
    """Adds the form and the choice."""
    registry.modal(PROFESSION_ENTERED, profession_entered, FEATURE)
    registry.component(people.LET_BACK, let_back, FEATURE)
