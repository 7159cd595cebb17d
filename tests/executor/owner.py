"""The owner of a guild, who changes it through Discord."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.control.client import SandboxClient


@dataclass
class Owner:
    """The guild's owner, who has it changed."""

    sandbox: SandboxClient
    guild_id: str

    async def manage(self, words: str) -> dict[str, Any]:
        """Uses /manage and gives the message with the preview."""
        answer = await self.sandbox.command("owner", "general", "manage", {"request": words})
        assert answer["state"] == "acknowledged", answer
        found = await self.sandbox.wait(
            "message", as_="owner", channel="general", id=answer["message_id"], component="plan.confirm", timeout=30
        )
        message: dict[str, Any] = found["messages"][0]
        return message

    async def confirmed(self, words: str) -> dict[str, Any]:
        """Has it done, and gives the message with the report."""
        message = await self.manage(words)
        await self.press(message, "plan.confirm")
        found = await self.sandbox.wait(
            "message", as_="owner", channel="general", id=message["id"], component="plan.undo", timeout=60
        )
        report: dict[str, Any] = found["messages"][0]
        return report

    async def press(self, message: dict[str, Any], action: str) -> None:
        """Presses a button."""
        answer = await self.sandbox.press("owner", message["id"], custom_id(message, action))
        assert answer["state"] == "acknowledged", answer

    async def choose(self, message: dict[str, Any], action: str, value: str) -> None:
        """Chooses in a select."""
        answer = await self.sandbox.press("owner", message["id"], custom_id(message, action), [value])
        assert answer["state"] == "acknowledged", answer

    async def use(self, command: str, **options: Any) -> dict[str, Any]:
        """Uses a command and gives the message that answers it."""
        answer = await self.sandbox.command("owner", "general", command, options)
        assert answer["state"] == "acknowledged", answer
        shown = await self.sandbox.messages("owner", "general", limit=20)
        return next(one for one in shown if one["id"] == answer["message_id"])

    async def shown(self, message: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """A message once it looks so."""
        fields = {"timeout": 30, **fields}
        found = await self.sandbox.wait("message", as_="owner", channel="general", id=message["id"], **fields)
        changed: dict[str, Any] = found["messages"][0]
        return changed

    async def preview_after(self, message: dict[str, Any]) -> dict[str, Any]:
        """The preview of a plan that something else than words has asked for."""
        found = await self.sandbox.wait(
            "message", as_="owner", channel="general", component="plan.confirm", after=message["id"], timeout=30
        )
        preview: dict[str, Any] = found["messages"][0]
        return preview

    async def confirm(self, preview: dict[str, Any]) -> dict[str, Any]:
        """Has what is shown done, and gives the report."""
        await self.press(preview, "plan.confirm")
        return await self.shown(preview, component="plan.undo", timeout=60)

    async def channels(self) -> list[dict[str, Any]]:
        """What there is."""
        found: list[dict[str, Any]] = await self.sandbox.rest("owner", "GET", f"/guilds/{self.guild_id}/channels")
        return found

    async def make(self, *names: str, **fields: Any) -> None:
        """Makes channels by hand."""
        for name in names:
            await self.sandbox.rest("owner", "POST", f"/guilds/{self.guild_id}/channels", {"name": name, **fields})


def custom_id(message: dict[str, Any], action: str) -> str:
    """The custom_id of a button or select that stands for an action."""
    buttons = [button for row in message["components"] for button in row["components"]]
    return next(str(one["custom_id"]) for one in buttons if one["custom_id"].startswith(action))
