"""`/ask`: a question that is answered in a thread of its own.

The order matters. First the limits, so that a denial is private; then the hand-over, so that what is acknowledged can't
be lost; then the acknowledgement. All three together stay within Discord's three seconds.
"""

from guildhall.executor.v1 import reply_pb2_grpc
from guildhall.ratelimit.v1 import ratelimit_pb2_grpc

from services.gateway.cleaning import cleaned
from services.gateway.command import Command, Option, OptionKind
from services.gateway.context import Context
from services.gateway.handover import Denied, HandOver, Question
from services.gateway.registry import Registry
from views.markdown import relative_time

# Discord's own limit for a text option.
OPTION_LIMIT = 6000


async def ask(context: Context) -> None:
    """Takes a question."""
    interaction = context.interaction
    prompt = cleaned(str(context.options.get("prompt", "")))
    attached = context.attached("attachment")
    if not prompt and attached is None:
        await context.respond(context.text("error.empty_prompt"))
        return
    limit = context.settings.current.max_prompt
    if len(prompt) > limit:
        await context.respond(context.text("error.prompt_too_long", length=len(prompt), limit=limit))
        return
    private = bool(context.options.get("private", False))
    await submit(
        context,
        Question(
            event_id=interaction.interaction_id,
            person=interaction.person,
            guild_id=interaction.guild_id,
            channel_id=interaction.channel_id,
            in_conversation=interaction.direct or context.threads.owned(interaction.channel_id),
            prompt=prompt,
            attachments=(attached,) if attached is not None else (),
            model=str(context.options.get("model", "")).strip(),
            interaction=interaction,
            private=private,
        ),
    )


async def submit(context: Context, question: Question) -> None:
    """Hands a question over and acknowledges it, or says privately why not."""
    settings = context.settings.current
    hand_over = HandOver(
        context.services.stub(ratelimit_pb2_grpc.RateLimitServiceStub, "ratelimit"),
        context.services.stub(reply_pb2_grpc.ReplyServiceStub, "executor"),
    )
    outcome = await hand_over.submit(question, settings.ask_limits, settings.deadlines)
    if isinstance(outcome, Denied):
        await context.respond(denial(context, outcome))
        return
    await context.defer(private=question.private)


def denial(context: Context, denied: Denied) -> str:
    """What a person is told who reached a limit: what is left, and when there is more."""
    return context.text(
        "limit.denied",
        remaining=denied.remaining,
        capacity=denied.capacity,
        when=relative_time(context.clock.now() + denied.retry_after),
    )


def register(registry: Registry) -> None:
    """Adds the command."""
    registry.command(
        Command(
            "ask",
            ask,
            options=(
                Option("prompt", required=True, minimum=1, maximum=OPTION_LIMIT),
                Option("model", maximum=100),
                Option("attachment", OptionKind.ATTACHMENT),
                Option("private", OptionKind.BOOLEAN),
            ),
            feature="ask",
            user_install=True,
        )
    )
