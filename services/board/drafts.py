"""Checks what somebody asks for and says everything that is wrong with it at once, in sentences for people."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.board.model import Draft, Materials
from services.board.problems import Problem
from services.board.professions import Profession, Professions
from services.board.settings import LimitSettings
from services.board.text import clean_line, clean_text

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class RawDraft:
    """What somebody wants made, as it was typed."""

    item: str
    quantity: int = 1
    profession: str = ""
    quality: str = ""
    materials: Materials = Materials.CRAFTER
    note: str = ""
    tip: str = ""
    due_at: int | None = None
    character_id: str = ""


@dataclass(frozen=True, slots=True)
class Problems(Exception):
    """What is wrong, by field."""

    fields: Mapping[str, str]


def checked(
    raw: RawDraft, professions: Professions, limits: LimitSettings, now: int, *, due_was: int | None = None
) -> Draft:
    """The draft, cleaned and resolved. Problems with every field that is wrong.

    `due_was` is the due date that an edited request has already: keeping it is no mistake although it passed meanwhile.
    """
    wrong: dict[str, str] = {}
    item = clean_line(raw.item)
    note, tip = clean_text(raw.note), clean_line(raw.tip)
    if not item:
        wrong["item"] = Problem("empty")
    _length(wrong, "item", item, limits.item_length)
    _length(wrong, "note", note, limits.note_length)
    _length(wrong, "tip", tip, limits.tip_length)
    quantity = raw.quantity
    if not 1 <= quantity <= limits.quantity:
        wrong["quantity"] = Problem("range", least=1, most=limits.quantity)
    profession = _profession(wrong, raw.profession, item, professions)
    quality = _quality(wrong, raw.quality, profession)
    if raw.due_at is not None and raw.due_at != due_was:
        if raw.due_at <= now:
            wrong["due_time"] = Problem("past")
        elif raw.due_at > now + limits.due_days * DAY_MS:
            wrong["due_time"] = Problem("too_far", days=limits.due_days)
    if wrong or profession is None:
        raise Problems(wrong)
    return Draft(
        item=item,
        quantity=quantity,
        profession=profession.key,
        quality=quality,
        materials=raw.materials,
        note=note,
        tip=tip,
        due_at=raw.due_at,
        character_id=raw.character_id,
    )


def _length(wrong: dict[str, str], field: str, text: str, limit: int) -> None:
    if len(text) > limit:
        wrong[field] = Problem("length", limit=limit, length=len(text))


def _profession(wrong: dict[str, str], name: str, item: str, professions: Professions) -> Profession | None:
    if clean_line(name):
        found = professions.find(name)
        if found is None:
            wrong["profession"] = Problem("unknown_profession", names=_names(professions))
        return found
    makers = {key for key, _ in professions.makers_of(item)}
    if len(makers) == 1:
        return professions.get(makers.pop())
    choices = ", ".join(sorted(professions.entries[key].name for key in makers)) or _names(professions)
    wrong["profession"] = Problem("which_profession", names=choices)
    return None


def _quality(wrong: dict[str, str], name: str, profession: Profession | None) -> str:
    wanted = clean_line(name)
    if not wanted or profession is None:
        return ""
    for quality in profession.qualities:
        if quality.casefold() == wanted.casefold():
            return quality
    offered = ", ".join(profession.qualities)
    wrong["quality"] = (
        Problem("quality", names=offered) if offered else Problem("no_qualities", profession=profession.name)
    )
    return ""


def _names(professions: Professions) -> str:
    return ", ".join(profession.name for profession in professions.enabled()) or "-"
