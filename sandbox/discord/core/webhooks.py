"""Incoming webhooks and the personas they speak with. https://discord.com/developers/docs/resources/webhook"""

from secrets import compare_digest

from sandbox.discord import render
from sandbox.discord.checks.fields import Fields
from sandbox.discord.core import audit, composing, messages, threads
from sandbox.discord.core.access import Actor, require_channel, require_guild
from sandbox.discord.core.message_form import MessageForm
from sandbox.discord.entities import FORUM_TYPES, JSON, Channel, ChannelType, Message, Webhook
from sandbox.discord.errors import DiscordError, field_error
from sandbox.discord.limits import SIZES
from sandbox.discord.permissions import P
from sandbox.discord.world import World

_HOSTS = FORUM_TYPES | {ChannelType.TEXT, ChannelType.NEWS, ChannelType.VOICE, ChannelType.STAGE}
_FORBIDDEN = ("clyde", "discord")


def read(fields: Fields, *, creating: bool) -> JSON:
    """Name, avatar and channel of a body."""
    settings: JSON = {}
    if creating or fields.has("name"):
        name = fields.text("name", low=1, high=SIZES.webhook_name, required=True, default="")
        if any(word in name.lower() for word in _FORBIDDEN):
            fields.fail("name", "USERNAME_INVALID_CONTAINS", f'Username cannot contain "{name}"')
        settings["name"] = name
    if fields.has("avatar"):
        settings["avatar"] = None if fields.text("avatar") is None else "a" * 32
    if fields.has("channel_id"):
        settings["channel_id"] = fields.snowflake("channel_id")
    fields.done()
    return settings


def by_token(world: World, webhook_id: int, token: str) -> Webhook:
    """A webhook; 10015 where unknown, 50027 where the token is wrong."""
    found = world.webhooks.get(webhook_id)
    if found is None:
        raise DiscordError(10015)
    if not compare_digest(found.token.encode(), token.encode()):
        raise DiscordError(50027)
    return found


def managed(world: World, actor: Actor, webhook_id: int) -> Webhook:
    """A webhook, for one who may manage webhooks where it is."""
    found = world.webhooks.get(webhook_id)
    if found is None:
        raise DiscordError(10015)
    require_channel(world, actor, found.channel_id, P.MANAGE_WEBHOOKS)
    return found


def of_channel(world: World, actor: Actor, channel_id: int) -> list[Webhook]:
    """The webhooks of a channel."""
    require_channel(world, actor, channel_id, P.MANAGE_WEBHOOKS)
    return [w for w in world.webhooks.values() if w.channel_id == channel_id]


def of_guild(world: World, actor: Actor, guild_id: int) -> list[Webhook]:
    """The webhooks of a guild."""
    require_guild(world, actor, guild_id, P.MANAGE_WEBHOOKS)
    return [w for w in world.webhooks.values() if w.guild_id == guild_id]


def _tell(world: World, webhook: Webhook) -> None:
    data = {"guild_id": str(webhook.guild_id), "channel_id": str(webhook.channel_id)}
    world.emit("WEBHOOKS_UPDATE", data, guild_id=webhook.guild_id, needs=int(P.MANAGE_WEBHOOKS))


def create(world: World, actor: Actor, channel_id: int, settings: JSON) -> Webhook:
    """A new webhook."""
    channel = require_channel(world, actor, channel_id, P.MANAGE_WEBHOOKS)
    if channel.type not in _HOSTS or channel.guild_id is None:
        raise DiscordError(50024)
    if sum(w.channel_id == channel_id for w in world.webhooks.values()) >= SIZES.channel_webhooks:
        raise DiscordError(30007)
    webhook = Webhook(
        world.new_id(),
        channel.guild_id,
        channel_id,
        settings["name"],
        world.new_token(),
        actor.user_id,
        actor.application_id,
        settings.get("avatar"),
    )
    world.webhooks[webhook.id] = webhook
    _tell(world, webhook)
    changes = audit.difference({}, render.webhook(world, webhook, secret=False), ("name", "channel_id", "type"))
    audit.record(world, world.guilds[channel.guild_id], actor, audit.Action.WEBHOOK_CREATE, webhook.id, changes=changes)
    return webhook


def update(world: World, actor: Actor | None, webhook: Webhook, settings: JSON) -> None:
    """Changes a webhook; None as actor: by its own token."""
    before = render.webhook(world, webhook, secret=False)
    if settings.get("channel_id") is not None and actor is not None:
        channel = require_channel(world, actor, settings["channel_id"], P.MANAGE_WEBHOOKS)
        if channel.guild_id != webhook.guild_id or channel.type not in _HOSTS:
            raise DiscordError(50024)
        webhook.channel_id = channel.id
    webhook.name = settings.get("name", webhook.name)
    if "avatar" in settings:
        webhook.avatar = settings["avatar"]
    _tell(world, webhook)
    by = actor or Actor(webhook.creator_id)
    changes = audit.difference(before, render.webhook(world, webhook, secret=False), ("name", "channel_id"))
    audit.record(world, world.guilds[webhook.guild_id], by, audit.Action.WEBHOOK_UPDATE, webhook.id, changes=changes)


def delete(world: World, actor: Actor | None, webhook: Webhook) -> None:
    """Deletes a webhook."""
    del world.webhooks[webhook.id]
    _tell(world, webhook)
    changes = [{"key": "name", "old_value": webhook.name}]
    by = actor or Actor(webhook.creator_id)
    audit.record(world, world.guilds[webhook.guild_id], by, audit.Action.WEBHOOK_DELETE, webhook.id, changes=changes)


def execute(world: World, webhook: Webhook, form: MessageForm, thread_id: int | None) -> Message:
    """Sends a message as the webhook; in a forum it opens a post or names a thread."""
    parent = world.channel(webhook.channel_id)
    if form.username is not None and any(word in form.username.lower() for word in _FORBIDDEN):
        raise field_error("username", "USERNAME_INVALID_CONTAINS", f'Username cannot contain "{form.username}"')
    if thread_id is not None:
        thread = world.channels.get(thread_id)
        if thread is None or thread.parent_id != parent.id:
            raise DiscordError(10003)
        return composing.post_as_webhook(world, webhook, thread, form)
    if parent.type in FORUM_TYPES:
        if not form.thread_name:
            raise DiscordError(220001, "Webhooks posted to forum channels must have a thread_name or thread_id")
        return _post(world, webhook, parent, form)
    if form.thread_name:
        raise DiscordError(220003, "Webhooks can only create threads in forum channels")
    return composing.post_as_webhook(world, webhook, parent, form)


def _post(world: World, webhook: Webhook, forum: Channel, form: MessageForm) -> Message:
    def first(thread: Channel) -> Message:
        message = composing.build(world, thread, webhook.creator_id, form)
        message.webhook_id = webhook.id
        message.application_id = webhook.application_id
        message.persona = (form.username or webhook.name, webhook.avatar)
        return message

    by = Actor(webhook.creator_id)
    wanted = threads.ThreadForm(form.thread_name or "", tags=form.applied_tags)
    _, message = threads.in_forum(world, by, forum.id, wanted, first)
    return message


def message_of(world: World, webhook: Webhook, message_id: int) -> Message:
    """A message that this webhook sent; 10008."""
    channels = [webhook.channel_id, *(t.id for t in world.threads_of(webhook.channel_id))]
    for channel_id in channels:
        found = world.log(channel_id).get(message_id)
        if found is not None and found.webhook_id == webhook.id:
            return found
    raise DiscordError(10008)


def edit(world: World, message: Message, form: MessageForm) -> Message:
    """Edits one of its messages."""
    composing.apply_edit(world, message, form)
    return message


def delete_message(world: World, message: Message) -> None:
    """Deletes one of its messages."""
    messages.remove(world, message)
