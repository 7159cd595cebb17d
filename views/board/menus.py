"""The board's menus: the front page, and lists with several requests to choose at once.

A menu remembers nothing: which list and which page stand in the custom_ids, which requests are chosen stands in the
message's own select.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from guildhall.board.v1 import request_pb2 as pb

from views.board.lines import Text, action_name, label, line, plain_thing, state_name, within
from views.components import DANGER, OPTIONS_LIMIT, PRIMARY, SECONDARY, SUCCESS, button, option, row, select
from views.custom_id import MAX_LENGTH, CustomId, encode
from views.markdown import escaped, shortened
from views.messages import message

HOME, LIST, PICK, BULK, BULK_SURE, OPEN, FILTER = (
    "board.home", "board.list", "board.pick", "board.bulk", "board.bulk_sure", "board.open", "board.filter",
)  # fmt: skip

PAGE_SIZE = 10
ALL, MINE, CLAIMS, SEARCH = "all", "mine", "claims", "search"
EVERY = "-"
_QUERY_LENGTH = 30
_SHOWN_STATES = (
    pb.REQUEST_STATE_OPEN, pb.REQUEST_STATE_CLAIMED, pb.REQUEST_STATE_WAITING_MATERIALS, pb.REQUEST_STATE_READY,
)  # fmt: skip
BULK_ACTIONS: dict[int, int] = {
    pb.REQUEST_ACTION_CLAIM: SUCCESS,
    pb.REQUEST_ACTION_COMPLETE: PRIMARY,
    pb.REQUEST_ACTION_RELEASE: SECONDARY,
    pb.REQUEST_ACTION_CANCEL: DANGER,
}


@dataclass(frozen=True, slots=True)
class View:
    """Which list: whose, of which profession ('' for all), which page (from 0), and what was searched for."""

    kind: str = ALL
    profession: str = ""
    page: int = 0
    query: str = ""

    def custom_id(self, action: str, *, page: int | None = None) -> str:
        """The custom_id that leads to this list, or to another page of it."""
        arguments: list[str | int] = [self.kind, self.profession or EVERY, self.page if page is None else page]
        query = self.query[:_QUERY_LENGTH]
        while query:
            try:
                return encode(action, *arguments, query)
            except ValueError:
                # Letters beyond ASCII take up to twelve characters each in a custom_id.
                query = query[:-1]
        made = encode(action, *arguments)
        assert len(made) <= MAX_LENGTH
        return made


def view_of(custom_id: CustomId) -> View:
    """The list that a custom_id leads to. Anything that cannot be read leads to the first page of all."""
    page = custom_id.argument(2, "0")
    profession = custom_id.argument(1, EVERY)
    return View(
        kind=custom_id.argument(0, ALL),
        profession="" if profession == EVERY else profession,
        page=min(int(page), 1000) if page.isascii() and page.isdecimal() else 0,
        query=custom_id.argument(3),
    )


def front(counts: Iterable[pb.StateCount], text: Text, professions: Mapping[str, str]) -> dict[str, Any]:
    """The board's front page: what stands where, by profession."""
    by_profession: dict[str, dict[int, int]] = {}
    for count in counts:
        if count.state in _SHOWN_STATES:
            by_profession.setdefault(count.profession, {})[count.state] = count.count
    lines = []
    busy = sorted(by_profession.items(), key=lambda entry: -sum(entry[1].values()))
    for key, states in busy:
        said = ", ".join(
            f"{states[state]} {text(f'board.state.{state_name(state)}')}" for state in _SHOWN_STATES if state in states
        )
        lines.append(f"**{escaped(professions.get(key, key))}** · {said}")
    choices = [option(EVERY, text("board.every"))]
    # A select has 25 places: where there are more professions, those with something on the board come first.
    first = [key for key, _ in busy] if len(professions) >= OPTIONS_LIMIT else []
    ordered = dict.fromkeys([*first, *professions])
    choices += [option(key, shortened(professions.get(key, key), 100)) for key in ordered]
    return message(
        embeds=[
            {
                "title": text("board.title"),
                "description": within(lines, 4000) or text("board.empty"),
                "color": 0x3498DB,
            }
        ],
        components=[
            row(select(encode(FILTER, ALL), choices, placeholder=text("board.choose_profession"))),
            row(
                button(encode(LIST, ALL, EVERY, 0), text("board.show_all"), style=PRIMARY),
                button(encode(LIST, MINE, EVERY, 0), text("board.show_mine")),
                button(encode(LIST, CLAIMS, EVERY, 0), text("board.show_claims")),
                button(encode(HOME), text("board.refresh")),
            ),
        ],
    )


def listing(
    view: View,
    answer: pb.ListRequestsResponse,
    text: Text,
    professions: Mapping[str, str],
    *,
    chosen: Collection[str] = (),
    notice: str = "",
) -> dict[str, Any]:
    """A page of a list. `chosen` are the request ids that are chosen in it."""
    requests = answer.requests
    pages = max(1, -(-answer.total_size // PAGE_SIZE))
    title = text(f"board.view.{view.kind if view.kind in (MINE, CLAIMS, SEARCH) else ALL}")
    if view.profession:
        title += f" · {professions.get(view.profession, view.profession)}"
    lines = [line(request, text, professions) for request in requests]
    rows = []
    if requests:
        options = [_choice(request, text, professions, request.request_id in chosen) for request in requests]
        rows.append(
            row(
                select(
                    view.custom_id(PICK),
                    options,
                    placeholder=text("board.pick"),
                    least=0,
                    most=min(PAGE_SIZE, len(options)),
                )
            )
        )
    picked = [request for request in requests if request.request_id in chosen]
    if picked:
        rows.append(row(*_bulk_buttons(view, picked, text)))
    rows.append(
        row(
            button(view.custom_id(LIST, page=max(0, view.page - 1)), text("board.previous"), disabled=view.page == 0),
            button(
                # Two buttons of one message may not have one custom_id, so this one says what it is for.
                view.custom_id(f"{LIST}.again"),
                text("board.page", page=view.page + 1, pages=pages),
            ),
            button(
                view.custom_id(LIST, page=view.page + 1) if view.page + 1 < pages else view.custom_id(f"{LIST}.end"),
                text("board.next"),
                disabled=view.page + 1 >= pages,
            ),
            button(encode(HOME), text("board.home")),
        )
    )
    return message(
        notice,
        embeds=[
            {
                "title": shortened(title, 256),
                "description": within(lines, 4000) or text("board.nothing_here"),
                "color": 0x3498DB,
                "footer": {"text": text("board.total", total=answer.total_size)},
            }
        ],
        components=rows,
    )


def bulk_confirmation(
    view: View, action: "pb.RequestAction.ValueType", chosen: Sequence[str], kept: dict[str, Any], text: Text
) -> dict[str, Any]:
    """Asks before several requests are completed or cancelled; the select stays, for it says which."""
    return message(
        text(f"board.sure_many.{action_name(action)}", count=len(chosen)),
        components=[
            kept,
            row(
                button(
                    view.custom_id(f"{BULK_SURE}.{action}"), text(f"board.action.{action_name(action)}"), style=DANGER
                ),
                button(view.custom_id(LIST), text("board.back")),
            ),
        ],
    )


def outcome_of_many(
    responses: Iterable[pb.TransitionRequestResponse], action: "pb.RequestAction.ValueType", text: Text
) -> str:
    """What came of several: how many were done, and of each that was not, why."""
    done, said = 0, []
    for response in responses:
        if response.HasField("request"):
            done += 1
        else:
            from views.board.cards import refused

            said.append(f"{label(response.refusal.request)}: {refused(response.refusal, text)}")
    first = text(f"board.done_many.{action_name(action)}", count=done)
    return within([first, *said], 1900)


def _choice(request: pb.Request, text: Text, professions: Mapping[str, str], chosen: bool) -> dict[str, Any]:
    state = text(f"board.state.{state_name(request.state)}")
    profession = professions.get(request.profession, request.profession)
    return option(
        f"{request.request_id}.{request.version}",
        f"{label(request)} {plain_thing(request)}",
        f"{profession} · {state} · {request.requester_name}",
        chosen=chosen,
    )


def _bulk_buttons(view: View, picked: Sequence[pb.Request], text: Text) -> list[dict[str, Any]]:
    buttons = [
        button(view.custom_id(f"{BULK}.{action}"), text(f"board.action.{action_name(action)}"), style=style)  # type: ignore[arg-type]
        for action, style in BULK_ACTIONS.items()
    ]
    if len(picked) == 1:
        buttons.append(button(encode(OPEN, picked[0].request_id), text("board.open")))
    return buttons
