"""`/ask`, and asking about a message that is there."""

from services.gateway import asking
from services.gateway.command import Command, CommandKind, Option, OptionKind
from services.gateway.context import Context
from services.gateway.registry import Registry
from views import modals
from views.custom_id import encode
from views.markdown import shortened

# Discord's own limit for a text option.
OPTION_LIMIT = 6000
ABOUT = "ask.about"
FEATURE = "ask"


async def ask(context: Context) -> None:
    """Takes a question."""
    options = context.options
    await asking.ask(
        context,
        str(options.get("prompt", "")),
        private=bool(options.get("private", False)),
        model=str(options.get("model", "")),
        prompt_name=str(options.get("persona", "")),
        attached=context.attached("attachment"),
    )


async def about(context: Context) -> None:
    """Asks what is to be known of a message. The modal carries the message, so nothing has to be remembered."""
    author, text = context.target
    await context.modal(
        modals.modal(
            encode(ABOUT),
            context.text("ask.about.title"),
            [
                modals.text_input("prompt", context.text("ask.about.prompt"), maximum=2000, long=True),
                modals.text_input(
                    "message",
                    context.text("ask.about.message", author=shortened(author, 20)),
                    value=text,
                    required=False,
                    long=True,
                ),
            ],
        )
    )


async def asked_about(context: Context) -> None:
    """Takes the question about a message."""
    fields = context.fields
    await asking.ask(context, str(fields.get("prompt", "")), quoted=("", str(fields.get("message", ""))))


async def summarise(context: Context) -> None:
    """Sums a message up, for the person alone."""
    await _of_target(context, "ask.summarise")


async def translate(context: Context) -> None:
    """Translates a message into the person's language, for the person alone."""
    await _of_target(context, "ask.translate")


async def _of_target(context: Context, key: str) -> None:
    author, text = context.target
    if not text.strip():
        await context.respond(context.text("error.message_without_text"))
        return
    await asking.ask(context, context.text(key), private=True, quoted=(author, text))


def register(registry: Registry) -> None:
    """Adds the commands."""
    registry.command(
        Command(
            "ask",
            ask,
            options=(
                Option("prompt", required=True, minimum=1, maximum=OPTION_LIMIT),
                Option("model", maximum=100, autocomplete=asking.models),
                Option("persona", maximum=100, autocomplete=asking.prompts),
                Option("attachment", OptionKind.ATTACHMENT),
                Option("private", OptionKind.BOOLEAN),
            ),
            feature=FEATURE,
            user_install=True,
        )
    )
    for name, handler in (("Ask about this message", about), ("Summarise", summarise), ("Translate", translate)):
        registry.command(Command(name, handler, kind=CommandKind.MESSAGE, feature=FEATURE, user_install=True))
    registry.modal(ABOUT, asked_about, FEATURE)
