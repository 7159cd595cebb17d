"""Who gets an event: by audience, intents, shard, membership, sight of the channel and further permissions."""

from sandbox.discord.entities import JSON
from sandbox.discord.events import ABOUT_ONESELF, PEOPLE_ONLY, Event, Intent
from sandbox.discord.world import World

_ABOUT_CHANNELS = frozenset({"CHANNEL_CREATE", "CHANNEL_UPDATE", "CHANNEL_DELETE"})
_PEOPLE_WITHOUT = frozenset({"INTERACTION_CREATE"})


def shard_of(guild_id: int, count: int) -> int:
    """https://discord.com/developers/docs/events/gateway#sharding"""
    return (guild_id >> 22) % count


def on_shard(event: Event, shard: tuple[int, int]) -> bool:
    """Whether an event belongs to that shard; direct ones belong to the first."""
    number, count = shard
    if count == 1:
        return True
    if event.guild_id is None:
        return number == 0 or event.name == "USER_UPDATE"
    return shard_of(event.guild_id, count) == number


def permits(world: World, event: Event, user_id: int) -> bool:
    """Whether a user may know of an event at all."""
    if event.audience is not None:
        return user_id in event.audience
    if event.guild_id is not None:
        guild = world.guilds.get(event.guild_id)
        if guild is None or user_id not in guild.members:
            return False
        if event.channel_id is None and event.needs:
            return world.guild_permissions(guild, user_id) & event.needs == event.needs
    if event.channel_id is None:
        return event.guild_id is not None
    channel = world.channels.get(event.channel_id)
    if channel is None:
        return True
    if not world.can_view(channel, user_id):
        return event.subject_id == user_id
    return world.permissions_in(channel, user_id) & event.needs == event.needs


def wanted(event: Event, intents: int, bot_id: int) -> bool:
    """Whether a session's intents ask for an event."""
    if event.name in PEOPLE_ONLY:
        return False
    about_itself = event.name in ABOUT_ONESELF and event.subject_id == bot_id
    if event.name == "THREAD_MEMBERS_UPDATE" and not intents & Intent.GUILD_MEMBERS:
        return about_itself
    intent = event.intent()
    return intent == 0 or bool(intents & intent) or about_itself


def person_sees(world: World, event: Event, user_id: int) -> bool:
    """Whether a person's client gets an event; channels that they cannot see do not exist for them."""
    if event.name in _PEOPLE_WITHOUT or not permits(world, event, user_id):
        return False
    if event.name in _ABOUT_CHANNELS and event.audience is None:
        channel = world.channels.get(int(event.data["id"]))
        return channel is None or world.can_view(channel, user_id)
    return True


def content_hidden(event: Event, intents: int, bot_id: int) -> bool:
    """Whether a message's content is withheld: without the intent, in a guild, neither one's own nor a mention."""
    if intents & Intent.MESSAGE_CONTENT or event.guild_id is None:
        return False
    me = str(bot_id)
    return event.data["author"]["id"] != me and all(user["id"] != me for user in event.data["mentions"])


def blanked(data: JSON) -> JSON:
    """A message without its content."""
    answer = {**data, "content": "", "embeds": [], "attachments": [], "components": []}
    answer.pop("poll", None)
    if isinstance(answer.get("referenced_message"), dict):
        answer["referenced_message"] = blanked(answer["referenced_message"])
    return answer
