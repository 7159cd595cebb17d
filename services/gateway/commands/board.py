"""`/board`: what stands on the board, who can make what, and what members and officers set."""

from guildhall.board.v1 import character_pb2

from chassis.errors import InvalidArgument
from services.gateway.board import files, following, lists, officers, people, single
from services.gateway.board import numbers as board_numbers
from services.gateway.board.completions import complete_item, complete_profession, complete_request
from services.gateway.board.desk import FEATURE, Desk
from services.gateway.cleaning import cleaned
from services.gateway.command import Command, Option
from services.gateway.context import Context
from services.gateway.registry import Registry
from views.board import people as people_view

_ITEM_LENGTH = 100


async def who(context: Context) -> None:
    """Who can make something."""
    desk = Desk(context)
    item = cleaned(str(context.options["item"]))
    try:
        answer, professions = await desk.with_professions(
            desk.characters.FindCrafters(
                character_pb2.FindCraftersRequest(
                    guild_id=desk.guild_id, item=item, profession=str(context.options.get("profession") or "")
                ),
                timeout=desk.timeout,
            )
        )
    except InvalidArgument as error:
        if not error.fields:
            raise
        await context.respond(desk.wrong(error))
        return
    await context.respond(people_view.crafters(item, answer.crafters, context.text, professions))


def register(registry: Registry) -> None:
    """Adds the command and whatever its menus lead to."""
    item = Option("item", required=True, minimum=1, maximum=_ITEM_LENGTH, autocomplete=complete_item)
    profession = Option("profession", maximum=50, autocomplete=complete_profession)
    registry.command(
        Command(
            "board",
            subcommands=(
                Command("show", lists.front),
                Command("search", lists.search, options=(item,)),
                Command("mine", lists.mine),
                Command("claims", lists.claims),
                Command("who", who, options=(item, profession)),
                following.COMMAND,
                *people.COMMANDS,
                *board_numbers.commands(profession, Option("request", maximum=100, autocomplete=complete_request)),
                *officers.commands(
                    profession, Option("request", required=True, maximum=100, autocomplete=complete_request)
                ),
                *files.COMMANDS,
            ),
            feature=FEATURE,
            guild_only=True,
        )
    )
    for part in (lists, single, following, officers, files):
        part.register(registry)
