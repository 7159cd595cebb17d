"""`/conversation` and `/data`: one's conversations, and everything that is kept about oneself."""

from typing import Any

from guildhall.llm.v1 import conversation_pb2, conversation_pb2_grpc
from guildhall.settings.v1 import settings_pb2, settings_pb2_grpc

from chassis.scoped import ScopeKind
from services.gateway.callbacks import File
from services.gateway.cleaning import cleaned
from services.gateway.command import Choice, Command, Option
from services.gateway.context import Context
from services.gateway.handover import called
from services.gateway.registry import Registry
from services.gateway.scoped_client import SERVICES
from views import components
from views.custom_id import encode
from views.lists import within
from views.markdown import escaped, relative_time, shortened
from views.messages import message

DELETE = "data.delete"
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


async def data_export(context: Context) -> None:
    """Gives everything that is kept of what the person said, as one file."""
    await context.defer(private=True)
    pieces = []
    for summary in await _conversations(context, _SEARCHED):
        request = conversation_pb2.ExportConversationRequest(
            conversation_id=summary.conversation_id, format=conversation_pb2.EXPORT_FORMAT_MARKDOWN
        )
        answer = await called(_llm(context).ExportConversation(request, timeout=context.timeout))
        pieces.append(answer.content)
    if not pieces:
        await context.respond(message(context.text("conversation.none")))
        return
    await context.respond(
        message(context.text("data.exported", conversations=len(pieces))),
        files=[File("conversations.md", b"\n\n".join(pieces))],
    )


async def data_delete(context: Context) -> None:
    """Asks whether everything about the person is to be forgotten."""
    button = components.button(
        encode(DELETE, context.person.user_id), context.text("data.delete_button"), style=components.DANGER
    )
    await context.respond(message(context.text("data.delete_question"), components=[components.row(button)]))


async def data_deleted(context: Context) -> None:
    """Forgets everything about the person: conversations, name in the usage, settings."""
    request = conversation_pb2.DeletePersonDataRequest(user_id=context.person.user_id)
    answer = await called(_llm(context).DeletePersonData(request, timeout=context.timeout))
    scope = settings_pb2.Scope(kind=settings_pb2.ScopeKind.ValueType(ScopeKind.PERSON.value), id=context.person.user_id)
    for service in SERVICES:
        stub = context.services.stub(settings_pb2_grpc.SettingsServiceStub, service)
        await called(stub.DeleteSettings(settings_pb2.DeleteSettingsRequest(scope=scope), timeout=context.timeout))
    await context.update(
        message(context.text("data.deleted", turns=answer.deleted_turns, conversations=answer.deleted_conversations))
        | {"components": []}
    )


async def _conversations(context: Context, count: int) -> list[conversation_pb2.ConversationSummary]:
    request = conversation_pb2.ListConversationsRequest(user_id=context.person.user_id, page_size=count)
    answer = await called(_llm(context).ListConversations(request, timeout=context.timeout))
    return list(answer.conversations)


def _named(context: Context) -> str:
    return str(context.options.get("conversation", "")).strip()


def _llm(context: Context) -> Any:
    return context.services.stub(conversation_pb2_grpc.ConversationServiceStub, "llm")


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
    registry.command(
        Command(
            "conversation",
            subcommands=(
                Command("list", listed),
                Command("search", search, options=(Option("words", required=True, maximum=100),)),
                Command("export", export, options=(which, Option("format", choices=FORMATS))),
                Command("clear", clear, options=(which,)),
            ),
        )
    )
    registry.command(Command("data", subcommands=(Command("export", data_export), Command("delete", data_delete))))
    registry.component(DELETE, data_deleted)
