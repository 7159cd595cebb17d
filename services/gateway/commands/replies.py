"""The buttons under an answer.

The answer's asker may use them all, and so may those who manage messages where it stands; who took part may go on from
it elsewhere; copying and reporting is for everybody. Where the answer changes, executor does it as a durable job: the
press is acknowledged once that is taken over.
"""

from typing import Any

from guildhall.executor.v1 import reply_pb2, reply_pb2_grpc
from guildhall.llm.v1 import conversation_pb2, conversation_pb2_grpc

from chassis.errors import PermissionDenied
from services.gateway import asking, menu_drawing
from services.gateway.callbacks import File
from services.gateway.command import Handler
from services.gateway.commands import ask
from services.gateway.context import ADMINISTRATOR, Context
from services.gateway.handover import Question, called
from services.gateway.registry import Registry
from views import modals, reply_controls
from views.custom_id import encode
from views.messages import message

MANAGE_MESSAGES = 1 << 13
REPORT_REASON = "reply.report.reason"
_COPY_CHARS = 1_950
_ASKING = frozenset(
    {
        reply_controls.REGENERATE,
        reply_controls.RETRY,
        reply_controls.CONTINUE,
        reply_controls.AGAIN,
        reply_controls.FORK,
    }
)


async def stop(context: Context) -> None:
    """Ends the answer that is being given."""
    _require_owner(context)
    await called(_replies(context).StopReply(reply_pb2.StopReplyRequest(job_id=_job(context)), timeout=context.timeout))
    await context.defer_update()


async def regenerate(context: Context) -> None:
    """Answers again; the answer that is there becomes an earlier version."""
    _require_owner(context)
    if not await asking.charge(context):
        return
    interaction = context.interaction
    await called(
        _replies(context).RegenerateReply(
            reply_pb2.RegenerateReplyRequest(
                event_id=interaction.interaction_id,
                job_id=_job(context),
                interaction=reply_pb2.InteractionOrigin(
                    application_id=interaction.application_id,
                    interaction_id=interaction.interaction_id,
                    token=interaction.token,
                    ephemeral=True,
                ),
            ),
            timeout=context.settings.current.deadlines.hand_over,
        )
    )
    await context.defer_update()


async def again(context: Context) -> None:
    """Answers what the question was changed to, in the place of the earlier answer."""
    _require_owner(context)
    if not await asking.charge(context):
        return
    request = reply_pb2.RegenerateReplyRequest(
        event_id=context.interaction.interaction_id, job_id=_job(context), edited=True
    )
    await called(_replies(context).RegenerateReply(request, timeout=context.settings.current.deadlines.hand_over))
    await context.update({**message(context.text("reply.answering_again")), "components": []})


async def go_on_privately(context: Context) -> None:
    """Lets a private answer that ran out of time go on in a private thread."""
    _require_owner(context)
    context.expect(private=True)
    interaction = context.interaction
    request = reply_pb2.ContinueReplyPrivatelyRequest(
        event_id=interaction.interaction_id,
        job_id=_job(context),
        interaction=reply_pb2.InteractionOrigin(
            application_id=interaction.application_id,
            interaction_id=interaction.interaction_id,
            token=interaction.token,
            ephemeral=True,
        ),
    )
    stub = _replies(context)
    await called(stub.ContinueReplyPrivately(request, timeout=context.settings.current.deadlines.hand_over))
    await context.defer(private=True)


async def go_on(context: Context) -> None:
    """Lets the model go on where it ended, as a turn of its own."""
    _require_owner(context)
    interaction = context.interaction
    await asking.submit(
        context,
        Question(
            event_id=interaction.interaction_id,
            person=context.person,
            guild_id=interaction.guild_id,
            channel_id=interaction.channel_id,
            in_conversation=True,
            parent_channel_id=interaction.parent_id,
            prompt=context.text("reply.continue_prompt"),
            replies_to_message=int(interaction.message.get("id") or 0),
        ),
        context.defer_update,
    )


async def copy(context: Context) -> None:
    """Gives the answer as text that can be copied on a phone: a plain message, or a file where it is longer."""
    reply = await _reply(context)
    text = reply.versions[reply.shown_version].text if reply.versions else ""
    if len(text) <= _COPY_CHARS:
        await context.respond(message(text or "…"))
    else:
        await context.respond(message(context.text("reply.as_file")), files=[File("answer.md", text.encode())])


async def clear(context: Context) -> None:
    """Forgets the conversation; what stands in Discord stays."""
    _require_owner(context)
    reply = await _reply(context)
    stub = context.services.stub(conversation_pb2_grpc.ConversationServiceStub, "llm")
    request = conversation_pb2.ClearConversationRequest(conversation_id=reply.conversation_id)
    answer = await called(stub.ClearConversation(request, timeout=context.timeout))
    await context.respond(context.text("conversation.cleared", turns=answer.cleared_turns))


async def fork(context: Context) -> None:
    """Goes on from here in a thread of its own, for those who took part."""
    conversations = context.services.stub(conversation_pb2_grpc.ConversationServiceStub, "llm")
    wanted = conversation_pb2.GetConversationRequest(conversation_id=(await _reply(context)).conversation_id)
    # Refused here, it is refused privately; nobody else has to read that somebody may not.
    await called(conversations.GetConversation(wanted, timeout=context.timeout))
    if not await asking.charge(context):
        return
    request = reply_pb2.ForkReplyRequest(event_id=context.interaction.interaction_id, job_id=_job(context))
    await called(_replies(context).ForkReply(request, timeout=context.timeout))
    await context.respond(context.text("reply.forking"))


async def report(context: Context) -> None:
    """Asks what is wrong with the answer."""
    await context.modal(
        modals.modal(
            encode(REPORT_REASON, _job(context)),
            context.text("reply.report.title"),
            [modals.text_input("reason", context.text("reply.report.reason"), maximum=800, long=True)],
        )
    )


async def reported(context: Context) -> None:
    """Shows the answer to those who run the guild."""
    request = reply_pb2.ReportReplyRequest(
        event_id=context.interaction.interaction_id, job_id=_job(context), reason=str(context.fields.get("reason", ""))
    )
    await called(_replies(context).ReportReply(request, timeout=context.timeout))
    await context.respond(context.text("reply.report.done"))


async def page(context: Context) -> None:
    """Shows an earlier or later version."""
    _require_owner(context)
    version = context.custom_id.argument(2)
    request = reply_pb2.ShowReplyVersionRequest(
        event_id=context.interaction.interaction_id,
        job_id=_job(context),
        version=int(version) if version.isdecimal() else 0,
    )
    await called(_replies(context).ShowReplyVersion(request, timeout=context.timeout))
    await context.defer_update()


async def settings(context: Context) -> None:
    """Shows model and prompt of this conversation in selects."""
    _require_owner(context)
    await context.respond(await menu_drawing.conversation_menu(context))


def _job(context: Context) -> str:
    return context.custom_id.argument(0)


def _replies(context: Context) -> Any:
    return context.services.stub(reply_pb2_grpc.ReplyServiceStub, "executor")


async def _reply(context: Context) -> reply_pb2.Reply:
    answer = await called(
        _replies(context).GetReply(reply_pb2.GetReplyRequest(job_id=_job(context)), timeout=context.timeout)
    )
    reply: reply_pb2.Reply = answer.reply
    return reply


def _require_owner(context: Context) -> None:
    asker = context.custom_id.argument(1)
    if asker == str(context.person.user_id) or context.person.permissions & (MANAGE_MESSAGES | ADMINISTRATOR):
        return
    raise PermissionDenied("the answer is another person's", reason="NOT_YOUR_ANSWER")


def register(registry: Registry) -> None:
    """Adds the buttons."""
    handlers: dict[str, Handler] = {
        reply_controls.STOP: stop,
        reply_controls.REGENERATE: regenerate,
        reply_controls.RETRY: regenerate,
        reply_controls.CONTINUE: go_on,
        reply_controls.AGAIN: again,
        reply_controls.PRIVATELY: go_on_privately,
        reply_controls.COPY: copy,
        reply_controls.CLEAR: clear,
        reply_controls.FORK: fork,
        reply_controls.REPORT: report,
        reply_controls.SETTINGS: settings,
        reply_controls.PAGE: page,
    }
    for action, handler in handlers.items():
        registry.component(action, handler, ask.FEATURE if action in _ASKING else "")
    registry.modal(REPORT_REASON, reported)
