"""`/clean`: has the bot's own old messages removed, in a channel or in one's direct messages."""

from guildhall.executor.v1 import board_pb2, board_pb2_grpc

from services.gateway.board.desk import FEATURE
from services.gateway.command import Command, Option, OptionKind
from services.gateway.context import Context
from services.gateway.handover import called
from services.gateway.registry import Registry


async def clean(context: Context) -> None:
    """Has the bot's own old messages in this channel removed."""
    interaction = context.interaction
    await called(
        context.services.stub(board_pb2_grpc.BoardMessageServiceStub, "executor").CleanUp(
            board_pb2.CleanUpRequest(
                event_id=interaction.interaction_id,
                guild_id=interaction.guild_id,
                channel_id=interaction.channel_id,
                count=int(context.options.get("count") or 0),
            ),
            timeout=context.settings.current.deadlines.hand_over,
        )
    )
    await context.respond(context.text("board.clean.begun"))


def register(registry: Registry) -> None:
    """Adds the command."""
    registry.command(
        Command(
            "clean",
            clean,
            options=(Option("count", OptionKind.INTEGER, minimum=1, maximum=500),),
            feature=FEATURE,
        )
    )
