"""What people do that makes a bot act: use a command, press, choose, submit, ask for choices.

The part of Discord that its own client plays: it builds the interaction and refuses what a person could not send.
https://discord.com/developers/docs/interactions/receiving-and-responding#interaction-object
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.discord import render
from sandbox.discord.checks import components as c
from sandbox.discord.checks.components import find_component
from sandbox.discord.core.message_form import Upload
from sandbox.discord.core.options import Resolver
from sandbox.discord.entities import (
    JSON,
    Channel,
    Command,
    Interaction,
    InteractionType,
    Message,
    MessageFlag,
)
from sandbox.discord.errors import DiscordError, field_error
from sandbox.discord.limits import SIZES
from sandbox.discord.world import World


def use_command(
    world: World,
    user_id: int,
    channel: Channel,
    command: Command,
    *,
    path: Sequence[str],
    options: Mapping[str, Any],
    target_id: int | None = None,
    uploads: Mapping[str, Upload] | None = None,
) -> Interaction:
    """Uses a command. `path` names subcommand group and subcommand; `options` are by name."""
    resolver = Resolver(world, channel)
    definition = command.definition
    data: JSON = {"id": str(command.id), "name": definition["name"], "type": definition["type"]}
    if command.guild_id is not None:
        data["guild_id"] = str(command.guild_id)
    if definition["type"] == 1:
        sent = resolver.options(definition.get("options", []), path, options, uploads or {})
        if sent:
            data["options"] = sent
    else:
        if target_id is None:
            raise field_error("target_id", "BASE_TYPE_REQUIRED", "This field is required")
        data["target_id"] = str(target_id)
        if definition["type"] == 2:
            resolver.user(target_id)
        else:
            resolver.message(target_id)
    if resolver.resolved:
        data["resolved"] = resolver.resolved
    return _dispatch(
        world,
        InteractionType.COMMAND,
        command.application_id,
        user_id=user_id,
        channel=channel,
        data=data,
        command_type=definition["type"],
    )


def autocomplete(
    world: World,
    user_id: int,
    channel: Channel,
    command: Command,
    *,
    path: Sequence[str],
    options: Mapping[str, Any],
    focused: str,
) -> Interaction:
    """Asks for the choices of one option while the others stand as they are."""
    resolver = Resolver(world, channel)
    data: JSON = {
        "id": str(command.id),
        "name": command.definition["name"],
        "type": command.definition["type"],
        "options": resolver.options(command.definition.get("options", []), path, options, {}, focused=focused),
    }
    if command.guild_id is not None:
        data["guild_id"] = str(command.guild_id)
    if resolver.resolved:
        data["resolved"] = resolver.resolved
    return _dispatch(
        world, InteractionType.AUTOCOMPLETE, command.application_id, user_id=user_id, channel=channel, data=data
    )


def use_component(
    world: World, user_id: int, channel: Channel, message: Message, *, custom_id: str, values: Sequence[str] | None
) -> Interaction:
    """Presses a button, or chooses in a select."""
    component = find_component(message.components, custom_id)
    if component is None or (message.application_id is None and not world.users[message.author_id].bot):
        raise field_error("custom_id", "COMPONENT_VALIDATION_FAILED", "Component validation failed")
    if component.get("disabled"):
        raise field_error("custom_id", "COMPONENT_VALIDATION_FAILED", "The component is disabled")
    data: JSON = {"custom_id": custom_id, "component_type": component["type"], "id": component["id"]}
    if component["type"] in c.SELECTS:
        resolver = Resolver(world, channel)
        data["values"] = resolver.selected(component, list(values or ()))
        if resolver.resolved:
            data["resolved"] = resolver.resolved
    elif values:
        raise field_error("values", "COMPONENT_VALIDATION_FAILED", "A button has no values")
    application = world.application_of(message.author_id)
    if application is None:
        raise field_error("custom_id", "COMPONENT_VALIDATION_FAILED", "No application answers this component")
    return _dispatch(
        world, InteractionType.COMPONENT, application.id, user_id=user_id, channel=channel, data=data, message=message
    )


def submit_modal(
    world: World,
    user_id: int,
    opener: Interaction,
    values: Mapping[str, Any],
    uploads: Mapping[str, Sequence[Upload]] | None = None,
) -> Interaction:
    """Submits the modal that `opener` was answered with."""
    if opener.modal is None or opener.user_id != user_id:
        raise DiscordError(10062)
    modal = opener.modal
    channel = world.channel(opener.channel_id)
    resolver = Resolver(world, channel)
    sent = []
    for item in modal["components"]:
        if item["type"] == c.ACTION_ROW:
            inner = [resolver.modal_value(field, values, uploads or {}) for field in item["components"]]
            sent.append({"type": c.ACTION_ROW, "id": item["id"], "components": inner})
        elif item["type"] == c.LABEL:
            value = resolver.modal_value(item["component"], values, uploads or {})
            sent.append({"type": c.LABEL, "id": item["id"], "component": value})
        else:
            sent.append({"type": item["type"], "id": item["id"]})
    data: JSON = {"custom_id": modal["custom_id"], "components": sent}
    if resolver.resolved:
        data["resolved"] = resolver.resolved
    message = None
    if opener.message_id is not None:
        message = world.log(opener.channel_id).get(opener.message_id)
    opener.modal = None
    return _dispatch(
        world,
        InteractionType.MODAL,
        opener.application_id,
        user_id=user_id,
        channel=channel,
        data=data,
        message=message,
        parent=opener,
        command_type=opener.command_type,
    )


def _dispatch(
    world: World,
    kind: InteractionType,
    application_id: int,
    *,
    user_id: int,
    channel: Channel,
    data: JSON,
    message: Message | None = None,
    parent: Interaction | None = None,
    command_type: int = 0,
) -> Interaction:
    interaction = Interaction(
        id=world.new_id(),
        type=kind,
        application_id=application_id,
        token=world.new_token(),
        user_id=user_id,
        channel_id=channel.id,
        guild_id=channel.guild_id,
        created_at=world.now(),
        dispatched=world.clock.monotonic(),
        data=data,
        command_type=command_type,
        message_id=None if message is None else message.id,
        parent_id=None if parent is None else parent.id,
    )
    owners = _owners(world, application_id, channel, user_id)
    interaction.metadata = {
        "id": str(interaction.id),
        "type": int(kind),
        "user": render.user(world.users[user_id]),
        "authorizing_integration_owners": owners,
    }
    if kind is InteractionType.COMPONENT and message is not None:
        interaction.metadata["interacted_message_id"] = str(message.id)
    if kind is InteractionType.MODAL and parent is not None:
        interaction.metadata["triggering_interaction_metadata"] = parent.metadata
    if "target_id" in data:
        key = "target_user" if command_type == 2 else "target_message_id"
        target = int(data["target_id"])
        interaction.metadata[key] = render.user(world.users[target]) if command_type == 2 else str(target)
    world.interactions[interaction.id] = interaction
    world.interaction_tokens[interaction.token] = interaction.id
    bot_id = world.applications[application_id].bot_id
    world.emit(
        "INTERACTION_CREATE",
        payload(world, interaction, channel, message, bot_id),
        guild_id=channel.guild_id,
        audience=(bot_id,),
    )
    return interaction


def _owners(world: World, application_id: int, channel: Channel, user_id: int) -> dict[str, str]:
    """Through whom the application is there: the guild that has its bot, the person who installed it, or both."""
    bot_id = world.applications[application_id].bot_id
    there = bot_id in (channel.recipients if channel.guild_id is None else world.guilds[channel.guild_id].members)
    owners = {"0": str(channel.guild_id or 0)} if there else {}
    if application_id in world.users[user_id].apps:
        owners["1"] = str(user_id)
    return owners


def _context(channel: Channel, bot_id: int) -> int:
    """Discord's interaction context: a guild, the bot's own direct messages, other private channels."""
    if channel.guild_id is not None:
        return 0
    return 1 if bot_id in channel.recipients else 2


def payload(world: World, interaction: Interaction, channel: Channel, message: Message | None, bot_id: int) -> JSON:
    """An interaction as INTERACTION_CREATE carries it."""
    person = world.users[interaction.user_id]
    held = world.permissions_in(channel, interaction.user_id)
    answer: JSON = {
        "id": str(interaction.id),
        "application_id": str(interaction.application_id),
        "type": int(interaction.type),
        "data": interaction.data,
        "channel": {**render.channel(world, channel, reader_id=bot_id), "permissions": str(held)},
        "channel_id": str(channel.id),
        "token": interaction.token,
        "version": 1,
        "app_permissions": str(world.permissions_in(channel, bot_id)),
        "locale": person.locale,
        "entitlements": [],
        "authorizing_integration_owners": interaction.metadata["authorizing_integration_owners"],
        "context": _context(channel, bot_id),
        "attachment_size_limit": SIZES.attachment_bytes,
    }
    if channel.guild_id is None:
        answer["user"] = render.user(person)
    else:
        guild = world.guilds[channel.guild_id]
        answer["guild_id"] = str(guild.id)
        answer["guild"] = {"id": str(guild.id), "features": list(guild.features), "locale": guild.preferred_locale}
        answer["guild_locale"] = guild.preferred_locale
        answer["member"] = {**render.member(world, guild.members[person.id]), "permissions": str(held)}
    if message is not None:
        shown = render.message(world, message)
        if message.ephemeral:
            shown["flags"] |= MessageFlag.EPHEMERAL
        answer["message"] = shown
    return answer
