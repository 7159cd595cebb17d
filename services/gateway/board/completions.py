"""What is offered while somebody types a profession, an item or a request."""

import asyncio

from guildhall.board.v1 import request_pb2

from services.gateway.board.desk import ACTIVE, Desk
from services.gateway.cleaning import cleaned
from services.gateway.command import Choice
from services.gateway.context import Context
from views.board import lines

_CHOICES = 25


async def complete_profession(context: Context, typed: str) -> list[Choice]:
    """The professions that begin with, or have in them, what was typed."""
    wanted = typed.casefold()
    names = (await Desk(context).professions()).items()
    return [Choice(name, key) for key, name in names if wanted in name.casefold() or wanted in key][:_CHOICES]


async def complete_item(context: Context, typed: str) -> list[Choice]:
    """Items that are listed or were asked for before; what was typed is offered as it is, too."""
    desk = Desk(context)
    answer = await desk.ask(
        desk.requests.SuggestItems(
            request_pb2.SuggestItemsRequest(guild_id=desk.guild_id, query=typed), timeout=desk.timeout
        )
    )
    found = list(dict.fromkeys(entry.item for entry in answer.items))
    own = [cleaned(typed)] if cleaned(typed) and cleaned(typed) not in found else []
    return [Choice(item, item) for item in (found + own)[:_CHOICES]]


async def complete_request(context: Context, typed: str) -> list[Choice]:
    """Active requests by number or item: the person's own first."""
    desk = Desk(context)
    number = typed.strip().lstrip("#").partition(".")[0]
    filters = request_pb2.RequestFilter(states=ACTIVE)
    if number.isascii() and number.isdecimal() and len(number) < 19:
        filters.number = int(number)
    elif typed.strip():
        filters.query = typed
    own = request_pb2.RequestFilter()
    own.CopyFrom(filters)
    own.requester_id = context.interaction.person.user_id
    pages = await asyncio.gather(
        *(
            desk.ask(
                desk.requests.ListRequests(
                    request_pb2.ListRequestsRequest(guild_id=desk.guild_id, filter=each, page_size=_CHOICES),
                    timeout=desk.timeout,
                )
            )
            for each in (own, filters)
        )
    )
    found = {request.request_id: request for page in pages for request in page.requests}
    return [
        Choice(f"{lines.label(request)} {lines.plain_thing(request)}", request.request_id)
        for request in list(found.values())[:_CHOICES]
    ]
