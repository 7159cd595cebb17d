"""hikari against the sandbox: does what the test asks for by messages, and says so on standard output."""

import json
import os
import sys

import hikari

bot = hikari.GatewayBot(
    os.environ["SANDBOX_BOT_TOKEN"],
    intents=hikari.Intents.ALL,
    rest_url=os.environ["SANDBOX_API"],
    banner=None,
    logs=None,
)


def say(event: str, **fields: object) -> None:
    """One line for the test."""
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


@bot.listen()
async def started(_: hikari.StartedEvent) -> None:
    """Registers the command; guilds are cached by now, their members are asked for in chunks."""
    application = await bot.rest.fetch_application()
    command = bot.rest.slash_command_builder("echo", "Echoes")
    command.add_option(
        hikari.CommandOption(type=hikari.OptionType.STRING, name="text", description="what", is_required=True)
    )
    await bot.rest.set_application_commands(application.id, [command])
    guilds = bot.cache.get_available_guilds_view().values()
    await bot.request_guild_members(max(guilds, key=lambda guild: len(guild.get_channels())))


@bot.listen()
async def chunk(event: hikari.MemberChunkEvent) -> None:
    """All members are there."""
    guild = bot.cache.get_guild(event.guild_id)
    say(
        "ready",
        guilds=len(bot.cache.get_available_guilds_view()),
        channels=[c.name for c in guild.get_channels().values()],
        members=[m.username for m in event.members.values()],
    )


@bot.listen()
async def resumed(_: hikari.ShardResumedEvent) -> None:
    """The session went on."""
    say("resumed")


@bot.listen()
async def interaction(event: hikari.InteractionCreateEvent) -> None:
    """Answers the command and its button."""
    if isinstance(event.interaction, hikari.CommandInteraction):
        row = bot.rest.build_message_action_row()
        row.add_interactive_button(hikari.ButtonStyle.PRIMARY, "again", label="Again")
        text = event.interaction.options[0].value
        await event.interaction.create_initial_response(hikari.ResponseType.MESSAGE_CREATE, text, component=row)
    elif isinstance(event.interaction, hikari.ComponentInteraction):
        await event.interaction.create_initial_response(hikari.ResponseType.MESSAGE_UPDATE, "pressed", components=[])


@bot.listen()
async def message(event: hikari.GuildMessageCreateEvent) -> None:
    """Works, or shows that it is there."""
    if event.author.is_bot:
        return
    if event.content == "are you there":
        await event.message.respond("still here", reply=True)
    if event.content == "work":
        sent = await bot.rest.create_message(event.channel_id, "sent")
        await sent.edit("edited")
        await sent.add_reaction("\N{THUMBS UP SIGN}")
        thread = await bot.rest.create_message_thread(event.channel_id, sent.id, "a thread")
        await thread.send("inside the thread")
        await bot.rest.create_guild_text_channel(event.guild_id, "made by a bot")
        await bot.rest.create_message(event.channel_id, attachment=hikari.Bytes(b"hello", "hello.txt"))
        history = await bot.rest.fetch_messages(event.channel_id).limit(5)
        say("worked", history=len(list(history)))


bot.run(check_for_updates=False)
