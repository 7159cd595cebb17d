"""discord.py against the sandbox: does what the test asks for by messages, and says so on standard output."""

import io
import json
import os
import sys

import discord
import yarl
from discord import app_commands

API = os.environ["SANDBOX_API"]
discord.http.Route.BASE = API
discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(os.environ["SANDBOX_GATEWAY"])


def say(event: str, **fields: object) -> None:
    """One line for the test."""
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


class Again(discord.ui.View):
    """A message's button."""

    @discord.ui.button(label="Again", custom_id="again")
    async def again(self, interaction: discord.Interaction, _button: discord.ui.Button) -> None:
        """Changes the message."""
        await interaction.response.edit_message(content="pressed", view=None)


class Client(discord.Client):
    """Registers a command and works on request."""

    def __init__(self) -> None:
        super().__init__(intents=discord.Intents.all())
        self.tree = app_commands.CommandTree(self)

        @self.tree.command(description="Echoes")
        async def echo(interaction: discord.Interaction, text: str) -> None:
            await interaction.response.send_message(text, view=Again())

    async def setup_hook(self) -> None:
        """Before READY."""
        await self.tree.sync()

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

    async def on_message(self, message: discord.Message) -> None:
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
            await message.channel.send(file=discord.File(io.BytesIO(b"hello"), filename="hello.txt"))
            history = [found async for found in message.channel.history(limit=5)]
            say("worked", history=len(history))


Client().run(os.environ["SANDBOX_BOT_TOKEN"], log_handler=None)
