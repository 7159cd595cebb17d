"""`/snapshots`: a server as it was, what has changed since, and the plan that brings it back.

Whoever takes one or compares it has to wait for Discord, so these presses are acknowledged first.
"""

from guildhall.executor.v1 import plan_pb2

from services.gateway.command import MANAGE_GUILD, Command
from services.gateway.context import Context
from services.gateway.handover import called
from services.gateway.planning import FEATURE, GRANTED, origin, plans, refuse
from services.gateway.registry import Registry
from views.plans import snapshots as cards


async def snapshots(context: Context) -> None:
    """Lists what is kept."""
    await context.respond(cards.kept(await _kept(context), context.text))


async def listed(context: Context) -> None:
    """Goes back to the list."""
    await context.update(cards.kept(await _kept(context), context.text))


async def take(context: Context) -> None:
    """Keeps the server as it is now."""
    await context.hold()
    request = plan_pb2.CreateSnapshotRequest(guild_id=context.interaction.guild_id)
    made = await called(plans(context).CreateSnapshot(request, timeout=_patience(context)))
    await context.update(cards.kept(await _kept(context), context.text, new=made.snapshot_id))


async def chosen(context: Context) -> None:
    """Shows what has changed since then."""
    await context.hold()
    snapshot_id = (context.selected or ("",))[0]
    request = plan_pb2.DiffSnapshotRequest(guild_id=context.interaction.guild_id, snapshot_id=snapshot_id)
    found = await called(plans(context).DiffSnapshot(request, timeout=_patience(context)))
    await context.update(cards.changes(snapshot_id, found.differences, context.text))


async def restore(context: Context) -> None:
    """Has the plan made that brings the server back; its preview appears in place of the answer."""
    interaction = context.interaction
    context.expect(private=False)
    await context.hold()
    request = plan_pb2.RestoreSnapshotRequest(
        event_id=interaction.interaction_id,
        guild_id=interaction.guild_id,
        snapshot_id=context.custom_id.argument(0),
        interaction=origin(context),
        channel_id=interaction.channel_id,
        remove_new=context.custom_id.argument(1) == cards.REMOVE_NEW,
    )
    answer = await called(plans(context).RestoreSnapshot(request, timeout=_patience(context)))
    if answer.refusal != GRANTED:
        await refuse(context, answer.refusal)


async def _kept(context: Context) -> list[str]:
    request = plan_pb2.ListSnapshotsRequest(guild_id=context.interaction.guild_id)
    return list((await called(plans(context).ListSnapshots(request, timeout=context.timeout))).snapshot_ids)


def _patience(context: Context) -> float:
    return context.settings.current.deadlines.away


def register(registry: Registry) -> None:
    """Adds the command and what is pressed on its cards."""
    registry.command(Command("snapshots", snapshots, feature=FEATURE, permissions=MANAGE_GUILD, guild_only=True))
    registry.component("snapshot.list", listed, FEATURE)
    registry.component("snapshot.take", take, FEATURE)
    registry.component("snapshot.chosen", chosen, FEATURE)
    registry.component("snapshot.restore", restore, FEATURE)
