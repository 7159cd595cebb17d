"""What threads go through by themselves: messages wake them, people join and leave them."""

from sandbox.discord import render
from sandbox.discord.entities import Channel, Guild, Message, MessageType, ThreadMember, ThreadState
from sandbox.discord.errors import DiscordError
from sandbox.discord.limits import SIZES
from sandbox.discord.world import World


def guild_of(world: World, channel: Channel) -> Guild:
    """The guild that a channel is in; 50003 for a direct one."""
    if channel.guild_id is None:
        raise DiscordError(50003)
    return world.guilds[channel.guild_id]


def state_of(channel: Channel) -> ThreadState:
    """What a thread has; 50024 for other channels."""
    if channel.thread is None:
        raise DiscordError(50024)
    return channel.thread


def counts(thread: Channel, message: Message) -> bool:
    """Whether a message is among those that a thread counts: the one it began with is not."""
    return message.type is not MessageType.THREAD_STARTER_MESSAGE and message.id != thread.id


def on_message(world: World, thread: Channel, message: Message) -> None:
    """A message counts, wakes its thread up, and makes its author a member of it."""
    state = state_of(thread)
    if counts(thread, message):
        state.message_count += 1
        state.total_message_sent += 1
    if state.archived:
        state.archived = False
        state.archive_changed_at = world.now()
        announce_update(world, thread)
    if message.webhook_id is None or (message.interaction_id is not None and not message.ephemeral):
        join(world, thread, message.author_id)


def join(world: World, thread: Channel, user_id: int) -> None:
    """Makes somebody a member of a thread."""
    state = state_of(thread)
    if user_id in state.members:
        return
    if len(state.members) >= SIZES.thread_participants:
        raise DiscordError(30033)
    state.members[user_id] = ThreadMember(user_id, world.now())
    guild = guild_of(world, thread)
    added = render.thread_member(state.members[user_id], thread.id)
    world.emit(
        "THREAD_MEMBERS_UPDATE",
        {
            "id": str(thread.id),
            "guild_id": str(guild.id),
            "member_count": min(len(state.members), 50),
            "added_members": [{**added, "member": render.member(world, guild.members[user_id]), "presence": None}]
            if user_id in guild.members
            else [],
            "removed_member_ids": [],
        },
        guild_id=guild.id,
        channel_id=thread.id,
        subject_id=user_id,
    )


def leave(world: World, thread: Channel, user_id: int) -> None:
    """Takes somebody out of a thread."""
    state = state_of(thread)
    if state.members.pop(user_id, None) is None:
        return
    guild = guild_of(world, thread)
    world.emit(
        "THREAD_MEMBERS_UPDATE",
        {
            "id": str(thread.id),
            "guild_id": str(guild.id),
            "member_count": min(len(state.members), 50),
            "added_members": [],
            "removed_member_ids": [str(user_id)],
        },
        guild_id=guild.id,
        channel_id=thread.id,
        subject_id=user_id,
    )


def announce_update(world: World, thread: Channel) -> None:
    """Tells of a thread as it is now."""
    world.emit("THREAD_UPDATE", render.thread(thread), guild_id=thread.guild_id, channel_id=thread.id)
