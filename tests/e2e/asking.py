"""Asking questions in the sandbox and reading what came of them, as a person would."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from sandbox.control.client import SandboxClient
from views.custom_id import encode
from views.reply_controls import REGENERATE

_NUMBERS = itertools.count(1)
# A plain message, a reply, a command's response. A thread begins with a notice that shows what it was opened from (21).
_SAID = (0, 19, 20)
_DONE = encode(REGENERATE)
"""An answer that is done offers to be regenerated; one that is still growing does not."""


@dataclass(frozen=True)
class Asked:
    """A question that was acknowledged."""

    interaction: str
    ack_ms: float
    message: str
    """The bot's original response."""


class Guild:
    """The seeded guild as one member sees it, whom nobody else plays: limits are counted for each person."""

    def __init__(self, sandbox: SandboxClient, me: str) -> None:
        self.sandbox = sandbox
        self.me = me

    @classmethod
    async def joined(cls, sandbox: SandboxClient) -> Guild:
        """The guild through a new member."""
        guild = (await sandbox.call("GET", "/control/as/owner/guilds"))[0]
        person = {"username": f"member{next(_NUMBERS)}", "guilds": [{"id": guild["id"]}]}
        return cls(sandbox, str((await sandbox.call("POST", "/control/people", person))["id"]))

    async def ask(self, prompt: str, *, channel: str = "general", **options: Any) -> Asked:
        """Use /ask and wait for the acknowledgement."""
        answer = await self.sandbox.command(self.me, channel, "ask", {"prompt": prompt, **options})
        assert answer["state"] == "acknowledged", answer
        return Asked(answer["id"], answer["ack_ms"], answer["message_id"])

    async def refusal(self, prompt: str, *, channel: str = "general", **options: Any) -> str:
        """Use /ask and read the private sentence that answers it."""
        answer = await self.sandbox.command(self.me, channel, "ask", {"prompt": prompt, **options})
        assert answer["state"] == "acknowledged", answer
        assert answer["ephemeral"], answer
        found = await self.sandbox.wait(
            "message", as_=self.me, channel=channel, id=answer["message_id"], settled=True, timeout=30
        )
        return str(found["messages"][0]["content"])

    async def thread_of(self, asked: Asked, *, timeout: float = 30) -> dict[str, Any]:
        """The thread that was opened for a question."""
        found = await self.sandbox.wait("thread", message=asked.message, timeout=timeout)
        thread: dict[str, Any] = found["thread"]
        return thread

    async def answers_in(self, thread: str, *, count: int = 1, timeout: float = 30) -> list[dict[str, Any]]:
        """The bot's finished answers in a thread, once there are so many, oldest first."""
        found = await self.sandbox.wait(
            "message", as_=self.me, channel=thread, count=count, component=_DONE, timeout=timeout
        )
        messages: list[dict[str, Any]] = found["messages"]
        return messages

    async def begun_in(self, thread: str) -> None:
        """Return once the first text of an answer stands in a thread."""
        await self.sandbox.wait("message", as_=self.me, channel=thread, author=await self.bot_id(), contains=" ")

    async def said_in(self, channel: str) -> list[dict[str, Any]]:
        """Everything that was said in a channel or thread, oldest first; Discord's own notices apart."""
        messages: list[dict[str, Any]] = await self.sandbox.rest(
            self.me, "GET", f"/channels/{channel}/messages", limit=100
        )
        return [message for message in messages[::-1] if message["type"] in _SAID]

    async def bot_id(self) -> str:
        """The bot's user id."""
        people = await self.sandbox.call("GET", "/control/people")
        return str(next(person["id"] for person in people if person["bot"]))
