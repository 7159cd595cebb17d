"""`/help`, `/models` and `/prompts`: what there is, and what the person may do with it."""

import itertools

from guildhall.llm.v1 import model_pb2, model_pb2_grpc

from services.gateway import asking
from services.gateway.cleaning import cleaned
from services.gateway.command import Choice, Command, CommandKind, Option
from services.gateway.context import Context
from services.gateway.handover import called
from services.gateway.registry import Registry, Route
from views import modals
from views.custom_id import encode
from views.lists import within
from views.markdown import escaped
from views.messages import message

PUT = "prompts.put"
FEATURE = "personas"
_MILLION_NANOS = 1e9


async def models(context: Context) -> None:
    """Shows the models with their windows, prices and health."""
    stub = context.services.stub(model_pb2_grpc.ModelServiceStub, "llm")
    answer = await called(stub.ListModels(model_pb2.ListModelsRequest(), timeout=context.timeout))
    rows = [_model_line(context, model) for model in sorted(answer.models, key=lambda each: not each.allowed)]
    rows += [context.text("models.problem", provider=escaped(name)) for name in sorted(answer.problems)]
    await context.respond(message(within([context.text("models.title"), *(rows or [context.text("models.none")])])))


async def prompt_list(context: Context) -> None:
    """Shows the prompts."""
    rows = [
        context.text(
            "prompts.line" if prompt.allowed else "prompts.line_forbidden",
            name=escaped(prompt.name),
            label=escaped(prompt.label),
            description=escaped(prompt.description),
        )
        for prompt in await _prompts(context)
    ]
    await context.respond(message(within([context.text("prompts.title"), *(rows or [context.text("prompts.none")])])))


async def prompt_add(context: Context) -> None:
    """Asks for a new prompt."""
    await context.modal(_form(context, model_pb2.Prompt(name=str(context.options.get("name", "")))))


async def prompt_edit(context: Context) -> None:
    """Shows one of the guild's own prompts for changing."""
    name = str(context.options.get("name", ""))
    found = next((prompt for prompt in await _prompts(context) if prompt.own and prompt.name == name), None)
    if found is None:
        await context.respond(context.text("error.prompt_unknown"))
        return
    await context.modal(_form(context, found))


async def prompt_put(context: Context) -> None:
    """Keeps what was entered."""
    fields = {name: cleaned(str(value)) for name, value in context.fields.items()}
    prompt = model_pb2.Prompt(
        name=fields.get("name", ""),
        label=fields.get("label", ""),
        description=fields.get("description", ""),
        text=fields.get("text", ""),
    )
    stub = context.services.stub(model_pb2_grpc.ModelServiceStub, "llm")
    await called(stub.PutPrompt(model_pb2.PutPromptRequest(prompt=prompt), timeout=context.timeout))
    await context.respond(context.text("prompts.kept", name=escaped(prompt.name)))


async def prompt_remove(context: Context) -> None:
    """Takes one of the guild's own prompts away."""
    name = str(context.options.get("name", ""))
    stub = context.services.stub(model_pb2_grpc.ModelServiceStub, "llm")
    await called(stub.DeletePrompt(model_pb2.DeletePromptRequest(name=name), timeout=context.timeout))
    await context.respond(context.text("prompts.removed", name=escaped(name)))


async def own_prompts(context: Context, typed: str) -> list[Choice]:
    """Offers the guild's own prompts."""
    own = [Choice(prompt.label or prompt.name, prompt.name) for prompt in await _prompts(context) if prompt.own]
    return asking.matching(typed, own)


def _form(context: Context, prompt: model_pb2.Prompt) -> dict[str, object]:
    return modals.modal(
        encode(PUT),
        context.text("prompts.form.title"),
        [
            modals.text_input("name", context.text("prompts.form.name"), value=prompt.name, maximum=50),
            modals.text_input(
                "label", context.text("prompts.form.label"), value=prompt.label, maximum=80, required=False
            ),
            modals.text_input(
                "description",
                context.text("prompts.form.description"),
                value=prompt.description,
                maximum=200,
                required=False,
            ),
            modals.text_input("text", context.text("prompts.form.text"), value=prompt.text, long=True),
        ],
    )


async def _prompts(context: Context) -> list[model_pb2.Prompt]:
    stub = context.services.stub(model_pb2_grpc.ModelServiceStub, "llm")
    answer = await called(stub.ListPrompts(model_pb2.ListPromptsRequest(), timeout=context.timeout))
    return list(answer.prompts)


def _model_line(context: Context, model: model_pb2.Model) -> str:
    pieces = [context.text("models.window", tokens=f"{model.context_window:,}")]
    if model.HasField("input_price_nanos") and model.HasField("output_price_nanos"):
        pieces.append(
            context.text(
                "models.price",
                input=f"{model.input_price_nanos / _MILLION_NANOS:.2f}",
                output=f"{model.output_price_nanos / _MILLION_NANOS:.2f}",
            )
        )
    else:
        pieces.append(context.text("models.price_unknown"))
    pieces += [context.text(f"models.{name}") for name in ("vision", "thinking") if getattr(model, name)]
    if model.HasField("median_first_text"):
        seconds = model.median_first_text.ToNanoseconds() / 1e9
        pieces.append(context.text("models.first_text", seconds=f"{seconds:.1f}"))
    if model.HasField("error_rate"):
        pieces.append(
            context.text("models.error_rate", rate=f"{model.error_rate * 100:.0f}", calls=model.measured_calls)
        )
    if model.health in (model_pb2.MODEL_HEALTH_COOLING, model_pb2.MODEL_HEALTH_FAILING):
        pieces.append(context.text("models.unwell"))
    if not model.allowed:
        pieces.append(context.text("models.forbidden"))
    name = escaped(model.label or model.name)
    return f"{'**' + name + '**' if model.is_default else name} · " + " · ".join(pieces)


class Help:
    """`/help`. It needs the registry, to say what the person may use of what there is."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def __call__(self, context: Context) -> None:
        """Shows what the person may use here."""
        usable = sorted(
            (route for route in self._registry.routes() if self._usable(context, route)), key=lambda route: route.path
        )
        rows = [
            self._line(context, top, [route.path.partition(" ")[2] for route in routes])
            for top, routes in itertools.groupby(usable, key=lambda route: route.path.partition(" ")[0])
        ]
        await context.respond(message(within([context.text("help.title"), *rows, context.text("help.more")])))

    def _usable(self, context: Context, route: Route) -> bool:
        if route.command.kind is not CommandKind.CHAT:
            return False
        top = self._registry.commands[route.path.partition(" ")[0]]
        if context.interaction.user_installed_only and not top.user_install:
            return False
        needed = top.permissions or 0
        permitted = context.manages or context.person.permissions & needed == needed
        return context.may(route.feature) and permitted and not (top.guild_only and context.interaction.direct)

    def _line(self, context: Context, top: str, subcommands: list[str]) -> str:
        line = f"`/{top}` {context.text(f'command.{top}.description')}"
        named = [name for name in subcommands if name]
        return f"{line}: {', '.join(named)}" if named else line


def register(registry: Registry) -> None:
    """Adds the commands."""
    registry.command(Command("help", Help(registry), user_install=True))
    registry.command(Command("models", models, user_install=True))
    registry.command(
        Command(
            "prompts",
            subcommands=(
                Command("list", prompt_list),
                Command("add", prompt_add, options=(Option("name", required=True, maximum=50),), feature=FEATURE),
                Command(
                    "edit",
                    prompt_edit,
                    options=(Option("name", required=True, maximum=50, autocomplete=own_prompts),),
                    feature=FEATURE,
                ),
                Command(
                    "remove",
                    prompt_remove,
                    options=(Option("name", required=True, maximum=50, autocomplete=own_prompts),),
                    feature=FEATURE,
                ),
            ),
        )
    )
    registry.modal(PUT, prompt_put, FEATURE)
