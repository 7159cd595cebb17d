"""The interaction protocol: one answer within three seconds, then fifteen minutes of follow-ups.

Source: https://discord.com/developers/docs/interactions/receiving-and-responding
"""

from collections.abc import Callable
from secrets import compare_digest

from sandbox.discord import render
from sandbox.discord.checks.commands import read_choices
from sandbox.discord.checks.fields import Fields
from sandbox.discord.checks.modals import read_modal
from sandbox.discord.core import composing, messages
from sandbox.discord.core.message_form import MessageForm
from sandbox.discord.entities import JSON, Interaction, InteractionType, Message, MessageFlag, MessageType
from sandbox.discord.errors import DiscordError, field_error
from sandbox.discord.limits import INTERACTIONS
from sandbox.discord.world import World

PONG, MESSAGE, DEFER, DEFER_UPDATE, UPDATE, CHOICES, MODAL = 1, 4, 5, 6, 7, 8, 9
ReadForm = Callable[[Message | None, bool], MessageForm]


def by_id(world: World, interaction_id: int, token: str) -> Interaction:
    """The interaction, for its first answer; 10062 where unknown or too late."""
    found = world.interactions.get(interaction_id)
    if found is None or not compare_digest(found.token.encode(), token.encode()):
        raise DiscordError(10062)
    if found.state == "failed" or (
        found.state == "pending" and world.now() - found.created_at > INTERACTIONS.acknowledge_seconds
    ):
        raise DiscordError(10062)
    return found


def by_token(world: World, application_id: int, token: str) -> Interaction:
    """The interaction that a webhook call is about; 50027 after 15 minutes, 10015 where unknown or not answered yet."""
    found = world.interactions.get(world.interaction_tokens.get(token, 0))
    if found is None or found.application_id != application_id:
        raise DiscordError(10015)
    if world.now() - found.created_at > INTERACTIONS.token_seconds:
        raise DiscordError(50027)
    if found.state != "acknowledged":
        raise DiscordError(10015)
    return found


def respond(world: World, interaction: Interaction, kind: int, data: Fields, read: ReadForm) -> Message | None:
    """The first answer; 40060 for a second one. `read` reads the message of the body."""
    if interaction.state == "acknowledged":
        raise DiscordError(40060)
    _check_kind(interaction, kind)
    message: Message | None = None
    if kind == MESSAGE:
        message = _create(world, interaction, read(None, False), loading=False)
    elif kind == DEFER:
        flags = data.integer("flags", low=0, default=0) & MessageFlag.EPHEMERAL
        message = _create(world, interaction, MessageForm(flags=flags), loading=True)
    elif kind == DEFER_UPDATE:
        interaction.original_id = interaction.message_id
    elif kind == UPDATE:
        message = _component_message(world, interaction)
        composing.apply_edit(world, message, read(message, False))
        interaction.original_id = message.id
    elif kind == CHOICES:
        interaction.choices = read_choices(data)
        data.done()
    elif kind == MODAL:
        modal = read_modal(data)
        data.done()
        interaction.modal = modal
    interaction.state = "acknowledged"
    interaction.callback_type = kind
    interaction.ack_seconds = world.clock.monotonic() - interaction.dispatched
    _tell_person(world, interaction)
    return message


def _tell_person(world: World, interaction: Interaction) -> None:
    audience = (interaction.user_id,)
    if interaction.callback_type == MODAL:
        world.emit(
            "INTERACTION_MODAL_CREATE", {"id": str(interaction.id), "modal": interaction.modal}, audience=audience
        )
    world.emit("INTERACTION_SUCCESS", {"id": str(interaction.id)}, audience=audience)


def _check_kind(interaction: Interaction, kind: int) -> None:
    allowed = {
        InteractionType.COMMAND: (MESSAGE, DEFER, MODAL),
        InteractionType.COMPONENT: (MESSAGE, DEFER, DEFER_UPDATE, UPDATE, MODAL),
        InteractionType.AUTOCOMPLETE: (CHOICES,),
        InteractionType.MODAL: (MESSAGE, DEFER)
        if interaction.message_id is None
        else (MESSAGE, DEFER, DEFER_UPDATE, UPDATE),
    }[interaction.type]
    if kind not in allowed:
        listed = ", ".join(map(str, allowed))
        raise field_error("type", "BASE_TYPE_CHOICES", f"Value must be one of {{{listed}}}.")


def _component_message(world: World, interaction: Interaction) -> Message:
    return world.message(interaction.channel_id, interaction.message_id or 0)


def _kind_of_response(interaction: Interaction) -> MessageType:
    if interaction.message_id is not None:
        return MessageType.REPLY
    return MessageType.CHAT_INPUT_COMMAND if interaction.command_type in (0, 1) else MessageType.CONTEXT_MENU_COMMAND


def _create(world: World, interaction: Interaction, form: MessageForm, *, loading: bool) -> Message:
    message = composing.post_for_interaction(world, interaction, form, _kind_of_response(interaction), loading=loading)
    interaction.original_id = message.id
    interaction.loading = loading
    interaction.ephemeral = message.ephemeral
    return message


def follow_up(world: World, interaction: Interaction, read: ReadForm) -> Message:
    """A further message; the first one after a deferral takes the place of its "thinking" state."""
    form = read(None, False)
    if interaction.loading and interaction.original_id is not None:
        original = world.message(interaction.channel_id, interaction.original_id)
        return _settle(world, interaction, original, form)
    message = composing.post_for_interaction(world, interaction, form, MessageType.REPLY)
    if message.reference is None and interaction.original_id is not None:
        message.reference = {
            "type": 0,
            "channel_id": str(interaction.channel_id),
            "message_id": str(interaction.original_id),
        }
        if interaction.guild_id is not None:
            message.reference["guild_id"] = str(interaction.guild_id)
    return message


def _settle(world: World, interaction: Interaction, message: Message, form: MessageForm) -> Message:
    message.flags &= ~MessageFlag.LOADING
    interaction.loading = False
    composing.apply_edit(world, message, form, silent_time=True)
    return message


def target(world: World, interaction: Interaction, message_id: int | None) -> Message:
    """A message of that interaction; None means the original response. 10008."""
    wanted = interaction.original_id if message_id is None else message_id
    message = world.message(interaction.channel_id, wanted or 0)
    if message.interaction_id != interaction.id and message.id != interaction.original_id:
        raise DiscordError(10008)
    return message


def edit(world: World, interaction: Interaction, message_id: int | None, read: ReadForm) -> Message:
    """Edits the original response or a follow-up."""
    message = target(world, interaction, message_id)
    form = read(message, False)
    channel = world.channels[message.channel_id]
    if channel.thread is not None and channel.thread.archived:
        raise DiscordError(50083)
    if interaction.loading and message.id == interaction.original_id:
        return _settle(world, interaction, message, form)
    composing.apply_edit(world, message, form)
    return message


def delete(world: World, interaction: Interaction, message_id: int | None) -> None:
    """Deletes the original response or a follow-up."""
    message = target(world, interaction, message_id)
    if message.id == interaction.original_id:
        interaction.loading = False
    messages.remove(world, message)


def expire(world: World, interaction: Interaction) -> None:
    """Three seconds have passed: tells the person that the application did not respond."""
    if interaction.state == "pending":
        interaction.state = "failed"
        world.emit("INTERACTION_FAILURE", {"id": str(interaction.id)}, audience=(interaction.user_id,))


def expire_overdue(world: World) -> None:
    """Fails every interaction whose three seconds are over; for clocks that were moved."""
    for interaction in list(world.interactions.values()):
        if world.now() - interaction.created_at > INTERACTIONS.acknowledge_seconds:
            expire(world, interaction)


def callback_answer(world: World, interaction: Interaction, message: Message | None) -> JSON:
    """What a callback with `with_response=true` is answered with."""
    described: JSON = {
        "id": str(interaction.id),
        "type": int(interaction.type),
        "channel_id": str(interaction.channel_id),
    }
    if interaction.guild_id is not None:
        described["guild_id"] = str(interaction.guild_id)
    answer: JSON = {"interaction": described}
    if message is not None:
        described["response_message_id"] = str(message.id)
        described["response_message_loading"] = interaction.loading
        described["response_message_ephemeral"] = message.ephemeral
        kind = UPDATE if interaction.callback_type == UPDATE else MESSAGE
        answer["resource"] = {"type": kind, "message": render.message(world, message)}
    return answer
