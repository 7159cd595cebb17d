"""Making messages from checked forms, for accounts, webhooks and interactions alike, and applying edits."""

from collections.abc import Iterable

from sandbox.discord import render
from sandbox.discord.checks import mentions
from sandbox.discord.core import files
from sandbox.discord.core.message_form import MessageForm
from sandbox.discord.core.posting import announce, post
from sandbox.discord.entities import (
    JSON,
    Channel,
    Edit,
    Interaction,
    Message,
    MessageFlag,
    MessageType,
    Webhook,
)
from sandbox.discord.permissions import P
from sandbox.discord.world import World

_EDIT_HISTORY = 1000


def build(
    world: World, channel: Channel, author_id: int, form: MessageForm, *, kind: MessageType = MessageType.DEFAULT
) -> Message:
    """A new message from a form; neither stored nor told of yet."""
    now = world.now()
    message = Message(
        id=world.new_id(),
        channel_id=channel.id,
        author_id=author_id,
        guild_id=channel.guild_id,
        type=kind,
        sent_at=now,
        content=form.content or "",
        embeds=form.embeds or (),
        components=form.components or (),
        flags=form.flags or 0,
        tts=form.tts,
    )
    message.attachments = files.keep(world, form.attachments or [], ())
    files.resolve_media(world, message)
    if form.poll is not None:
        message.poll = {
            "question": form.poll["question"],
            "answers": form.poll["answers"],
            "expiry": render.iso(now + form.poll["hours"] * 3600),
            "allow_multiselect": form.poll["allow_multiselect"],
            "layout_type": form.poll["layout_type"],
            "results": {"is_finalized": False, "answer_counts": []},
        }
    _mention(world, message, channel, form.allowed)
    return message


def _mention(world: World, message: Message, channel: Channel, allowed: mentions.Allowed) -> None:
    text = message.content or _displayed_text(message.components)
    users = [id_ for id_ in mentions.user_ids(text) if id_ in world.users]
    message.mentions = tuple(id_ for id_ in users if allowed.users is None or id_ in allowed.users)
    if channel.guild_id is None:
        return
    guild = world.guilds[channel.guild_id]
    may_all = bool(world.permissions_in(channel, message.author_id) & P.MENTION_EVERYONE)
    message.mention_roles = tuple(
        id_
        for id_ in mentions.role_ids(text)
        if id_ in guild.roles
        and (allowed.roles is None or id_ in allowed.roles)
        and (may_all or guild.roles[id_].mentionable)
    )
    message.mention_everyone = allowed.everyone and may_all and mentions.names_everyone(text)


def _displayed_text(components: Iterable[JSON]) -> str:
    return "\n".join(
        item.get("content", "") if item["type"] == 10 else _displayed_text(item.get("components", ()))
        for item in components
    )


def apply_edit(world: World, message: Message, form: MessageForm, *, silent_time: bool = False) -> None:
    """Changes a message and tells of it. `silent_time`: the end of a "thinking" state is no edit."""
    channel = world.channels[message.channel_id]
    if message.edits is None:
        message.edits = [Edit(message.sent_at, message.content, message.components)]
    if form.content is not None:
        message.content = form.content
    if form.embeds is not None:
        message.embeds = form.embeds
    if form.components is not None:
        message.components = form.components
    if form.attachments is not None:
        message.attachments = files.keep(world, form.attachments, message.attachments)
    if form.flags is not None:
        sticky = message.flags & ~MessageFlag.SUPPRESS_EMBEDS
        message.flags = sticky | (form.flags & (MessageFlag.SUPPRESS_EMBEDS | MessageFlag.IS_COMPONENTS_V2))
    files.resolve_media(world, message)
    if form.content is not None or form.components is not None:
        _mention(world, message, channel, form.allowed)
    now = world.now()
    if not silent_time:
        message.edited_at = now
    if len(message.edits) < _EDIT_HISTORY:
        message.edits.append(Edit(now, message.content, message.components))
    world.counts.messages_edited += 1
    announce(world, "MESSAGE_UPDATE", message)


def post_as_webhook(world: World, webhook: Webhook, channel: Channel, form: MessageForm) -> Message:
    """Sends a message with a webhook's persona."""
    message = build(world, channel, webhook.creator_id, form)
    message.webhook_id = webhook.id
    message.application_id = webhook.application_id
    message.persona = (form.username or webhook.name, webhook.avatar)
    post(world, message, channel)
    return message


def post_for_interaction(
    world: World, interaction: Interaction, form: MessageForm, kind: MessageType, *, loading: bool = False
) -> Message:
    """Sends a response or follow-up of an interaction; its flags say whether it is ephemeral."""
    channel = world.channels[interaction.channel_id]
    application = world.applications[interaction.application_id]
    message = build(world, channel, application.bot_id, form, kind=kind)
    message.webhook_id = application.id
    message.application_id = application.id
    message.interaction_id = interaction.id
    message.interaction_metadata = interaction.metadata
    if kind in (MessageType.CHAT_INPUT_COMMAND, MessageType.CONTEXT_MENU_COMMAND):
        # Deprecated beside the metadata, yet the one place that names the command: clients write "used /ask" by it.
        message.interaction = {
            "id": str(interaction.id),
            "type": int(interaction.type),
            "name": interaction.command_name,
            "user": render.user(world.users[interaction.user_id]),
        }
    if loading:
        message.flags |= MessageFlag.LOADING
    if message.flags & MessageFlag.EPHEMERAL:
        message.reader_id = interaction.user_id
    if interaction.message_id is not None and kind is MessageType.REPLY:
        message.reference = {"type": 0, "channel_id": str(channel.id), "message_id": str(interaction.message_id)}
        if channel.guild_id is not None:
            message.reference["guild_id"] = str(channel.guild_id)
    post(world, message, channel)
    return message
