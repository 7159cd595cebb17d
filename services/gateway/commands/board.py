"""`/board`: the menus, the buttons of requests, and several requests at once."""

from typing import Any

from guildhall.board.v1 import character_pb2, history_pb2, request_pb2

from chassis.errors import InvalidArgument
from services.gateway.board import numbers as board_numbers
from services.gateway.board import officers, people
from services.gateway.board.answers import answer_transition, do_or_ask, put, version_of
from services.gateway.board.desk import ACTIVE, Desk, complete_item, complete_profession, complete_request
from services.gateway.cleaning import cleaned
from services.gateway.command import Command, Option
from services.gateway.context import Context
from services.gateway.registry import Registry
from views import modals
from views.board import cards, index, menus, numbers
from views.board import people as people_view
from views.components import chosen_in, row, user_select
from views.custom_id import encode
from views.messages import message

PARTLY_ENTERED, EXTENDED, GIVEN = "board.partly_entered", "board.extended", "board.given"
_HISTORY = 20
_ITEM_LENGTH = 100


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


async def show_one(context: Context) -> None:
    """The card of one request, by a button or by a select."""
    desk = Desk(context)
    request_id = context.selected[0] if context.selected else context.custom_id.argument(0)
    await put(context, await desk.show(request_id))


async def pressed(context: Context) -> None:
    """A button on a request: done at once, or asked about first where it cannot be undone."""
    desk = Desk(context)
    action, request_id = _action(context), context.custom_id.argument(1)
    version = version_of(context, 2)
    if action in cards.FINAL_ACTIONS:
        found = await desk.get(request_id)
        if action in found.allowed and version in (0, found.request.version):
            await do_or_ask(desk, found.request, action)
            return
    await answer_transition(desk, await desk.transition(request_id, action, version=version))


async def sure(context: Context) -> None:
    """The question was answered with yes."""
    desk = Desk(context)
    answer = await desk.transition(context.custom_id.argument(1), _action(context), version=version_of(context, 2))
    await answer_transition(desk, answer)


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


async def partly(context: Context) -> None:
    """Asks how many of it."""
    action, request_id, version = context.custom_id.arguments[:3]
    await context.modal(
        modals.modal(
            encode(PARTLY_ENTERED, action, request_id, version),
            context.text("board.partly.title"),
            [modals.text_input("quantity", context.text("board.partly.title"), maximum=6)],
        )
    )


async def partly_entered(context: Context) -> None:
    """Claims or completes as many as were entered."""
    desk = Desk(context)
    typed = cleaned(str(context.fields.get("quantity", "")))
    request_id = context.custom_id.argument(1)
    if not (typed.isascii() and typed.isdecimal()) or int(typed) < 1:
        request = (await desk.get(request_id)).request
        await context.respond(context.text("board.partly.invalid", most=request.quantity))
        return
    answer = await desk.transition(request_id, _action(context), version=version_of(context, 2), quantity=int(typed))
    await answer_transition(desk, answer)


async def extend(context: Context) -> None:
    """Asks until when."""
    await context.modal(
        modals.modal(
            encode(EXTENDED, *context.custom_id.arguments[:2]),
            context.text("board.extend.title"),
            [
                modals.text_input(
                    "due",
                    context.text("board.extend.due"),
                    maximum=50,
                    description=context.text("board.extend.example"),
                )
            ],
        )
    )


async def extended(context: Context) -> None:
    """Gives a request more time."""
    desk = Desk(context)
    try:
        due = await desk.moment(str(context.fields.get("due", ""))) or desk.timestamp("", None)
        answer = await desk.transition(
            context.custom_id.argument(0),
            request_pb2.REQUEST_ACTION_EXTEND,
            version=version_of(context, 1),
            due_time=due,
        )
    except InvalidArgument as error:
        if not error.fields and error.reason != "DATE_INVALID":
            raise
        await context.respond(desk.wrong(error))
        return
    await answer_transition(desk, answer)


async def give(context: Context) -> None:
    """Asks to whom a request is passed on."""
    select = user_select(encode(GIVEN, *context.custom_id.arguments[:2]), placeholder=context.text("board.give.choose"))
    await put(context, message(context.text("board.give.title"), components=[row(select)]))


async def given(context: Context) -> None:
    """Passes a request on."""
    desk = Desk(context)
    heir = context.selected[0] if context.selected else "0"
    answer = await desk.transition(
        context.custom_id.argument(0),
        request_pb2.REQUEST_ACTION_TRANSFER,
        version=version_of(context, 1),
        heir_id=int(heir),
        heir_name=people.resolved_name(context, heir),
    )
    await answer_transition(desk, answer)


async def request_history(context: Context) -> None:
    """Who changed a request, for whoever looks at its card."""
    desk = Desk(context)
    answer = await desk.ask(
        desk.history.ListHistory(
            history_pb2.ListHistoryRequest(
                guild_id=desk.guild_id, request_id=context.custom_id.argument(0), page_size=_HISTORY
            ),
            timeout=desk.timeout,
        )
    )
    await context.respond(numbers.history(answer.entries, context.text))


async def who(context: Context) -> None:
    """Who can make something."""
    desk = Desk(context)
    item = cleaned(str(context.options["item"]))
    answer, professions = await desk.with_professions(
        desk.characters.FindCrafters(
            character_pb2.FindCraftersRequest(
                guild_id=desk.guild_id, item=item, profession=str(context.options.get("profession") or "")
            ),
            timeout=desk.timeout,
        )
    )
    await context.respond(people_view.crafters(item, answer.crafters, context.text, professions))


def _action(context: Context) -> int:
    action = context.custom_id.argument(0)
    return int(action) if action.isascii() and action.isdecimal() and len(action) < 4 else 0


def _suffix(context: Context) -> int:
    suffix = context.custom_id.action.rpartition(".")[2]
    return int(suffix) if suffix.isascii() and suffix.isdecimal() and len(suffix) < 4 else 0


def _chosen(context: Context) -> tuple[str, ...]:
    return chosen_in(context.interaction.message.get("components", ()), menus.PICK)


def register(registry: Registry) -> None:
    """Adds the commands and whatever their menus lead to."""
    item = Option("item", required=True, minimum=1, maximum=_ITEM_LENGTH, autocomplete=complete_item)
    profession = Option("profession", maximum=50, autocomplete=complete_profession)
    registry.command(
        Command(
            "board",
            subcommands=(
                Command("show", front),
                Command("search", search, options=(item,)),
                Command("mine", mine),
                Command("claims", claims),
                Command("who", who, options=(item, profession)),
                *people.COMMANDS,
                *board_numbers.commands(profession, Option("request", maximum=100, autocomplete=complete_request)),
                *officers.commands(
                    profession, Option("request", required=True, maximum=100, autocomplete=complete_request)
                ),
            ),
            feature="board",
            guild_only=True,
        )
    )
    for action, handler in (
        (menus.HOME, front),
        (menus.LIST, turned),
        (f"{menus.LIST}.again", turned),
        (f"{menus.LIST}.end", turned),
        (f"{menus.LIST}.new", turned),
        (menus.FILTER, filtered),
        (menus.PICK, picked),
        (menus.OPEN, show_one),
        (index.SHOW_ONE, show_one),
        (cards.SHOW, show_one),
        (cards.DO, pressed),
        (cards.POST, pressed),
        (cards.SURE, sure),
        (cards.PARTLY, partly),
        (cards.EXTEND, extend),
        (cards.GIVE, give),
        (GIVEN, given),
        (cards.HISTORY, request_history),
    ):
        registry.component(action, handler)
    for number in menus.BULK_ACTIONS:
        registry.component(f"{menus.BULK}.{number}", bulk)
        registry.component(f"{menus.BULK_SURE}.{number}", bulk_sure)
    registry.modal(PARTLY_ENTERED, partly_entered)
    registry.modal(EXTENDED, extended)
    officers.register_parts(registry)
