"""Using any command there is: something for each option that it asks for, whatever command it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.control.client import SandboxClient
from services.gateway.command import Command, CommandKind, OptionKind
from services.gateway.registry import Route

_FILE = "list.csv"


async def use(
    sandbox: SandboxClient, route: Route, who: str, channel: str, *, about: str, target: str
) -> dict[str, Any]:
    """Somebody uses a command, on the message `target` or about the person `about` where it takes one."""
    if route.command.kind is not CommandKind.CHAT:
        on_message: dict[str, Any] = await sandbox.command(who, channel, route.path, type=3, target_id=target)
        return on_message
    options = _given(route.command, about)
    files = {name: (name, b"item") for name, value in options.items() if value == _FILE} or None
    used: dict[str, Any] = await sandbox.command(who, channel, route.path, options, files=files)
    return used


def _given(command: Command, person: str) -> dict[str, Any]:
    some: Mapping[OptionKind, Any] = {
        OptionKind.TEXT: "xyzzy",
        OptionKind.INTEGER: 1,
        OptionKind.BOOLEAN: True,
        OptionKind.USER: person,
        OptionKind.ATTACHMENT: _FILE,
    }
    return {
        option.name: option.choices[0] if option.choices else some[option.kind]
        for option in command.options
        if option.required
    }
