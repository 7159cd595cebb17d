"""What one person sees of the board in Discord, and presses."""

from __future__ import annotations

from typing import Any

from sandbox.control.client import SandboxClient
from tests.support import eventually

CHANNEL = "general"


class Screen:
    """What one person sees and presses."""

    def __init__(self, sandbox: SandboxClient, person: str) -> None:
        self.sandbox = sandbox
        self.person = person

    async def use(self, command: str, channel: str = CHANNEL, **options: Any) -> dict[str, Any]:
        """Uses a command and gives the message that answers it."""

        async def answered() -> dict[str, Any]:
            answer = await self.sandbox.command(self.person, channel, command, options)
            assert answer["state"] == "acknowledged", answer
            return await self.settled(channel, answer["message_id"])

        async def reached() -> dict[str, Any]:
            # While a service is being restarted people are told so, and try again.
            found = await answered()
            return {} if "not reachable" in found["content"] else found

        return await eventually(reached, timeout=15, interval=0.5)

    async def opens(self, command: str, **options: Any) -> str:
        """Uses a command that opens a form; gives the interaction."""
        answer = await self.sandbox.command(self.person, CHANNEL, command, options)
        assert answer["state"] == "acknowledged", answer
        return str(answer["id"])

    async def settled(self, channel: str, message_id: str) -> dict[str, Any]:
        """A message once it is no longer being deferred."""
        found = await self.sandbox.wait("message", as_=self.person, channel=channel, id=message_id, settled=True)
        message: dict[str, Any] = found["messages"][0]
        return message

    async def press(self, message: dict[str, Any], label: str, values: list[str] | None = None) -> dict[str, Any]:
        """Presses what is labelled so (a select by its placeholder) and gives the message that it led to."""
        answer = await self.sandbox.press(self.person, message["id"], custom_id(message, label), values)
        assert answer["state"] == "acknowledged", answer
        shown = answer.get("message_id") or message["id"]
        return await self.settled(message["channel_id"], shown)

    async def messages(self, channel: str) -> list[dict[str, Any]]:
        """A channel's messages, newest first."""
        return await self.sandbox.messages(self.person, channel)

    async def directs(self) -> list[dict[str, Any]]:
        """Everything that the bot told this person directly, newest first."""
        channels = await self.sandbox.call("GET", f"/control/as/{self.person}/dms")
        found: list[dict[str, Any]] = []
        for channel in channels:
            found += await self.messages(channel["id"])
        return found


def components(message: dict[str, Any]) -> list[dict[str, Any]]:
    """A message's buttons and selects."""
    return [component for row in message["components"] for component in row["components"]]


def labels(message: dict[str, Any]) -> list[str]:
    """What stands on them."""
    return [component.get("label") or component.get("placeholder", "") for component in components(message)]


def custom_id(message: dict[str, Any], label: str) -> str:
    """The custom_id of what is labelled so."""
    for component in components(message):
        if label in (component.get("label"), component.get("placeholder")):
            return str(component["custom_id"])
    raise AssertionError(f"no {label!r} among {labels(message)}")


def text_of(message: dict[str, Any]) -> str:
    """Everything that a message says, its embeds included."""
    parts = [message["content"]]
    for embed in message["embeds"]:
        parts += [embed.get("title", ""), embed.get("description", "")]
        parts += [f"{field['name']}: {field['value']}" for field in embed.get("fields", ())]
    return "\n".join(part for part in parts if part)


async def asked(member: Screen, text: str) -> str:
    """Asks in one line; gives the number that the answer names."""
    said = (await member.use("request quick", text=text))["content"]
    assert said.startswith("On the board: **#"), said
    return str(said.split("**")[1])


async def told_directly(screen: Screen, words: str) -> dict[str, Any]:
    """What the bot said directly to somebody with these words in it; empty where it did not."""
    for message in await screen.directs():
        if words in message["content"]:
            return message
    return {}
