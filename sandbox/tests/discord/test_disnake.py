"""disnake, as the gateway service uses it, against a real sandbox."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import disnake
import pytest
import pytest_asyncio
from disnake.ext import commands
from disnake.interactions import (
    ApplicationCommandInteraction,
    MessageCommandInteraction,
    MessageInteraction,
    ModalInteraction,
)

from sandbox.app import Sandbox
from sandbox.control.client import Refused, SandboxClient


class Lab(commands.InteractionBot):
    """A bot that does a bit of everything."""

    def __init__(self) -> None:
        super().__init__(intents=disnake.Intents.all(), gateway_params=disnake.GatewayParams(zlib=False))
        self.heard: list[disnake.Message] = []

        @self.slash_command(description="Echoes")
        async def echo(interaction: ApplicationCommandInteraction[Any], text: str, secret: bool = False) -> None:
            button = disnake.ui.Button[None](label="Again", custom_id="again")
            await interaction.response.send_message(text, ephemeral=secret, components=[button])

        @self.slash_command(description="Thinks first")
        async def think(interaction: ApplicationCommandInteraction[Any], model: str) -> None:
            await interaction.response.defer()
            await interaction.edit_original_response(f"thought about {model}")
            await interaction.followup.send("and more")

        @think.autocomplete("model")
        async def models(_: ApplicationCommandInteraction[Any], typed: str) -> list[str]:
            return [name for name in ("gpt", "claude") if name.startswith(typed)]

        @self.slash_command(description="Opens a modal")
        async def form(interaction: ApplicationCommandInteraction[Any]) -> None:
            label = disnake.ui.Label("Your name", disnake.ui.TextInput(custom_id="name", required=True))
            await interaction.response.send_modal(title="Form", custom_id="form", components=[label])

        @self.message_command(name="Shout")
        async def shout(interaction: MessageCommandInteraction[Any], message: disnake.Message) -> None:
            await interaction.response.send_message(message.content.upper())

    async def on_button_click(self, interaction: MessageInteraction[Any]) -> None:
        await interaction.response.edit_message(f"pressed by {interaction.author.name}", components=[])

    async def on_modal_submit(self, interaction: ModalInteraction[Any]) -> None:
        await interaction.response.send_message(f"hello {interaction.text_values['name']}")

    async def on_message(self, message: disnake.Message) -> None:
        self.heard.append(message)
        if message.content == "ping" and message.author != self.user:
            await message.reply("pong")


@pytest_asyncio.fixture
async def lab(sandbox_server: Sandbox, sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Lab]:
    monkeypatch.setattr(disnake.http.Route, "BASE", sandbox_server.api)
    bot = Lab()
    task = asyncio.create_task(bot.start(sandbox_server.bot_token))
    ready = asyncio.create_task(bot.wait_until_first_connect())
    await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    await bot.wait_until_ready()
    await sandbox.wait("commands", names=["echo", "think", "form", "Shout"])
    yield bot
    await bot.close()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_fills_its_cache(lab: Lab) -> None:
    guild = lab.get_guild(1191168914227200100)
    assert guild is not None
    assert {channel.name for channel in guild.text_channels} >= {"general", "bot-lab", "requests"}
    assert {member.name for member in guild.members} == {"owner", "moderator", "member", "crafter", "guildhall"}
    assert guild.me.guild_permissions.manage_channels
    assert not guild.me.guild_permissions.administrator


async def test_answers_a_message_and_a_command(lab: Lab, sandbox: SandboxClient) -> None:
    await sandbox.say("member", "general", "ping")
    reply = await sandbox.wait_message(as_="member", channel="general", author="guildhall", content="pong")
    assert reply["type"] == 19
    assert reply["referenced_message"]["content"] == "ping"
    used = await sandbox.command("member", "general", "echo", {"text": "hi"})
    assert (used["state"], used["callback_type"]) == ("acknowledged", 4)
    assert used["ack_ms"] < 3000
    pressed = await sandbox.press("member", used["message_id"], "again")
    assert pressed["callback_type"] == 7
    changed = await sandbox.wait_message(as_="owner", channel="general", content="pressed by member")
    assert changed["components"] == []


async def test_defers_edits_and_follows_up(lab: Lab, sandbox: SandboxClient) -> None:
    choices = await sandbox.autocomplete("member", "bot-lab", "think", {"model": "c"}, "model")
    assert [choice["value"] for choice in choices] == ["claude"]
    used = await sandbox.command("member", "bot-lab", "think", {"model": "claude"})
    assert used["callback_type"] == 5
    await sandbox.wait_message(as_="member", channel="bot-lab", content="and more")
    first = await sandbox.wait_message(as_="member", channel="bot-lab", content="thought about claude", settled=True)
    assert first["id"] == used["message_id"]


async def test_modal_and_message_command(lab: Lab, sandbox: SandboxClient) -> None:
    opened = await sandbox.command("member", "bot-lab", "form")
    assert opened["modal"]["title"] == "Form"
    with pytest.raises(Refused):
        await sandbox.submit("member", opened["id"], {"name": ""})
    await sandbox.submit("member", opened["id"], {"name": "Mina"})
    await sandbox.wait_message(as_="member", channel="bot-lab", content="hello Mina")
    said = await sandbox.say("member", "bot-lab", "whisper")
    await sandbox.command("member", "bot-lab", "Shout", type=3, target_id=said["id"])
    await sandbox.wait_message(as_="member", channel="bot-lab", content="WHISPER")


async def test_ephemeral_is_for_its_reader_alone(lab: Lab, sandbox: SandboxClient) -> None:
    used = await sandbox.command("member", "general", "echo", {"text": "psst", "secret": True})
    assert used["ephemeral"]
    mine = await sandbox.messages("member", "general")
    theirs = await sandbox.messages("owner", "general")
    assert "psst" in [m["content"] for m in mine]
    assert "psst" not in [m["content"] for m in theirs]


async def test_threads_roles_and_conformance(lab: Lab, sandbox: SandboxClient) -> None:
    guild = lab.get_guild(1191168914227200100)
    assert guild is not None
    channel = disnake.utils.get(guild.text_channels, name="bot-lab")
    assert channel is not None
    message = await channel.send("start")
    thread = await message.create_thread(name="A thread")
    assert thread.id == message.id
    await thread.send("inside")
    await sandbox.say("member", str(thread.id), "me too")
    await sandbox.wait("message", as_="member", channel=str(thread.id), content="me too")
    role = await guild.create_role(name="Guest")
    mina = disnake.utils.get(guild.members, name="member")
    assert mina is not None
    await mina.add_roles(role)
    fresh = await guild.create_text_channel("Brand New", topic="t")
    assert fresh.name == "brand-new"
    counters = await sandbox.counters()
    assert counters["nonconforming"] == 0
    assert counters["nonconforming_answers"] == 0, await sandbox.requests(invalid="1")
