"""Characters: who has which, what each can make, and who can make a given thing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from services.board.model import Actor, ActorKind
from services.board.problems import Problem
from services.board.professions import Item, Professions
from services.board.text import clean_line, clean_text, search_key

_NAME_LENGTH = 50
_NOTE_LENGTH = 200
_RECIPES = 200
_ITEM_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Skill:
    """What a character can do in one profession."""

    profession: str
    level: int = 0
    specialities: tuple[str, ...] = ()
    recipes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Character:
    """A member's character. Times are Unix milliseconds."""

    character_id: str
    guild_id: int
    owner_id: int
    owner_name: str
    name: str
    realm: str
    main: bool
    note: str
    skills: tuple[Skill, ...]
    version: int
    created_at: int
    updated_at: int
    vacation_until: int | None = None


class Match(IntEnum):
    """How sure it is that a character can make an item; the smaller the surer."""

    RECIPE = 1
    SKILL = 2
    PROFESSION = 3


@dataclass(frozen=True, slots=True)
class Crafter:
    """Somebody who can make something."""

    character: Character
    skill: Skill
    match: Match
    held: int


def checked(character: Character, professions: Professions) -> tuple[Character, dict[str, str]]:
    """The character, cleaned, and what is wrong with it by field."""
    wrong: dict[str, str] = {}
    name, realm, note = clean_line(character.name), clean_line(character.realm), clean_text(character.note)
    if not name:
        wrong["name"] = Problem("empty")
    for field, text, limit in (
        ("name", name, _NAME_LENGTH),
        ("realm", realm, _NAME_LENGTH),
        ("note", note, _NOTE_LENGTH),
    ):
        if len(text) > limit:
            wrong[field] = Problem("length", limit=limit, length=len(text))
    skills: list[Skill] = []
    for index, skill in enumerate(character.skills):
        cleaned, problems = _skill(skill, professions)
        wrong.update({f"skills[{index}].{field}": text for field, text in problems.items()})
        if any(cleaned.profession == other.profession for other in skills):
            wrong[f"skills[{index}].profession"] = Problem("twice")
        skills.append(cleaned)
    return replace(character, name=name, realm=realm, note=note, skills=tuple(skills)), wrong


def _skill(skill: Skill, professions: Professions) -> tuple[Skill, dict[str, str]]:
    wrong: dict[str, str] = {}
    profession = professions.find(skill.profession)
    if profession is None:
        names = ", ".join(entry.name for entry in professions.enabled())
        return skill, {"profession": Problem("unknown_profession", names=names or "-")}
    if not 0 <= skill.level <= profession.max_level:
        most = profession.max_level
        wrong["level"] = Problem("range", least=0, most=most) if most else Problem("no_levels")
    known = {search_key(name): name for name in profession.specialities}
    specialities = []
    for name in skill.specialities:
        found = known.get(search_key(name))
        if found is None:
            offered = ", ".join(profession.specialities) or "-"
            wrong["specialities"] = Problem("speciality", profession=profession.name, names=offered)
        elif found not in specialities:
            specialities.append(found)
    recipes = tuple(dict.fromkeys(recipe for recipe in map(clean_line, skill.recipes) if recipe))
    if len(recipes) > _RECIPES:
        wrong["recipes"] = Problem("count", most=_RECIPES)
    if any(len(recipe) > _ITEM_LENGTH for recipe in recipes):
        wrong["recipes"] = Problem("each_length", limit=_ITEM_LENGTH)
    return Skill(profession.key, skill.level, tuple(specialities), recipes), wrong


def may_keep(character: Character, actor: Actor) -> bool:
    """Whether this actor may change or remove a character: its owner and officers."""
    return actor.kind is ActorKind.OFFICER or actor.user_id == character.owner_id


def match(skill: Skill, profession: str, item: str, needs: Item | None) -> Match | None:
    """How well a skill serves for an item; None where it does not. `needs` is what the profession lists, if it does."""
    if skill.profession != profession:
        return None
    wanted = search_key(item)
    if any(search_key(recipe) == wanted for recipe in skill.recipes):
        return Match.RECIPE
    if needs is None:
        return Match.PROFESSION
    if skill.level < needs.level or (needs.speciality and needs.speciality not in skill.specialities):
        return None
    return Match.SKILL


def crafters_for(
    characters: Sequence[Character],
    professions: Professions,
    item: str,
    *,
    profession: str,
    held: Mapping[int, int],
    now: int,
) -> tuple[list[Crafter], list[str]]:
    """Who can make an item, the best first, those away last; and the professions that were looked at.

    Without a profession those that list the item count; with one that does not list it, having the profession suffices.
    """
    makers = dict(professions.makers_of(item))
    wanted = [profession] if profession else list(makers)
    found = []
    for character in characters:
        for skill in character.skills:
            if skill.profession in wanted:
                how = match(skill, skill.profession, item, makers.get(skill.profession))
                if how is not None:
                    found.append(Crafter(character, skill, how, held.get(character.owner_id, 0)))

    def rank(crafter: Crafter) -> tuple[object, ...]:
        away = crafter.character.vacation_until is not None and crafter.character.vacation_until > now
        return away, crafter.match, -crafter.skill.level, crafter.held, crafter.character.name

    return sorted(found, key=rank), wanted
