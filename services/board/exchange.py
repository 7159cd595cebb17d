"""Requests and characters as rows of texts, out and in."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from services.board.characters import Character, Skill
from services.board.drafts import Problems, RawDraft, checked
from services.board.model import FINAL, HELD, Action, Change, Claim, Materials, Request, State
from services.board.problems import Problem
from services.board.professions import Professions
from services.board.settings import LimitSettings
from services.board.sheets import FileError
from services.board.text import clean_line

REQUEST_FIELDS = (
    "number", "part", "item", "quantity", "profession", "quality", "materials", "note", "tip", "requester_id",
    "requester_name", "state", "crafter_id", "crafter_name", "created", "claimed", "due", "closed",
)  # fmt: skip
CHARACTER_FIELDS = (
    "name", "realm", "owner_id", "owner_name", "main", "note", "profession", "level", "specialities", "recipes",
)  # fmt: skip
_LONGEST = 100
E = TypeVar("E", bound=StrEnum)


def request_row(request: Request) -> dict[str, Any]:
    """A request as a flat row; times in ISO 8601, ids in digits."""
    claim = request.claim
    return {
        "number": request.number,
        "part": request.part,
        "item": request.item,
        "quantity": request.quantity,
        "profession": request.profession,
        "quality": request.quality,
        "materials": request.materials.value,
        "note": request.note,
        "tip": request.tip,
        "requester_id": str(request.requester_id),
        "requester_name": request.requester_name,
        "state": request.state.value,
        "crafter_id": "" if claim is None else str(claim.crafter_id),
        "crafter_name": "" if claim is None else claim.crafter_name,
        "created": _iso(request.created_at),
        "claimed": "" if claim is None else _iso(claim.claimed_at),
        "due": _iso(request.due_at),
        "closed": _iso(request.closed_at),
    }


def character_rows(character: Character) -> list[dict[str, Any]]:
    """A character as flat rows, one for each skill; one with no skill where there is none."""
    base = {
        "name": character.name,
        "realm": character.realm,
        "owner_id": str(character.owner_id),
        "owner_name": character.owner_name,
        "main": "yes" if character.main else "",
        "note": character.note,
    }
    return [
        {
            **base,
            "profession": skill.profession,
            "level": skill.level,
            "specialities": "; ".join(skill.specialities),
            "recipes": "; ".join(skill.recipes),
        }
        for skill in character.skills or (Skill(""),)
    ]


def read_requests(
    rows: Sequence[Mapping[str, str]],
    guild_id: int,
    *,
    professions: Professions,
    limits: LimitSettings,
    now: int,
    new_id: Callable[[], str],
    expire_after: int,
    first: int = 1,
) -> list[Change]:
    """The requests that rows hold, as new ones with their states; `first` is the first row's line.

    FileError with every row that is wrong.
    """
    wrong: dict[int, Mapping[str, str]] = {}
    changes = []
    for line, row in enumerate(rows, first):
        try:
            request = _request(
                row,
                guild_id,
                professions=professions,
                limits=limits,
                now=now,
                request_id=new_id(),
                expire_after=expire_after,
            )
            changes.append(Change(Action.CREATE, None, request, "imported"))
        except Problems as problems:
            wrong[line] = problems.fields
    if wrong:
        raise FileError(wrong)
    return changes


def _request(
    row: Mapping[str, str],
    guild_id: int,
    *,
    professions: Professions,
    limits: LimitSettings,
    now: int,
    request_id: str,
    expire_after: int,
) -> Request:
    due = _moment(row.get("due", ""), "due")
    raw = RawDraft(
        item=row.get("item", ""),
        quantity=_number(row.get("quantity", "") or "1", "quantity"),
        profession=row.get("profession", ""),
        quality=row.get("quality", ""),
        materials=_one_of(Materials, row, "materials", Materials.CRAFTER),
        note=row.get("note", ""),
        tip=row.get("tip", ""),
        due_at=due,
    )
    draft = checked(raw, professions, limits, now, due_was=due)
    state = _one_of(State, row, "state", State.OPEN)
    requester = _number(row.get("requester_id", ""), "requester_id")
    created = _moment(row.get("created", ""), "created") or now
    closed = _moment(row.get("closed", ""), "closed")
    claim = None
    if row.get("crafter_id"):
        claimed = _moment(row.get("claimed", ""), "claimed") or created
        name = clean_line(row.get("crafter_name", ""))[:_LONGEST]
        claim = Claim(_number(row["crafter_id"], "crafter_id"), name, "", claimed)
    if state in HELD | {State.COMPLETED} and claim is None:
        raise Problems({"crafter_id": Problem("by_whom", state=state.value)})
    if state in {State.OPEN, State.EXPIRED} and claim is not None:
        raise Problems({"crafter_id": Problem("by_nobody", state=state.value)})
    ended = state in FINAL or state is State.EXPIRED
    if created > now or (closed is not None and closed < created):
        raise Problems({"closed": Problem("times")})
    return Request(
        request_id=request_id,
        guild_id=guild_id,
        number=0,
        part=0,
        parent_id="",
        item=draft.item,
        quantity=draft.quantity,
        profession=draft.profession,
        quality=draft.quality,
        materials=draft.materials,
        note=draft.note,
        tip=draft.tip,
        requester_id=requester,
        requester_name=clean_line(row.get("requester_name", ""))[:_LONGEST],
        character_id="",
        state=state,
        version=1,
        claim=claim,
        due_at=draft.due_at,
        expires_at=now + expire_after if state is State.OPEN and expire_after else None,
        reminded_at=None,
        created_at=created,
        updated_at=now,
        closed_at=(closed or now) if ended else None,
    )


def read_characters(
    rows: Sequence[Mapping[str, str]], guild_id: int, now: int, *, first: int = 1
) -> list[tuple[int, Character]]:
    """The characters that rows hold, a row for each skill, with the line of their first; still to be checked.

    `first` is the first row's line. FileError with every row that is wrong.
    """
    found: dict[tuple[str, str, str], Character] = {}
    at: dict[tuple[str, str, str], int] = {}
    wrong: dict[int, Mapping[str, str]] = {}
    for line, row in enumerate(rows, first):
        try:
            owner = _number(row.get("owner_id", ""), "owner_id")
            key = row.get("owner_id", ""), row.get("name", ""), row.get("realm", "")
            at.setdefault(key, line)
            skills = found[key].skills if key in found else ()
            if row.get("profession"):
                level = _number(row.get("level", "") or "0", "level", least=0)
                skills = (*skills, Skill(row["profession"], level, _list(row, "specialities"), _list(row, "recipes")))
            found[key] = Character(
                character_id="",
                guild_id=guild_id,
                owner_id=owner,
                owner_name=clean_line(row.get("owner_name", ""))[:_LONGEST],
                name=row.get("name", ""),
                realm=row.get("realm", ""),
                main=row.get("main", "").strip().lower() in {"yes", "true", "1"},
                note=row.get("note", ""),
                skills=skills,
                version=0,
                created_at=now,
                updated_at=now,
            )
        except Problems as problems:
            wrong[line] = problems.fields
    if wrong:
        raise FileError(wrong)
    return [(at[key], character) for key, character in found.items()]


def _one_of(kind: type[E], row: Mapping[str, str], field: str, otherwise: E) -> E:
    text = row.get(field, "").strip().lower()
    if not text:
        return otherwise
    try:
        return kind(text)
    except ValueError as error:
        raise Problems({field: Problem("one_of", names=", ".join(entry.value for entry in kind))}) from error


def _list(row: Mapping[str, str], field: str) -> tuple[str, ...]:
    return tuple(text.strip() for text in row.get(field, "").split(";") if text.strip())


def _number(text: str, field: str, *, least: int = 1) -> int:
    if not (text.isascii() and text.isdecimal()) or not least <= int(text) < 1 << 63:
        raise Problems({field: Problem("number", least=least)})
    return int(text)


def _iso(milliseconds: int | None) -> str:
    if milliseconds is None:
        return ""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _moment(text: str, field: str) -> int | None:
    if not text.strip():
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise Problems({field: Problem("moment")}) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)
