"""One request: its card, and what its buttons, selects and forms do."""

from guildhall.board.v1 import history_pb2, request_pb2

from chassis.errors import InvalidArgument
from services.gateway.board import people
from services.gateway.board.answers import answer_transition, do_or_ask, put, version_of
from services.gateway.board.desk import FEATURE, Desk
from services.gateway.cleaning import cleaned
from services.gateway.context import Context
from services.gateway.registry import Registry
from views import modals
from views.board import cards, index, menus, numbers
from views.components import row, user_select
from views.custom_id import encode
from views.messages import message

PARTLY_ENTERED, EXTENDED, GIVEN = "board.partly_entered", "board.extended", "board.given"
_HISTORY = 20


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
    action = _action(context)
    answer = await desk.transition(request_id, action, version=version_of(context, 2), quantity=int(typed))
    await answer_transition(desk, answer, "split" if action == request_pb2.REQUEST_ACTION_SPLIT else "")


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
    await answer_transition(desk, answer, "extend")


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
    await answer_transition(desk, answer, "transfer")


async def character_named(context: Context) -> None:
    """Says which of the crafter's characters makes it."""
    desk = Desk(context)
    answer = await desk.transition(
        context.custom_id.argument(0),
        request_pb2.REQUEST_ACTION_NAME_CHARACTER,
        character_id=context.selected[0] if context.selected else "",
    )
    await answer_transition(desk, answer, "name_character")


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


def _action(context: Context) -> int:
    action = context.custom_id.argument(0)
    return int(action) if action.isascii() and action.isdecimal() and len(action) < 4 else 0


def register(registry: Registry) -> None:
    """Adds what a card leads to."""
    for action, handler in (
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
        (cards.CHARACTER, character_named),
        (cards.HISTORY, request_history),
    ):
        registry.component(action, handler, FEATURE)
    registry.modal(PARTLY_ENTERED, partly_entered, FEATURE)
    registry.modal(EXTENDED, extended, FEATURE)
