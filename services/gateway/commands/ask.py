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
    options, attached = context.options, context.attached("attachment")
    await asking.ask(
        context,
        str(options.get("prompt", "")),
        private=bool(options.get("private", False)),
        model=str(options.get("model", "")),
        prompt_name=str(options.get("persona", "")),
        attached=() if attached is None else (attached,),
    )


async def about(context: Context) -> None:
    """Asks what is to be known of a message. The modal carries the message, so nothing has to be remembered."""
    target = context.target
    await context.modal(
        modals.modal(
            encode(ABOUT, target.message_id if target.attachments else ""),
            context.text("ask.about.title"),
            [
                modals.text_input("prompt", context.text("ask.about.prompt"), maximum=2000, long=True),
                modals.text_input(
                    "message",
                    context.text("ask.about.message", author=shortened(target.author, 20)),
                    value=target.text,
                    required=False,
                    long=True,
                ),
            ],
        )
    )


async def asked_about(context: Context) -> None:
    """Takes the question about a message."""
    fields, message_id = context.fields, context.custom_id.argument(0)
    await asking.ask(
        context,
        str(fields.get("prompt", "")),
        quoted=("", str(fields.get("message", ""))),
        quoted_message_id=int(message_id) if message_id.isdecimal() else 0,
    )


async def summarise(context: Context) -> None:
    """Sums a message up, for the person alone."""
    await _of_target(context, "ask.summarise")


async def translate(context: Context) -> None:
    """Translates a message into the person's language, for the person alone."""
    await _of_target(context, "ask.translate")


async def _of_target(context: Context, key: str) -> None:
    target = context.target
    if not target.text.strip() and not target.attachments:
        await context.respond(context.text("error.message_without_text"))
        return
    quoted = (target.author, target.text)
    await asking.ask(context, context.text(key), private=True, quoted=quoted, attached=target.attachments)


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
