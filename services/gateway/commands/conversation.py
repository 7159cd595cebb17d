"""`/conversation`: the conversations that one took part in."""

from typing import Any

from guildhall.executor.v1 import reply_pb2, reply_pb2_grpc
from guildhall.llm.v1 import conversation_pb2, conversation_pb2_grpc

from chassis.errors import NotFound
from services.gateway import asking
from services.gateway.callbacks import File
from services.gateway.cleaning import cleaned
from services.gateway.command import Choice, Command, Option
from services.gateway.context import Context
from services.gateway.handover import called
from services.gateway.registry import Registry
from views.lists import within
from views.markdown import escaped, relative_time, shortened
from views.messages import message

FORMATS = ("markdown", "json")
_FORMATS = {"markdown": conversation_pb2.EXPORT_FORMAT_MARKDOWN, "json": conversation_pb2.EXPORT_FORMAT_JSON}
_PAGE, _SEARCHED = 15, 100


async def listed(context: Context) -> None:
    """Shows the person's latest conversations."""
    found = await _conversations(context, _PAGE)
    rows = [_line(context, summary) for summary in found] or [context.text("conversation.none")]
    await context.respond(message(within([context.text("conversation.title"), *rows])))


async def search(context: Context) -> None:
    """Looks for words in the beginnings of the person's conversations."""
    words = cleaned(str(context.options.get("words", ""))).casefold().split()
    found = [
        summary
        for summary in await _conversations(context, _SEARCHED)
        if all(word in summary.opening.casefold() for word in words)
    ]
    rows = [_line(context, summary) for summary in found] or [context.text("conversation.not_found")]
    await context.respond(message(within([context.text("conversation.title"), *rows])))


async def export(context: Context) -> None:
    """Gives a conversation as a file."""
    request = conversation_pb2.ExportConversationRequest(
        conversation_id=_named(context), format=_FORMATS[str(context.options.get("format", "markdown"))]
    )
    answer = await called(_llm(context).ExportConversation(request, timeout=context.timeout))
    await context.respond(message(context.text("conversation.exported")), files=[File(answer.filename, answer.content)])


async def fork(context: Context) -> None:
    """Goes on from a chosen turn, or from the last one, in a thread of its own."""
    turns = (await _conversation(context, _named(context))).turns
    chosen = str(context.options.get("turn", "")) or next(
        (turn.turn_id for turn in reversed(turns) if turn.complete), ""
    )
    if chosen not in {turn.turn_id for turn in turns}:
        raise NotFound("there is no such turn", reason="TURN_UNKNOWN")
    if not await asking.charge(context):
        return
    request = reply_pb2.ForkReplyRequest(event_id=context.interaction.interaction_id, job_id=chosen)
    await called(_replies(context).ForkReply(request, timeout=context.timeout))
    await context.respond(context.text("reply.forking"))


async def stop(context: Context) -> None:
    """Ends the answer that is being given in a conversation; without a name, in the one that stands here."""
    try:
        turns = (await _conversation(context, _named(context) or await _here(context))).turns
    except NotFound:
        await context.respond(context.text("conversation.nothing_to_stop"))
        return
    under_way = [turn.turn_id for turn in turns if not turn.complete]
    for job_id in under_way:
        await called(_replies(context).StopReply(reply_pb2.StopReplyRequest(job_id=job_id), timeout=context.timeout))
    await context.respond(context.text("conversation.stopping" if under_way else "conversation.nothing_to_stop"))


async def turns_offered(context: Context, typed: str) -> list[Choice]:
    """Offers the questions of the conversation that was chosen before, the latest first."""
    wanted = typed.strip().casefold()
    choices = []
    for number, turn in enumerate((await _conversation(context, _named(context))).turns, 1):
        asked = next((each.text for each in turn.inputs if each.text), "")
        if turn.complete and wanted in asked.casefold():
            choices.append(Choice(f"{number}. {shortened(asked, 85) or '…'}", turn.turn_id))
    return choices[::-1]


async def clear(context: Context) -> None:
    """Forgets a conversation."""
    request = conversation_pb2.ClearConversationRequest(conversation_id=_named(context))
    answer = await called(_llm(context).ClearConversation(request, timeout=context.timeout))
    await context.respond(context.text("conversation.cleared", turns=answer.cleared_turns))


async def offered(context: Context, typed: str) -> list[Choice]:
    """Offers the person's conversations by how they began."""
    wanted = typed.strip().casefold()
    return [
        Choice(shortened(summary.opening, 90) or summary.conversation_id, summary.conversation_id)
        for summary in await _conversations(context, _SEARCHED)
        if wanted in summary.opening.casefold()
    ]


async def _conversation(context: Context, conversation_id: str) -> conversation_pb2.Conversation:
    request = conversation_pb2.GetConversationRequest(conversation_id=conversation_id)
    answer = await called(_llm(context).GetConversation(request, timeout=context.timeout))
    conversation: conversation_pb2.Conversation = answer.conversation
    return conversation


async def _here(context: Context) -> str:
    """The conversation that stands in this channel or thread."""
    request = reply_pb2.FindConversationRequest(channel_id=context.interaction.channel_id)
    answer = await called(_replies(context).FindConversation(request, timeout=context.timeout))
    return str(answer.conversation_id)


async def _conversations(context: Context, count: int) -> list[conversation_pb2.ConversationSummary]:
    request = conversation_pb2.ListConversationsRequest(user_id=context.person.user_id, page_size=count)
    answer = await called(_llm(context).ListConversations(request, timeout=context.timeout))
    return list(answer.conversations)


def _named(context: Context) -> str:
    return str(context.options.get("conversation", "")).strip()


def _llm(context: Context) -> Any:
    return context.services.stub(conversation_pb2_grpc.ConversationServiceStub, "llm")


def _replies(context: Context) -> Any:
    return context.services.stub(reply_pb2_grpc.ReplyServiceStub, "executor")


def _line(context: Context, summary: conversation_pb2.ConversationSummary) -> str:
    return context.text(
        "conversation.line",
        opening=escaped(shortened(summary.opening, 80)),
        turns=summary.turns,
        when=relative_time(summary.update_time.seconds),
    )


def register(registry: Registry) -> None:
    """Adds the commands."""
    which = Option("conversation", required=True, maximum=100, autocomplete=offered)
    one = Option("conversation", maximum=100, autocomplete=offered)
    turn = Option("turn", maximum=100, autocomplete=turns_offered)
    registry.command(
        Command(
            "conversation",
            subcommands=(
                Command("list", listed),
                Command("search", search, options=(Option("words", required=True, maximum=100),)),
                Command("export", export, options=(which, Option("format", choices=FORMATS))),
                Command("fork", fork, options=(which, turn)),
                Command("stop", stop, options=(one,)),
                Command("clear", clear, options=(which,)),
            ),
        )
    )
