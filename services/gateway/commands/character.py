"""`/character`: what one's characters can make."""

from typing import Any

from guildhall.board.v1 import character_pb2

from chassis.errors import AlreadyExists, InvalidArgument, NotFound
from services.gateway.board.completions import complete_profession
from services.gateway.board.desk import FEATURE, Desk
from services.gateway.board.people import resolved_name
from services.gateway.cleaning import cleaned
from services.gateway.command import Choice, Command, Option, OptionKind
from services.gateway.context import Context
from services.gateway.registry import Registry
from views.board import people
from views.markdown import shortened

_NAME = 50
_PAGE = 25


async def add(context: Context) -> None:
    """Adds a character; one that is there already gets the profession."""
    desk = Desk(context)
    name, realm = cleaned(str(context.options["name"])), cleaned(str(context.options.get("realm") or ""))
    owned = await _owned(desk, context.interaction.person.user_id)
    same = [
        one
        for one in owned
        if one.name.casefold() == name.casefold() and (not realm or one.realm.casefold() == realm.casefold())
    ]
    character = same[0] if len(same) == 1 else character_pb2.Character(name=name, realm=realm, main=not owned)
    await _keep(desk, character)


async def edit(context: Context) -> None:
    """Changes a character: what is given is set, the rest stays."""
    desk = Desk(context)
    character = await _named(desk, str(context.options["character"]))
    for field in ("name", "realm"):
        if context.options.get(field) is not None:
            setattr(character, field, cleaned(str(context.options[field])))
    await _keep(desk, character)


async def remove(context: Context) -> None:
    """Removes a character."""
    desk = Desk(context)
    character = await _named(desk, str(context.options["character"]))
    answer, professions = await desk.with_professions(
        desk.characters.RemoveCharacter(
            character_pb2.RemoveCharacterRequest(guild_id=desk.guild_id, character_id=character.character_id),
            timeout=desk.timeout,
        )
    )
    said = people.character_line(answer.character, context.text, professions)
    await context.respond(context.text("board.character.gone", character=said))


async def listed(context: Context) -> None:
    """Lists one's own characters, somebody's, or everybody's."""
    desk = Desk(context)
    member = str(context.options.get("member") or context.interaction.person.user_id)
    everyone = bool(context.options.get("everyone"))
    answer, professions = await desk.with_professions(
        desk.characters.ListCharacters(
            character_pb2.ListCharactersRequest(
                guild_id=desk.guild_id, owner_id=0 if everyone else int(member), page_size=_PAGE
            ),
            timeout=desk.timeout,
        )
    )
    owner = "" if everyone else resolved_name(context, member) or context.interaction.person.display_name
    await context.respond(people.characters(answer.characters, context.text, professions, owner=owner))


async def complete_character(context: Context, typed: str) -> list[Choice]:
    """The person's own characters."""
    desk = Desk(context)
    wanted = typed.casefold()
    return [
        Choice(f"{one.name}-{one.realm}" if one.realm else one.name, one.character_id)
        for one in await _owned(desk, context.interaction.person.user_id)
        if wanted in one.name.casefold()
    ]


async def _keep(desk: Desk, character: character_pb2.Character) -> None:
    context = desk.context
    options = context.options
    if options.get("main") is not None:
        character.main = bool(options["main"])
    if options.get("profession"):
        _apply_skill(character, await _profession_key(desk, str(options["profession"])), options)
    try:
        answer, professions = await desk.with_professions(
            desk.characters.PutCharacter(
                character_pb2.PutCharacterRequest(guild_id=desk.guild_id, character=character), timeout=desk.timeout
            )
        )
    except (InvalidArgument, AlreadyExists) as error:
        if not error.fields:
            raise
        await context.respond(desk.wrong(error))
        return
    said = people.character_line(answer.character, context.text, professions)
    await context.respond(context.text("board.character.kept", character=said))


async def _profession_key(desk: Desk, typed: str) -> str:
    """The key that a name stands for, where it is exactly one's name; else what was typed, for the board to find."""
    for key, name in (await desk.professions()).items():
        if typed.casefold() in (key, name.casefold()):
            return key
    return typed


def _apply_skill(character: character_pb2.Character, profession: str, options: dict[str, Any]) -> None:
    found = next((skill for skill in character.skills if skill.profession == profession), None)
    if options.get("drop"):
        if found is not None:
            character.skills.remove(found)
        return
    skill = found if found is not None else character.skills.add(profession=profession)
    if options.get("level") is not None:
        skill.level = int(options["level"])
    for field in ("specialities", "recipes"):
        if options.get(field) is not None:
            del getattr(skill, field)[:]
            getattr(skill, field).extend(part.strip() for part in str(options[field]).split(",") if part.strip())


async def _owned(desk: Desk, owner_id: int) -> list[character_pb2.Character]:
    answer = await desk.ask(
        desk.characters.ListCharacters(
            character_pb2.ListCharactersRequest(guild_id=desk.guild_id, owner_id=owner_id, page_size=_PAGE),
            timeout=desk.timeout,
        )
    )
    return list(answer.characters)


async def _named(desk: Desk, typed: str) -> character_pb2.Character:
    """One of the person's own characters, by the id from the autocomplete or by name."""
    for one in await _owned(desk, desk.context.interaction.person.user_id):
        if typed == one.character_id or typed.casefold() in (one.name.casefold(), f"{one.name}-{one.realm}".casefold()):
            return one
    raise NotFound(f"no character {shortened(typed, 40)}", reason="CHARACTER_UNKNOWN")


def register(registry: Registry) -> None:
    """Adds the commands."""
    which = Option("character", required=True, maximum=100, autocomplete=complete_character)
    skill = (
        Option("profession", maximum=50, autocomplete=complete_profession),
        Option("level", OptionKind.INTEGER, minimum=0, maximum=1_000_000),
        Option("specialities", maximum=500),
        Option("recipes", maximum=2000),
    )
    main = Option("main", OptionKind.BOOLEAN)
    registry.command(
        Command(
            "character",
            subcommands=(
                Command(
                    "add",
                    add,
                    options=(
                        Option("name", required=True, minimum=1, maximum=_NAME),
                        Option("realm", maximum=_NAME),
                        main,
                        *skill,
                    ),
                ),
                Command(
                    "edit",
                    edit,
                    options=(
                        which,
                        Option("name", minimum=1, maximum=_NAME),
                        Option("realm", maximum=_NAME),
                        main,
                        *skill,
                        Option("drop", OptionKind.BOOLEAN),
                    ),
                ),
                Command("remove", remove, options=(which,)),
                Command(
                    "list", listed, options=(Option("member", OptionKind.USER), Option("everyone", OptionKind.BOOLEAN))
                ),
            ),
            feature=FEATURE,
            guild_only=True,
        )
    )
