"""`/image`, and what older bots' `!image` and `!neon` end in: a button, pressed with the person's own permissions."""

from guildhall.executor.v1 import plan_pb2, plan_pb2_grpc, reply_pb2, reply_pb2_grpc

from services.gateway import asking
from services.gateway.cleaning import cleaned
from services.gateway.command import Command, Option, OptionKind
from services.gateway.context import Context
from services.gateway.guild_settings import IMAGES
from services.gateway.handover import called
from services.gateway.registry import Registry
from services.gateway.text_commands import DRAW, PLAN

FEATURE, PLAN_FEATURE = "image", "plan"
SIZES = ("1024x1024", "1536x1024", "1024x1536")
STYLES = ("natural", "drawing", "painting", "photo", "pixel")


async def image(context: Context) -> None:
    """Has a picture made."""
    options = context.options
    prompt = cleaned(str(options.get("prompt", "")))
    style = str(options.get("style", ""))
    if style:
        prompt = f"{prompt} ({context.texts.text('en', f'image.style.{style}')})"
    await draw(context, prompt, size=str(options.get("size", "")), private=bool(options.get("private", False)))


async def draw(context: Context, prompt: str, *, size: str = "", private: bool = False) -> None:
    """Hands the wish for a picture over and acknowledges it, or says privately why not."""
    context.expect(private=private)
    asking.require_open(context)
    if context.guild_settings.text(context.place, IMAGES) == "never":
        await context.respond(context.text("image.never"))
        return
    if not prompt:
        await context.respond(context.text("error.empty_prompt"))
        return
    stub = context.services.stub(reply_pb2_grpc.ReplyServiceStub, "executor")
    interaction = context.interaction
    request = reply_pb2.SubmitImageRequest(
        event_id=interaction.interaction_id,
        interaction=_origin(context, private=private),
        guild_id=interaction.guild_id,
        channel_id=interaction.channel_id,
        prompt=prompt,
        size=size,
    )
    await called(stub.SubmitImage(request, timeout=context.settings.current.deadlines.hand_over))
    await context.defer(private=private)


async def draw_typed(context: Context) -> None:
    """Has the picture made that was asked for in a message."""
    await draw(context, typed_in(str(context.interaction.message.get("content", ""))))


async def plan_typed(context: Context) -> None:
    """Has the plan made that was asked for in a message."""
    context.expect(private=False)
    interaction = context.interaction
    request = plan_pb2.CreatePlanRequest(
        event_id=interaction.interaction_id,
        interaction=_origin(context, private=False),
        guild_id=interaction.guild_id,
        channel_id=interaction.channel_id,
        request=typed_in(str(interaction.message.get("content", ""))),
    )
    stub = context.services.stub(plan_pb2_grpc.PlanServiceStub, "executor")
    await called(stub.CreatePlan(request, timeout=context.settings.current.deadlines.hand_over))
    await context.defer(private=False)


def typed_in(content: str) -> str:
    """What stands between the fences of the message that carries the button."""
    _, fence, rest = content.partition("```\n")
    return cleaned(rest.rpartition("\n```")[0]) if fence else ""


def _origin(context: Context, *, private: bool) -> reply_pb2.InteractionOrigin:
    interaction = context.interaction
    return reply_pb2.InteractionOrigin(
        application_id=interaction.application_id,
        interaction_id=interaction.interaction_id,
        token=interaction.token,
        ephemeral=private,
        token_only=interaction.user_installed_only,
    )


def register(registry: Registry) -> None:
    """Adds the command and the buttons."""
    registry.command(
        Command(
            "image",
            image,
            options=(
                Option("prompt", required=True, minimum=1, maximum=4000),
                Option("size", choices=SIZES),
                Option("style", choices=STYLES),
                Option("private", OptionKind.BOOLEAN),
            ),
            feature=FEATURE,
            user_install=True,
        )
    )
    registry.component(DRAW, draw_typed, FEATURE)
    registry.component(PLAN, plan_typed, PLAN_FEATURE)
