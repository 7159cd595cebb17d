"""Routes of interaction callbacks and of everything below /webhooks/{id}/{token}, follow-ups and personas alike."""

from collections.abc import Callable

from sandbox.discord import render
from sandbox.discord.checks.fields import Fields
from sandbox.discord.core import interactions, webhooks
from sandbox.discord.core.message_form import MessageForm, read_message
from sandbox.discord.entities import JSON, Interaction, Message
from sandbox.discord.errors import FormErrors
from sandbox.discord.rest.router import ROUTER, Call, Reply

_HOOK = "/webhooks/{webhook_id}/{webhook_token}"


def _reader(call: Call, fields: Fields, *, ephemeral: bool) -> Callable[[Message | None, bool], MessageForm]:
    def read(editing: Message | None, may_be_empty: bool) -> MessageForm:
        return read_message(
            fields,
            call.uploads,
            new_media_id=call.world.new_id,
            editing=editing,
            ephemeral_allowed=ephemeral,
            may_be_empty=may_be_empty,
        )

    return read


@ROUTER.add("POST", "/interactions/{interaction_id}/{interaction_token}/callback", token_free=True)
def callback(call: Call) -> Reply | JSON:
    """The first answer to an interaction."""
    interaction = interactions.by_id(call.world, call.id("interaction_id"), call.params["interaction_token"])
    fields = call.fields()
    kind = fields.integer("type", required=True, default=0)
    fields.done()
    data = Fields(fields.body.get("data") or {}, FormErrors(), ("data",))
    message = interactions.respond(call.world, interaction, kind, data, _reader(call, data, ephemeral=True))
    if not call.flag("with_response"):
        return Reply(204)
    return interactions.callback_answer(call.world, interaction, message)


def _interaction(call: Call) -> Interaction | None:
    """The interaction that the path's token belongs to; None where the id is a webhook's."""
    if call.id("webhook_id") in call.world.applications:
        return interactions.by_token(call.world, call.id("webhook_id"), call.params["webhook_token"])
    return None


def _shown(call: Call, message: Message, interaction: Interaction | None) -> JSON:
    answer = render.message(call.world, message)
    if interaction is not None and message.id == interaction.original_id and interaction.command_type:
        answer["interaction_metadata"] = {**interaction.metadata}
    return answer


@ROUTER.add("POST", _HOOK, token_free=True)
def execute(call: Call) -> Reply | JSON:
    """A follow-up, or a webhook's message."""
    interaction = _interaction(call)
    if interaction is not None:
        return _shown(
            call,
            interactions.follow_up(call.world, interaction, _reader(call, call.fields(), ephemeral=True)),
            interaction,
        )
    webhook = webhooks.by_token(call.world, call.id("webhook_id"), call.params["webhook_token"])
    arguments = call.arguments()
    thread_id = arguments.snowflake("thread_id")
    arguments.done()
    form = _reader(call, call.fields(), ephemeral=False)(None, False)
    message = webhooks.execute(call.world, webhook, form, thread_id)
    return render.message(call.world, message) if call.flag("wait") else Reply(204)


@ROUTER.add("POST", _HOOK + "/slack", token_free=True)
def execute_slack(call: Call) -> Reply:
    """A message in Slack's format: its text is taken."""
    webhook = webhooks.by_token(call.world, call.id("webhook_id"), call.params["webhook_token"])
    fields = call.fields()
    body = {"content": fields.text("text", default=""), "username": fields.text("username")}
    form = _reader(call, Fields(body, FormErrors()), ephemeral=False)(None, False)
    webhooks.execute(call.world, webhook, form, None)
    return Reply(200, "ok", "text/plain")


def _get(call: Call, message_id: int | None) -> JSON:
    interaction = _interaction(call)
    if interaction is not None:
        return _shown(call, interactions.target(call.world, interaction, message_id), interaction)
    webhook = webhooks.by_token(call.world, call.id("webhook_id"), call.params["webhook_token"])
    return render.message(call.world, webhooks.message_of(call.world, webhook, message_id or 0))


def _edit(call: Call, message_id: int | None) -> JSON:
    interaction = _interaction(call)
    reader = _reader(call, call.fields(), ephemeral=False)
    if interaction is not None:
        return _shown(call, interactions.edit(call.world, interaction, message_id, reader), interaction)
    webhook = webhooks.by_token(call.world, call.id("webhook_id"), call.params["webhook_token"])
    message = webhooks.message_of(call.world, webhook, message_id or 0)
    return render.message(call.world, webhooks.edit(call.world, message, reader(message, False)))


def _delete(call: Call, message_id: int | None) -> None:
    interaction = _interaction(call)
    if interaction is not None:
        interactions.delete(call.world, interaction, message_id)
        return
    webhook = webhooks.by_token(call.world, call.id("webhook_id"), call.params["webhook_token"])
    webhooks.delete_message(call.world, webhooks.message_of(call.world, webhook, message_id or 0))


@ROUTER.add("GET", _HOOK + "/messages/@original", token_free=True)
def get_original(call: Call) -> JSON:
    """The first response."""
    return _get(call, None)


@ROUTER.add("PATCH", _HOOK + "/messages/@original", token_free=True)
def edit_original(call: Call) -> JSON:
    """Edits the first response; ends its "thinking" state."""
    return _edit(call, None)


@ROUTER.add("DELETE", _HOOK + "/messages/@original", token_free=True)
def delete_original(call: Call) -> None:
    """Deletes the first response."""
    _delete(call, None)


@ROUTER.add("GET", _HOOK + "/messages/{message_id}", token_free=True)
def get_one(call: Call) -> JSON:
    """A follow-up or a webhook's message."""
    return _get(call, call.id("message_id"))


@ROUTER.add("PATCH", _HOOK + "/messages/{message_id}", token_free=True)
def edit_one(call: Call) -> JSON:
    """Edits one."""
    return _edit(call, call.id("message_id"))


@ROUTER.add("DELETE", _HOOK + "/messages/{message_id}", token_free=True)
def delete_one(call: Call) -> None:
    """Deletes one."""
    _delete(call, call.id("message_id"))


# -- webhooks themselves


@ROUTER.add("GET", _HOOK, token_free=True)
def get_by_token(call: Call) -> JSON:
    """A webhook, for one who knows its token; without its maker."""
    webhook = webhooks.by_token(call.world, call.id("webhook_id"), call.params["webhook_token"])
    answer = render.webhook(call.world, webhook, secret=True)
    del answer["user"]
    return answer


@ROUTER.add("PATCH", _HOOK, token_free=True)
def edit_by_token(call: Call) -> JSON:
    """Changes name or avatar."""
    webhook = webhooks.by_token(call.world, call.id("webhook_id"), call.params["webhook_token"])
    webhooks.update(call.world, None, webhook, webhooks.read(call.fields(), creating=False))
    answer = render.webhook(call.world, webhook, secret=True)
    del answer["user"]
    return answer


@ROUTER.add("DELETE", _HOOK, token_free=True)
def delete_by_token(call: Call) -> None:
    """Deletes it."""
    webhooks.delete(
        call.world, None, webhooks.by_token(call.world, call.id("webhook_id"), call.params["webhook_token"])
    )


@ROUTER.add("GET", "/webhooks/{webhook_id}")
def get_webhook(call: Call) -> JSON:
    """One."""
    return render.webhook(call.world, webhooks.managed(call.world, call.actor, call.id("webhook_id")), secret=True)


@ROUTER.add("PATCH", "/webhooks/{webhook_id}")
def edit_webhook(call: Call) -> JSON:
    """Changes it; with the bot's token it can move to another channel."""
    webhook = webhooks.managed(call.world, call.actor, call.id("webhook_id"))
    webhooks.update(call.world, call.actor, webhook, webhooks.read(call.fields(), creating=False))
    return render.webhook(call.world, webhook, secret=True)


@ROUTER.add("DELETE", "/webhooks/{webhook_id}")
def delete_webhook(call: Call) -> None:
    """Deletes it."""
    webhooks.delete(call.world, call.actor, webhooks.managed(call.world, call.actor, call.id("webhook_id")))


@ROUTER.add("GET", "/channels/{channel_id}/webhooks")
def channel_webhooks(call: Call) -> list[JSON]:
    """A channel's."""
    found = webhooks.of_channel(call.world, call.actor, call.id("channel_id"))
    return [render.webhook(call.world, w, secret=True) for w in found]


@ROUTER.add("POST", "/channels/{channel_id}/webhooks")
def create_webhook(call: Call) -> JSON:
    """A new one."""
    settings = webhooks.read(call.fields(), creating=True)
    return render.webhook(
        call.world, webhooks.create(call.world, call.actor, call.id("channel_id"), settings), secret=True
    )


@ROUTER.add("GET", "/guilds/{guild_id}/webhooks")
def guild_webhooks(call: Call) -> list[JSON]:
    """A guild's."""
    found = webhooks.of_guild(call.world, call.actor, call.id("guild_id"))
    return [render.webhook(call.world, w, secret=True) for w in found]
