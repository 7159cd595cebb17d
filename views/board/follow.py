"""Following from a request's card: its profession, or its item."""

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from guildhall.board.v1 import member_pb2
from guildhall.board.v1 import request_pb2 as pb

from views.board.cards import GUILD_MARK, SHOW
from views.board.lines import ITEM_SHOWN, Text, label, thing
from views.components import SECONDARY, SUCCESS, button, row
from views.custom_id import encode
from views.markdown import shortened
from views.messages import message

TOGGLE = "board.follow_toggle"
PROFESSION, ITEM = "profession", "item"
START, STOP = "1", "0"


def choice(
    request: pb.Request,
    followed: Iterable[member_pb2.Subscription],
    text: Text,
    professions: Mapping[str, str],
    *,
    guild_id: int = 0,
) -> dict[str, Any]:
    """Two buttons, green where it is followed. `guild_id` is given in a direct message."""
    where = (f"{GUILD_MARK}{guild_id}",) if guild_id else ()
    kept = {(entry.kind, entry.value) for entry in followed}
    # As the board keeps it.
    item = " ".join(unicodedata.normalize("NFKC", request.item).casefold().split())
    profession = shortened(professions.get(request.profession, request.profession), ITEM_SHOWN)
    entries = (
        (
            PROFESSION,
            text("board.follow.profession", name=profession),
            (member_pb2.SUBSCRIPTION_KIND_PROFESSION, request.profession) in kept,
        ),
        (ITEM, shortened(request.item, ITEM_SHOWN), (member_pb2.SUBSCRIPTION_KIND_ITEM, item) in kept),
    )
    return message(
        f"**{label(request)}** {thing(request)}\n{text('board.follow.title')}",
        components=[
            row(
                *(
                    button(
                        encode(TOGGLE, request.request_id, kind, STOP if on else START, *where),
                        name,
                        style=SUCCESS if on else SECONDARY,
                    )
                    for kind, name, on in entries
                ),
                button(encode(SHOW, request.request_id, *where), text("board.back")),
            )
        ],
    )
