"""Asking, for every command and button that ends in a question to a model.

The order matters. First the limits, so that a denial is private; then the hand-over, so that what is acknowledged can't
be lost; then the acknowledgement. All three together stay within Discord's three seconds.
"""

from collections.abc import Awaitable, Callable

from guildhall.executor.v1 import reply_pb2_grpc
from guildhall.llm.v1 import model_pb2, model_pb2_grpc
from guildhall.ratelimit.v1 import ratelimit_pb2_grpc

from chassis.errors import FailedPrecondition, NotFound, PermissionDenied
from services.gateway.cleaning import cleaned
from services.gateway.command import Choice
from services.gateway.context import Context
from services.gateway.events import Attached
from services.gateway.handover import Denied, HandOver, Question, called
from views import limits
from views.markdown import escaped, relative_time, shortened

_OFFERED_CHARS = 600

Acknowledge = Callable[[], Awaitable[None]]


async def ask(
    context: Context,
    prompt: str,
    *,
    private: bool = False,
    model: str = "",
    prompt_name: str = "",
    attached: tuple[Attached, ...] = (),
    quoted: tuple[str, str] = ("", ""),
    quoted_message_id: int = 0,
) -> None:
    """Asks in the name of the person who used a command; what is wrong with the question is said privately."""
    interaction = context.interaction
    context.expect(private=private)
    prompt = cleaned(prompt)
    if not prompt and not attached:
        await context.respond(context.text("error.empty_prompt"))
        return
    limit = context.settings.current.max_prompt
    if len(prompt) > limit:
        await context.respond(context.text("error.prompt_too_long_by", length=len(prompt), limit=limit))
        return
    if model.strip() and not await _model_exists(context, model.strip()):
        return
    if prompt_name.strip():
        await _require_prompt(context, prompt_name.strip())
    question = Question(
        event_id=interaction.interaction_id,
        person=context.person,
        guild_id=interaction.guild_id,
        channel_id=interaction.channel_id,
        in_conversation=interaction.direct or context.threads.owned(interaction.channel_id),
        prompt=prompt,
        parent_channel_id=interaction.parent_id,
        attachments=attached,
        model=model.strip(),
        prompt_name=prompt_name.strip(),
        quoted_author=quoted[0],
        quoted_text=cleaned(quoted[1]),
        quoted_message_id=quoted_message_id,
        interaction=interaction,
        private=private,
    )
    await submit(context, question, lambda: context.defer(private=private))


async def _model_exists(context: Context, name: str) -> bool:
    """Whether a model that was typed exists; says privately which there are, where it does not.

    PermissionDenied (MODEL_FORBIDDEN) where it is not for the person: said before there is a thread.
    """
    stub = context.services.stub(model_pb2_grpc.ModelServiceStub, "llm")
    answer = await called(stub.ListModels(model_pb2.ListModelsRequest(), timeout=context.timeout))
    known = {model.name: model.allowed for model in answer.models}
    if known.get(name) is False:
        raise PermissionDenied("this model is not for this person", reason="MODEL_FORBIDDEN")
    if name in known or not known:
        return True
    offered = ", ".join(model.name for model in answer.models if model.allowed)
    await context.respond(
        context.text(
            "error.model_unknown_named",
            model=escaped(shortened(name, 100)),
            models=shortened(offered, _OFFERED_CHARS) or "–",
        )
    )
    return False


async def _require_prompt(context: Context, name: str) -> None:
    """Raises NotFound (PROMPT_UNKNOWN) or PermissionDenied (PROMPT_FORBIDDEN) for a prompt that can't be used here."""
    stub = context.services.stub(model_pb2_grpc.ModelServiceStub, "llm")
    answer = await called(stub.ListPrompts(model_pb2.ListPromptsRequest(), timeout=context.timeout))
    allowed = next((prompt.allowed for prompt in answer.prompts if prompt.name == name), None)
    if allowed is None:
        raise NotFound("there is no such prompt", reason="PROMPT_UNKNOWN")
    if not allowed:
        raise PermissionDenied("this prompt is not for this person", reason="PROMPT_FORBIDDEN")


async def submit(context: Context, question: Question, acknowledge: Acknowledge) -> None:
    """Hands a question over and acknowledges it, or says privately why not."""
    require_open(context)
    settings = context.settings.current
    outcome = await hand_over(context).submit(question, settings.ask_limits, settings.deadlines)
    if isinstance(outcome, Denied):
        context.denied = True
        await context.respond(denial(context, outcome))
        return
    await acknowledge()


def hand_over(context: Context) -> HandOver:
    """The way to executor."""
    return HandOver(
        context.services.stub(ratelimit_pb2_grpc.RateLimitServiceStub, "ratelimit"),
        context.services.stub(reply_pb2_grpc.ReplyServiceStub, "executor"),
    )


def require_open(context: Context) -> None:
    """Raises FailedPrecondition (CLOSED_HERE) where the bot is paused, or kept to other channels."""
    if not context.guild_settings.open_for_answers(context.place):
        raise FailedPrecondition("the bot is paused or not allowed here", reason="CLOSED_HERE")


async def charge(context: Context) -> bool:
    """Takes from the limits of questions for what is no question of its own; tells the person where they deny it.

    FailedPrecondition (CLOSED_HERE) where the bot answers nothing.
    """
    require_open(context)
    settings = context.settings.current
    outcome = await hand_over(context).charge(
        context.interaction.interaction_id,
        context.person,
        context.interaction.channel_id,
        charges=settings.ask_limits,
        deadline=settings.deadlines.acquire,
    )
    if outcome is None:
        return True
    context.denied = True
    await context.respond(denial(context, outcome))
    return False


def denial(context: Context, denied: Denied) -> str:
    """What a person is told who reached a limit: what is left, and when there is more."""
    when = relative_time(context.clock.now() + denied.retry_after)
    return limits.denied(context.text, denied.limit, remaining=denied.remaining, capacity=denied.capacity, when=when)


async def models(context: Context, typed: str) -> list[Choice]:
    """Offers the models that the person may use."""
    stub = context.services.stub(model_pb2_grpc.ModelServiceStub, "llm")
    answer = await called(stub.ListModels(model_pb2.ListModelsRequest(only_allowed=True), timeout=context.timeout))
    return matching(typed, [Choice(_model_label(model), model.name) for model in answer.models])


async def prompts(context: Context, typed: str) -> list[Choice]:
    """Offers the prompts that the person may use."""
    stub = context.services.stub(model_pb2_grpc.ModelServiceStub, "llm")
    answer = await called(stub.ListPrompts(model_pb2.ListPromptsRequest(), timeout=context.timeout))
    offered = [Choice(prompt.label or prompt.name, prompt.name) for prompt in answer.prompts if prompt.allowed]
    return matching(typed, offered)


def matching(typed: str, choices: list[Choice]) -> list[Choice]:
    """The choices that contain what was typed, those that begin with it first."""
    wanted = typed.strip().casefold()
    found = [choice for choice in choices if wanted in choice.label.casefold() or wanted in choice.value.casefold()]
    return sorted(found, key=lambda choice: not choice.label.casefold().startswith(wanted))


def _model_label(model: model_pb2.Model) -> str:
    return f"{model.label or model.name} · {model.context_window // 1000}k" if model.context_window else model.name
