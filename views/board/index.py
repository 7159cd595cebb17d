"""The pinned list of one profession in a channel."""

from collections.abc import Mapping, Sequence
from typing import Any

from guildhall.board.v1 import request_pb2 as pb

from views.board.lines import Text, label, line, plain_thing, within
from views.board.menus import ALL, LIST
from views.components import PRIMARY, button, option, row, select
from views.custom_id import encode
from views.messages import message

SHOW_ONE = "board.index"
_SHOWN = 25


def index(
    profession: str, requests: Sequence[pb.Request], total: int, text: Text, professions: Mapping[str, str]
) -> dict[str, Any]:
    """What is active in one profession, with a select that opens any of it."""
    shown = requests[:_SHOWN]
    lines = [line(request, text, professions) for request in shown]
    components = []
    if shown:
        options = [option(request.request_id, f"{label(request)} {plain_thing(request)}") for request in shown]
        components.append(row(select(encode(SHOW_ONE, profession), options, placeholder=text("board.open"))))
    components.append(row(button(encode(f"{LIST}.new", ALL, profession, 0), text("board.show_all"), style=PRIMARY)))
    return message(
        embeds=[
            {
                "title": professions.get(profession, profession)[:256],
                "description": within(lines, 4000) or text("board.nothing_here"),
                "color": 0x3498DB,
                "footer": {"text": text("board.total", total=total)},
            }
        ],
        components=components,
    )
