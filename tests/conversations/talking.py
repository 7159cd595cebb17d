"""Talking with the bot in the sandbox as people do, and reading what came of it."""

from dataclasses import dataclass
from typing import Any

import aiohttp

from sandbox.control.client import SandboxClient

MEMBER, OWNER, MODERATOR, CRAFTER = "member", "owner", "moderator", "crafter"
DONE = "reply.regenerate"


@dataclass(frozen=True)
class Answered:
    """A question with its answer."""

    interaction: dict[str, Any]
    thread: str
    message: dict[str, Any]

    def button(self, action: str) -> str:
        """The custom_id of a button under the answer."""
        return button(self.message, action)


def button(message: dict[str, Any], action: str) -> str:
    """The custom_id of the first component of a message that begins with an action."""
    for row in message["components"]:
        for component in row["components"]:
            if component.get("custom_id", "").startswith(action):
                return str(component["custom_id"])
    raise AssertionError(f"no {action} in {message['components']}")


def page_button(message: dict[str, Any], where: str) -> str:
    """The custom_id of a button that pages through versions: `back` or `forth`."""
    return next(
        str(component["custom_id"])
        for row in message["components"]
        for component in row["components"]
        if component["custom_id"].endswith(f":{where}")
    )


def buttons(message: dict[str, Any]) -> list[str]:
    """The actions of all components of a message."""
    return [
        component.get("custom_id", "").partition(":")[0]
        for row in message["components"]
        for component in row["components"]
    ]


async def file_of(message: dict[str, Any], name: str) -> bytes:
    """A file that hangs on a message."""
    address = next(file["url"] for file in message["attachments"] if file["filename"] == name)
    async with aiohttp.ClientSession() as session, session.get(address) as answer:
        assert answer.status == 200
        return await answer.read()


class Talk:
    """One channel in which a test talks."""

    def __init__(self, sandbox: SandboxClient, guild: str, channel: str) -> None:
        self.sandbox = sandbox
        self.guild = guild
        self.channel = channel

    async def use(self, command: str, person: str = MEMBER, /, *, channel: str = "", **options: Any) -> dict[str, Any]:
        """Uses a command; gives the interaction once it was acknowledged."""
        used: dict[str, Any] = await self.sandbox.command(person, channel or self.channel, command, options)
        assert used["state"] == "acknowledged", used
        return used

    async def said(self, used: dict[str, Any], person: str = MEMBER, *, channel: str = "", **expected: Any) -> Any:
        """The message that answers an interaction, once it is there."""
        found = await self.sandbox.wait(
            "message", as_=person, channel=channel or self.channel, id=used["message_id"], settled=True, **expected
        )
        return found["messages"][0]

    async def private(self, command: str, person: str = MEMBER, /, **options: Any) -> Any:
        """Uses a command that is answered privately; gives the answer."""
        used = await self.use(command, person, **options)
        assert used["ephemeral"], used
        return await self.said(used, person)

    async def ask(self, prompt: str, person: str = MEMBER, **options: Any) -> Answered:
        """Asks with /ask and waits for the answer's end."""
        used = await self.use("ask", person, prompt=prompt, **options)
        thread = await self.thread(used["message_id"])
        return Answered(used, thread, (await self.answers(thread))[0])

    async def thread(self, message: str) -> str:
        """The thread that was opened from a message."""
        return str((await self.sandbox.wait("thread", message=message))["thread"]["id"])

    async def answers(self, channel: str, count: int = 1, *, timeout: float = 30) -> list[dict[str, Any]]:
        """The finished answers in a thread or channel, once there are so many."""
        found = await self.sandbox.wait(
            "message", as_=OWNER, channel=channel, count=count, component=DONE, timeout=timeout
        )
        messages: list[dict[str, Any]] = found["messages"]
        return messages

    async def press(
        self, message: dict[str, Any], custom_id: str, person: str = MEMBER, values: list[str] | None = None
    ) -> dict[str, Any]:
        """Presses a button or chooses in a select; gives the interaction once it was acknowledged."""
        used: dict[str, Any] = await self.sandbox.press(person, message["id"], custom_id, values)
        assert used["state"] == "acknowledged", used
        return used

    async def changed(self, message: dict[str, Any], person: str = OWNER, **expected: Any) -> dict[str, Any]:
        """A message once something about it is so, for example `contains="…"`."""
        found = await self.sandbox.wait(
            "message", as_=person, channel=message["channel_id"], id=message["id"], **expected
        )
        after: dict[str, Any] = found["messages"][0]
        return after
