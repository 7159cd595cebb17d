"""A request as a card with the buttons for what can be done to it.

Each button carries the request's id and the version that was shown, so it works after any restart, and a press on what
has changed meanwhile is answered with how it is now.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from guildhall.board.v1 import request_pb2 as pb

from chassis.enums import UNKNOWN, short_name
from views.board.lines import NAME_SHOWN, Text, action_name, label, person, problem, state_name, thing
from views.components import DANGER, PRIMARY, ROWS_LIMIT, SECONDARY, SUCCESS, button, option, row, rows, select
from views.custom_id import encode
from views.markdown import escaped, relative_time, shortened
from views.messages import message

DO, SURE, SHOW, EDIT, PARTLY, EXTEND, HISTORY, GIVE = (
    "board.do", "board.sure", "board.show", "board.edit", "board.partly", "board.extend", "board.history", "board.give",
)  # fmt: skip
POST, FOLLOW, CHARACTER = "board.post", "board.follow", "board.character"
# Leads the guild in a custom_id; in a direct message Discord does not say which guild a button is about.
GUILD_MARK = "g"

COLOURS = {
    pb.REQUEST_STATE_OPEN: 0x3498DB,
    pb.REQUEST_STATE_CLAIMED: 0xF1C40F,
    pb.REQUEST_STATE_WAITING_MATERIALS: 0xE67E22,
    pb.REQUEST_STATE_READY: 0x9B59B6,
    pb.REQUEST_STATE_COMPLETED: 0x2ECC71,
    pb.REQUEST_STATE_CANCELLED: 0x95A5A6,
    pb.REQUEST_STATE_EXPIRED: 0x7F8C8D,
}
# What cannot be undone is asked about first, unless fast mode is on.
FINAL_ACTIONS = frozenset({pb.REQUEST_ACTION_COMPLETE, pb.REQUEST_ACTION_CANCEL})
# In the order in which people need them.
_BUTTONS: dict[int, int] = {
    pb.REQUEST_ACTION_CLAIM: SUCCESS,
    pb.REQUEST_ACTION_READY: PRIMARY,
    pb.REQUEST_ACTION_COMPLETE: SUCCESS,
    pb.REQUEST_ACTION_AWAIT_MATERIALS: SECONDARY,
    pb.REQUEST_ACTION_RECEIVE_MATERIALS: PRIMARY,
    pb.REQUEST_ACTION_RELEASE: SECONDARY,
    pb.REQUEST_ACTION_REOPEN: PRIMARY,
    pb.REQUEST_ACTION_CANCEL: DANGER,
}
# What a post in a channel offers to anybody who passes; who may is checked when it is pressed.
_PUBLIC = {
    pb.REQUEST_STATE_OPEN: (pb.REQUEST_ACTION_CLAIM, pb.REQUEST_ACTION_CANCEL),
    pb.REQUEST_STATE_CLAIMED: (
        pb.REQUEST_ACTION_READY,
        pb.REQUEST_ACTION_COMPLETE,
        pb.REQUEST_ACTION_RELEASE,
        pb.REQUEST_ACTION_CANCEL,
    ),
    pb.REQUEST_STATE_WAITING_MATERIALS: (
        pb.REQUEST_ACTION_RECEIVE_MATERIALS,
        pb.REQUEST_ACTION_COMPLETE,
        pb.REQUEST_ACTION_RELEASE,
    ),
    pb.REQUEST_STATE_READY: (pb.REQUEST_ACTION_COMPLETE, pb.REQUEST_ACTION_RELEASE),
    pb.REQUEST_STATE_EXPIRED: (pb.REQUEST_ACTION_REOPEN,),
}


def embed(request: pb.Request, text: Text, professions: Mapping[str, str]) -> dict[str, Any]:
    """Everything there is to know about a request."""
    profession = professions.get(request.profession, request.profession)
    fields = [
        _field(text("board.field.state"), text(f"board.state.{state_name(request.state)}")),
        _field(text("board.field.profession"), escaped(profession)),
        _field(text("board.field.requester"), _as(request.requester_name, request.character_name)),
    ]
    if request.quality:
        fields.append(_field(text("board.field.quality"), escaped(request.quality)))
    if request.HasField("claim"):
        since = relative_time(request.claim.claim_time.seconds)
        fields.append(_field(text("board.field.crafter"), f"{_who(request.claim)}, {since}"))
    if request.materials in (pb.MATERIALS_REQUESTER, pb.MATERIALS_SHARED):
        name = short_name(pb.Materials.DESCRIPTOR, request.materials)
        fields.append(_field(text("board.field.materials"), text(f"board.materials.{name}")))
    if request.tip:
        fields.append(_field(text("board.field.tip"), escaped(request.tip)))
    if request.HasField("due_time"):
        fields.append(_field(text("board.field.due"), relative_time(request.due_time.seconds)))
    if request.state == pb.REQUEST_STATE_OPEN and request.HasField("expire_time"):
        fields.append(_field(text("board.field.expires"), relative_time(request.expire_time.seconds)))
    made: dict[str, Any] = {
        "title": f"{label(request)} {thing(request)}"[:256],
        "color": COLOURS.get(request.state, 0),
        "fields": fields,
    }
    if request.note:
        made["description"] = "\n".join(escaped(part) for part in request.note.splitlines())[:4096]
    return made


def card(
    request: pb.Request,
    allowed: Iterable["pb.RequestAction.ValueType"],
    text: Text,
    professions: Mapping[str, str],
    *,
    notice: str = "",
    guild_id: int = 0,
    characters: Sequence[tuple[str, str]] = (),
) -> dict[str, Any]:
    """A request for one person, with what this person may do. `notice` stands above it.

    `guild_id` is given in a direct message, where the buttons have to carry it. `characters` (id, name) are the
    person's own to choose from, where there are several and the request is theirs to make.
    """
    where = _where(guild_id)
    may = set(allowed)
    buttons = [
        button(
            encode(DO, action, request.request_id, request.version, *where),
            text(f"board.action.{action_name(action)}"),  # type: ignore[arg-type]
            style=style,
        )
        for action, style in _BUTTONS.items()
        if action in may
    ]
    if request.quantity > 1 and may & {pb.REQUEST_ACTION_CLAIM, pb.REQUEST_ACTION_COMPLETE}:
        verb = pb.REQUEST_ACTION_CLAIM if pb.REQUEST_ACTION_CLAIM in may else pb.REQUEST_ACTION_COMPLETE
        buttons.append(
            button(
                encode(PARTLY, verb, request.request_id, request.version, *where),
                text(f"board.partly.{action_name(verb)}"),
            )
        )
    if pb.REQUEST_ACTION_SPLIT in may:
        buttons.append(
            button(
                encode(PARTLY, pb.REQUEST_ACTION_SPLIT, request.request_id, request.version, *where),
                text("board.action.split"),
            )
        )
    for action, verb_id in (
        (pb.REQUEST_ACTION_EDIT, EDIT),
        (pb.REQUEST_ACTION_EXTEND, EXTEND),
        (pb.REQUEST_ACTION_TRANSFER, GIVE),
    ):
        if action in may:
            buttons.append(
                button(
                    encode(verb_id, request.request_id, request.version, *where),
                    text(f"board.action.{action_name(action)}"),
                )
            )
    buttons.append(button(encode(FOLLOW, request.request_id, *where), text("board.follow.button")))
    buttons.append(button(encode(HISTORY, request.request_id, *where), text("board.history.button")))
    choosing = []
    if characters and pb.REQUEST_ACTION_NAME_CHARACTER in may:
        options = [
            option(character_id, name, chosen=character_id == request.claim.character_id)
            for character_id, name in characters
        ]
        choosing.append(
            row(
                select(
                    encode(CHARACTER, request.request_id, *where), options, placeholder=text("board.character.choose")
                )
            )
        )
    return message(
        notice, embeds=[embed(request, text, professions)], components=[*choosing, *rows(buttons)][:ROWS_LIMIT]
    )


def post(request: pb.Request, text: Text, professions: Mapping[str, str]) -> dict[str, Any]:
    """A request for everybody, as a post in a channel; its buttons answer the one who presses them privately."""
    buttons = [
        button(
            encode(POST, action, request.request_id, request.version),
            text(f"board.action.{action_name(action)}"),
            style=_BUTTONS[action],
        )
        for action in _PUBLIC.get(request.state, ())
    ]
    buttons.append(button(encode(SHOW, request.request_id), text("board.more")))
    return message(embeds=[embed(request, text, professions)], components=rows(buttons))


def confirmation(
    request: pb.Request,
    action: "pb.RequestAction.ValueType",
    text: Text,
    professions: Mapping[str, str],
    *,
    guild_id: int = 0,
) -> dict[str, Any]:
    """Asks before something that cannot be undone."""
    name = action_name(action)
    where = _where(guild_id)
    return message(
        text(f"board.sure.{name}", request=f"{label(request)} {thing(request)}"),
        embeds=[embed(request, text, professions)],
        components=[
            row(
                button(
                    encode(SURE, action, request.request_id, request.version, *where),
                    text(f"board.action.{name}"),
                    style=DANGER,
                ),
                button(encode(SHOW, request.request_id, *where), text("board.back")),
            )
        ],
    )


def refused(refusal: pb.Refusal, text: Text) -> str:
    """Why something was not done, and what can be done instead."""
    reason = short_name(pb.RefusalReason.DESCRIPTOR, refusal.reason)
    said = text(
        f"board.refused.{reason}",
        name=person(refusal.holder_name),
        when=relative_time(refusal.since_time.seconds),
        state=text(f"board.state.{state_name(refusal.request.state)}"),
        limit=refusal.limit,
        detail=problem(refusal.problem.code, refusal.problem.values, text) or escaped(refusal.detail),
    )
    left_out = ("name_character", UNKNOWN)
    offered = [action for action in refusal.allowed if action_name(action) not in left_out]
    if not offered:
        return said
    names = ", ".join(text(f"board.action.{action_name(action)}") for action in offered)
    return f"{said} {text('board.allowed', actions=names)}"


def _as(name: str, character: str) -> str:
    return person(name) + (f" ({escaped(shortened(character, NAME_SHOWN))})" if character else "")


def _who(claim: pb.Claim) -> str:
    return _as(claim.crafter_name, claim.character_name)


def _field(name: str, value: str) -> dict[str, Any]:
    return {"name": name[:256], "value": value[:1024] or "-", "inline": True}


def _where(guild_id: int) -> tuple[str, ...]:
    return (f"{GUILD_MARK}{guild_id}",) if guild_id else ()
