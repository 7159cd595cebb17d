"""Being told of new requests: `/board follow`, and the same from a request's card."""

from guildhall.board.v1 import member_pb2

from chassis.errors import InvalidArgument
from services.gateway.board.answers import put
from services.gateway.board.completions import complete_profession
from services.gateway.board.desk import FEATURE, Desk
from services.gateway.cleaning import cleaned
from services.gateway.command import Command, Option, OptionKind
from services.gateway.context import Context
from services.gateway.registry import Registry
from views.board import cards, follow
from views.markdown import escaped

PROFESSION, ITEM = member_pb2.SUBSCRIPTION_KIND_PROFESSION, member_pb2.SUBSCRIPTION_KIND_ITEM


async def asked(context: Context) -> None:
    """Follows a profession or an item's name, or stops."""
    desk = Desk(context)
    profession, item = context.options.get("profession"), context.options.get("item")
    if not profession and not item:
        await context.respond(context.text("board.follow.which"))
        return
    for value, kind in ((profession, PROFESSION), (item, ITEM)):
        if value:
            followed = await _set(desk, kind, cleaned(str(value)), not context.options.get("stop"))
    names = await desk.professions()
    what = ", ".join(escaped(names.get(entry.value, entry.value)) for entry in followed)
    await context.respond(context.text("board.follow.now", what=what) if what else context.text("board.follow.nothing"))


async def from_card(context: Context) -> None:
    """Offers to follow what a request is about."""
    await _show(Desk(context), context.custom_id.argument(0))


async def toggled(context: Context) -> None:
    """Follows what was pressed, or stops."""
    desk = Desk(context)
    request_id, kind = context.custom_id.argument(0), context.custom_id.argument(1)
    request = (await desk.get(request_id)).request
    value = request.profession if kind == follow.PROFESSION else request.item
    try:
        await _set(
            desk,
            PROFESSION if kind == follow.PROFESSION else ITEM,
            value,
            context.custom_id.argument(2) == follow.START,
        )
    except InvalidArgument as error:
        if error.reason != "SUBSCRIPTION_INVALID":
            raise
        await context.respond(context.text("board.follow.too_short"))
        return
    await _show(desk, request_id)


async def _show(desk: Desk, request_id: str) -> None:
    found = await desk.get(request_id)
    answer, professions = await desk.with_professions(
        desk.members.ListSubscriptions(
            member_pb2.ListSubscriptionsRequest(guild_id=desk.guild_id), timeout=desk.timeout
        )
    )
    body = follow.choice(found.request, answer.subscriptions, desk.context.text, professions, guild_id=desk.carried)
    await put(desk.context, body)


async def _set(desk: Desk, kind: int, value: str, on: bool) -> list[member_pb2.Subscription]:
    answer = await desk.ask(
        desk.members.SetSubscription(
            member_pb2.SetSubscriptionRequest(
                guild_id=desk.guild_id,
                subscription=member_pb2.Subscription(kind=kind, value=value),  # type: ignore[arg-type]
                follow=on,
            ),
            timeout=desk.timeout,
        )
    )
    return list(answer.subscriptions)


COMMAND = Command(
    "follow",
    asked,
    options=(
        Option("profession", maximum=50, autocomplete=complete_profession),
        Option("item", minimum=2, maximum=100),
        Option("stop", OptionKind.BOOLEAN),
    ),
)


def register(registry: Registry) -> None:
    """Adds the buttons."""
    registry.component(cards.FOLLOW, from_card, FEATURE)
    registry.component(follow.TOGGLE, toggled, FEATURE)
