"""Setting things for a channel in its menu, as its owner does."""

from tests.conversations.talking import OWNER, Talk, button


async def choose(talk: Talk, item: str, value: str, *, page: int = 1) -> None:
    """Chooses a value for the channel; returns once it is announced, so that it holds everywhere."""
    await _change(talk, f"settings.choose:channel:{page}:{item}", page, [value])


async def switch(talk: Talk, item: str, *, page: int = 0) -> None:
    """Presses a switch of the channel's menu."""
    await _change(talk, f"settings.toggle:channel:{page}:{item}", page, None)


async def _change(talk: Talk, action: str, page: int, values: list[str] | None) -> None:
    menu = await talk.private("settings", OWNER)
    if page:
        await talk.press(menu, button(menu, f"settings.show:channel:{page}"), OWNER)
        menu = await talk.changed(menu, component=action)
    before = await _announcements(talk)
    await talk.press(menu, button(menu, action), OWNER, values)
    await talk.sandbox.wait("message", as_=OWNER, channel=talk.channel, contains="gh1.", count=before + 1)


async def _announcements(talk: Talk) -> int:
    return sum("gh1." in message["content"] for message in await talk.sandbox.messages(OWNER, talk.channel, limit=100))
