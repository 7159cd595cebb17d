"""The bot where it is no member: carried along by a person who installed it for themselves."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from sandbox.control.client import Refused, SandboxClient
from tests.conversations.talking import CRAFTER, MEMBER, Talk, buttons

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def elsewhere(talk: Talk, sandbox: SandboxClient) -> AsyncIterator[str]:
    """A channel of a server without any bot, and a person there who carries the bot along."""
    known = await sandbox.call("GET", f"/control/as/{CRAFTER}/channels/{talk.channel}/commands")
    application = next(str(each["application_id"]) for each in known if each["name"] == "ask")
    guild = await sandbox.call("POST", f"/control/as/{CRAFTER}/guilds", {"name": "No bots here", "bots": False})
    await sandbox.call("PATCH", f"/control/people/{CRAFTER}", {"apps": [application]})
    yield str(next(channel["id"] for channel in guild["channels"] if channel["name"] == "general"))
    await sandbox.call("PATCH", f"/control/people/{CRAFTER}", {"apps": []})


async def answered(sandbox: SandboxClient, used: dict[str, Any], channel: str) -> dict[str, Any]:
    """The whole answer, in the one message that there can be."""
    assert used["state"] == "acknowledged", used
    found = await sandbox.wait(
        "message", as_=CRAFTER, channel=channel, id=used["message_id"], component="reply.copy", timeout=30
    )
    message: dict[str, Any] = found["messages"][0]
    return message


async def test_a_question_is_answered_in_one_message(elsewhere: str, sandbox: SandboxClient) -> None:
    await sandbox.reset_counters()
    used = await sandbox.command(CRAFTER, elsewhere, "ask", {"prompt": "What is a bollard?"})
    assert not used["ephemeral"]
    answer = await answered(sandbox, used, elsewhere)
    assert answer["content"]
    messages = await sandbox.messages(CRAFTER, elsewhere)
    assert [message["id"] for message in messages] == [used["message_id"]]
    # Nothing was tried that only a member may do.
    counters = await sandbox.counters()
    assert not counters["by_status"].get("403"), await sandbox.requests(status=403)


async def test_a_private_question_stays_private(elsewhere: str, sandbox: SandboxClient) -> None:
    used = await sandbox.command(CRAFTER, elsewhere, "ask", {"prompt": "A secret?", "private": True})
    assert used["ephemeral"]
    assert (await answered(sandbox, used, elsewhere))["content"]


async def test_messages_are_summed_up_and_translated(elsewhere: str, sandbox: SandboxClient) -> None:
    said = await sandbox.say(CRAFTER, elsewhere, "The lighthouse keeper was named Edda.")
    for name in ("Summarise", "Translate"):
        used = await sandbox.command(CRAFTER, elsewhere, name, type=3, target_id=said["id"])
        assert used["ephemeral"]
        assert (await answered(sandbox, used, elsewhere))["content"]


async def test_what_is_of_the_server_is_not_there(elsewhere: str, sandbox: SandboxClient) -> None:
    known = await sandbox.call("GET", f"/control/as/{CRAFTER}/channels/{elsewhere}/commands")
    names = {command["name"] for command in known}
    assert {"ask", "help", "models", "preferences", "image"} <= names
    assert names.isdisjoint({"settings", "setup", "board", "reload", "analytics", "status"})
    helped = await sandbox.command(CRAFTER, elsewhere, "help")
    shown = await sandbox.wait("message", as_=CRAFTER, channel=elsewhere, id=helped["message_id"], settled=True)
    assert "/ask" in shown["messages"][0]["content"]
    assert "/board" not in shown["messages"][0]["content"]
    assert not buttons(shown["messages"][0])


async def test_whoever_did_not_install_it_has_nothing(talk: Talk, sandbox: SandboxClient) -> None:
    guild = await sandbox.call("POST", f"/control/as/{MEMBER}/guilds", {"name": "Bare", "bots": False})
    channel = next(str(each["id"]) for each in guild["channels"] if each["name"] == "general")
    with pytest.raises(Refused):
        await sandbox.command(MEMBER, channel, "ask", {"prompt": "Anybody?"})
