"""The board's menus: the front page, lists and their pages, and several requests of a list at once."""

from typing import Any

from guildhall.board.v1 import request_pb2

from services.gateway.board.answers import put
from services.gateway.board.desk import ACTIVE, FEATURE, Desk
from services.gateway.cleaning import cleaned
from services.gateway.context import Context
from services.gateway.registry import Registry
from views.board import cards, menus
from views.components import chosen_in


async def front(context: Context) -> None:
    """The front page."""
    desk = Desk(context)
    answer, professions = await desk.with_professions(
        desk.requests.GetOverview(request_pb2.GetOverviewRequest(guild_id=desk.guild_id), timeout=desk.timeout)
    )
    await put(context, menus.front(answer.counts, context.text, professions))


async def search(context: Context) -> None:
    """A list of what fits an item's name."""
    await show_list(context, menus.View(menus.SEARCH, query=cleaned(str(context.options["item"]))))


async def mine(context: Context) -> None:
    """What the person asked for."""
    await show_list(context, menus.View(menus.MINE))


async def claims(context: Context) -> None:
    """What the person holds."""
    await show_list(context, menus.View(menus.CLAIMS))


async def turned(context: Context) -> None:
    """Another list, or another page of one."""
    await show_list(context, menus.view_of(context.custom_id))


async def filtered(context: Context) -> None:
    """A profession was chosen on the front page."""
    chosen = context.selected[0] if context.selected else menus.EVERY
    kind = context.custom_id.argument(0, menus.ALL)
    await show_list(context, menus.View(kind, "" if chosen == menus.EVERY else chosen))


async def picked(context: Context) -> None:
    """Requests were chosen in a list: the list shows them as chosen, and what can be done to them."""
    await show_list(
        context, menus.view_of(context.custom_id), chosen=[value.partition(".")[0] for value in context.selected]
    )


async def show_list(context: Context, view: menus.View, *, chosen: Any = (), notice: str = "") -> None:
    """A page of a list; where a press brought it, in place of what was there."""
    desk = Desk(context)
    person = context.interaction.person.user_id
    filters = request_pb2.RequestFilter(states=ACTIVE, profession=view.profession, query=view.query)
    if view.kind == menus.MINE:
        filters.requester_id = person
        filters.states.append(request_pb2.REQUEST_STATE_EXPIRED)
    elif view.kind == menus.CLAIMS:
        filters.crafter_id = person
    answer, professions = await desk.with_professions(
        desk.requests.ListRequests(
            request_pb2.ListRequestsRequest(
                guild_id=desk.guild_id,
                filter=filters,
                page_size=menus.PAGE_SIZE,
                skip=view.page * menus.PAGE_SIZE,
            ),
            timeout=desk.timeout,
        )
    )
    await put(context, menus.listing(view, answer, context.text, professions, chosen=chosen, notice=notice))


async def bulk(context: Context) -> None:
    """A button under a list with chosen requests."""
    action = _suffix(context)
    chosen = _chosen(context)
    if not chosen:
        await turned(context)
        return
    desk = Desk(context)
    if action in cards.FINAL_ACTIONS and not (await desk.manners()).fast:
        kept = context.interaction.message["components"][0]
        await put(
            context,
            menus.bulk_confirmation(menus.view_of(context.custom_id), action, chosen, kept, context.text),  # type: ignore[arg-type]
        )
        return
    await bulk_sure(context)


async def bulk_sure(context: Context) -> None:
    """Does one thing to all chosen requests and shows the list as it is then."""
    desk, action = Desk(context), _suffix(context)
    chosen = [value.partition(".") for value in _chosen(context)]
    answer = await desk.ask(
        desk.requests.BatchTransitionRequests(
            request_pb2.BatchTransitionRequestsRequest(
                guild_id=desk.guild_id,
                requests=[
                    request_pb2.TransitionRequestRequest(
                        request_id=request_id,
                        action=action,  # type: ignore[arg-type]
                        expected_version=int(version) if version.isascii() and version.isdecimal() else 0,
                        idempotency_key=f"{desk.key}:{place}",
                    )
                    for place, (request_id, _, version) in enumerate(chosen)
                ],
            ),
            timeout=desk.timeout,
        )
    )
    notice = menus.outcome_of_many(answer.responses, action, context.text)  # type: ignore[arg-type]
    await show_list(context, menus.view_of(context.custom_id), notice=notice)


def _suffix(context: Context) -> int:
    suffix = context.custom_id.action.rpartition(".")[2]
    return int(suffix) if suffix.isascii() and suffix.isdecimal() and len(suffix) < 4 else 0


def _chosen(context: Context) -> tuple[str, ...]:
    return chosen_in(context.interaction.message.get("components", ()), menus.PICK)


def register(registry: Registry) -> None:
    """Adds what the menus lead to."""
    for action, handler in (
        (menus.HOME, front),
        (menus.LIST, turned),
        (f"{menus.LIST}.again", turned),
        (f"{menus.LIST}.end", turned),
        (f"{menus.LIST}.new", turned),
        (menus.FILTER, filtered),
        (menus.PICK, picked),
    ):
        registry.component(action, handler, FEATURE)
    for number in menus.BULK_ACTIONS:
        registry.component(f"{menus.BULK}.{number}", bulk, FEATURE)
        registry.component(f"{menus.BULK_SURE}.{number}", bulk_sure, FEATURE)
