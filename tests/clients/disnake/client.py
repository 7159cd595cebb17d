"""disnake against the sandbox: does what the test asks for by messages, and says so on standard output."""

import asyncio
import io
import json
import os
import sys

import disnake
from disnake.ext import commands

disnake.http.Route.BASE = os.environ["SANDBOX_API"]


def say(event: str, **fields: object) -> None:
    """One line for the test."""
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


class Client(commands.InteractionBot):
    """Registers a command and works on request."""

    def __init__(self) -> None:
        super().__init__(intents=disnake.Intents.all())

        @self.slash_command(description="Echoes")
        async def echo(interaction: disnake.ApplicationCommandInteraction, text: str) -> None:
            await interaction.response.send_message(
                text, components=[disnake.ui.Button(label="Again", custom_id="again")]
            )

    async def on_button_click(self, interaction: disnake.MessageInteraction) -> None:
        """Changes the message."""
        await interaction.response.edit_message(content="pressed", components=[])

    async def on_ready(self) -> None:
        """The cache is filled."""
        guild = max(self.guilds, key=lambda g: len(g.channels))
        say(
            "ready",
            guilds=len(self.guilds),
            channels=[c.name for c in guild.channels],
            members=[m.name for m in guild.members],
        )

    async def on_resumed(self) -> None:
        """The session went on."""
        say("resumed")

    async def on_message(self, message: disnake.Message) -> None:
        """Works, or shows that it is there."""
        if message.author.bot:
            return
        if message.content == "are you there":
            await message.reply("still here")
        if message.content == "work":
            sent = await message.channel.send("sent")
            await sent.edit(content="edited")
            await sent.add_reaction("\N{THUMBS UP SIGN}")
            thread = await sent.create_thread(name="a thread")
            await thread.send("inside the thread")
            await message.guild.create_text_channel("made by a bot")
            await message.channel.send(file=disnake.File(io.BytesIO(b"hello"), filename="hello.txt"))
            history = [found async for found in message.channel.history(limit=5)]
            say("worked", history=len(history))


async def main() -> None:
    """Runs until it is told to stop."""
    await Client().start(os.environ["SANDBOX_BOT_TOKEN"])


asyncio.run(main())
