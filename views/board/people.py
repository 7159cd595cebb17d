"""Characters and crafters in words."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from guildhall.board.v1 import character_pb2 as pb
from guildhall.board.v1 import member_pb2

from chassis.enums import short_name
from views.board.lines import Text, person, within
from views.components import OPTIONS_LIMIT, option, row, select
from views.custom_id import encode
from views.markdown import escaped, relative_time, shortened
from views.messages import message

LET_BACK = "board.let_back"


def skill_line(skill: pb.Skill, professions: Mapping[str, str]) -> str:
    """A skill: Alchemy 80 (Potions)."""
    said = escaped(professions.get(skill.profession, skill.profession))
    if skill.level:
        said += f" {skill.level}"
    if skill.specialities:
        said += f" ({', '.join(escaped(name) for name in skill.specialities)})"
    return said


def character_line(character: pb.Character, text: Text, professions: Mapping[str, str]) -> str:
    """A character with what it can do."""
    name = f"**{escaped(character.name)}**" + (f"-{escaped(character.realm)}" if character.realm else "")
    parts = [name + (f" ({text('board.character.main')})" if character.main else "")]
    parts += [skill_line(skill, professions) for skill in character.skills]
    if character.HasField("vacation_until_time"):
        parts.append(text("board.character.away", when=relative_time(character.vacation_until_time.seconds)))
    return " · ".join(parts)


def characters(
    found: Sequence[pb.Character], text: Text, professions: Mapping[str, str], *, owner: str = ""
) -> dict[str, Any]:
    """A list of characters."""
    title = text("board.character.of", name=shortened(owner, 40)) if owner else text("board.character.all")
    lines = [
        character_line(character, text, professions)
        + ("" if owner else f" · {text('board.character.owner', name=person(character.owner_name))}")
        for character in found
    ]
    return message(embeds=[{"title": title[:256], "description": within(lines, 4000) or text("board.character.none")}])


def crafters(item: str, found: Iterable[pb.Crafter], text: Text, professions: Mapping[str, str]) -> dict[str, Any]:
    """Who can make something."""
    lines = []
    for crafter in found:
        match = short_name(pb.Match.DESCRIPTOR, crafter.match)
        character = crafter.character
        said = (
            f"**{escaped(character.name)}** · {person(character.owner_name)} · "
            f"{skill_line(crafter.skill, professions)} · {text(f'board.match.{match}')}"
        )
        if crafter.held:
            said += f" · {text('board.holds', count=crafter.held)}"
        if character.HasField("vacation_until_time"):
            said += f" · {text('board.character.away', when=relative_time(character.vacation_until_time.seconds))}"
        lines.append(said)
    return message(
        embeds=[
            {
                "title": text("board.who_makes", item=shortened(item, 100))[:256],
                "description": within(lines, 4000) or text("board.nobody_makes"),
            }
        ]
    )


def blocked(found: Sequence[member_pb2.Block], text: Text) -> dict[str, Any]:
    """Who is kept off the board, by whom and why, with a choice of whom to let back."""
    lines = []
    for block in found:
        said = text(
            "board.blocked.line",
            name=person(block.name),
            when=relative_time(block.block_time.seconds),
            officer=f"<@{block.officer_id}>",
        )
        lines.append(f"{said} · {escaped(block.reason)}" if block.reason else said)
    options = [option(str(block.user_id), shortened(block.name, 100) or str(block.user_id)) for block in found]
    choosing = select(encode(LET_BACK), options[:OPTIONS_LIMIT], placeholder=text("board.blocked.let_back"))
    return message(
        embeds=[
            {"title": text("board.blocked.title"), "description": within(lines, 4000) or text("board.blocked.none")}
        ],
        components=[row(choosing)] if options else [],
    )
