"""A platform with little room: private answers end soon, and one answer is given at a time."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sandbox.control.client import SandboxClient
from tests.conversations.conftest import PATIENT
from tests.conversations.talking import MEMBER, OWNER, Talk, button, buttons, page_button
from tests.support import eventually
from tests.support.platform import RunningPlatform

pytestmark = pytest.mark.asyncio(loop_scope="session")

NARROW = PATIENT | {
    "GUILDHALL_EXECUTOR__REPLIES__TOKEN_SECONDS": "6",
    "GUILDHALL_EXECUTOR__JOBS__MAX_RUNNING": "1",
    "GUILDHALL_EXECUTOR__JOBS__PLACE_SECONDS": "0.3",
    "GUILDHALL_EXECUTOR__REPLIES__PERSONAS": '{"tutor": {"name": "The Lighthouse Keeper"}}',
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def narrow(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningPlatform]:
    """The platform."""
    async with RunningPlatform(tmp_path_factory.mktemp("narrow"), NARROW) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def there(narrow: RunningPlatform) -> AsyncIterator[Talk]:
    """A channel in it."""
    async with SandboxClient(narrow.page, narrow.control_token) as client:
        guilds = await client.call("GET", "/control/as/owner/guilds")
        guild = next(each for each in guilds if any(channel["name"] == "general" for channel in each["channels"]))
        general = next(each["id"] for each in guild["channels"] if each["name"] == "general")
        yield Talk(client, guild["id"], general)
        await client.call("DELETE", "/model/api/rules")


async def test_a_private_answer_ends_in_time_and_goes_on_in_a_private_thread(there: Talk) -> None:
    await there.sandbox.model_rule(contains="endlessly", tokens=2000, tokens_per_second=20)
    used = await there.use("ask", prompt="Remember the word lighthouse and talk endlessly.", private=True)
    ended = await there.sandbox.wait_message(
        as_=MEMBER, channel=there.channel, id=used["message_id"], component="reply.privately", timeout=30
    )
    assert "cannot be changed" in ended["content"]
    pressed = await there.press(ended, button(ended, "reply.privately"))
    told = await there.said(pressed, contains="It goes on in")
    thread = told["content"].partition("<#")[2].partition(">")[0]
    shown = await there.sandbox.wait_message(as_=MEMBER, channel=thread, component="reply.continue")
    assert shown["content"]
    await there.sandbox.call("DELETE", "/model/api/rules")
    await there.sandbox.say(MEMBER, thread, "Which word did I ask you to remember?")
    assert "lighthouse" in (await there.answers(thread))[0]["content"].lower()


async def test_whoever_waits_is_told_their_place(there: Talk) -> None:
    await there.sandbox.model_rule(contains="at leisure", tokens=80, tokens_per_second=20)
    first = await there.use("ask", prompt="Speak at leisure")
    waiting = await there.use("ask", OWNER, prompt="What is a quay?")
    told = await there.said(waiting, OWNER, contains="is number 1")
    assert "<t:" in told["content"]
    for used in (first, waiting):
        thread = await there.thread(used["message_id"])
        assert "reply.regenerate" in buttons((await there.answers(thread, timeout=40))[0])

    async def opened() -> bool:
        return "number" not in (await there.said(waiting, OWNER))["content"]

    await eventually(opened)


async def test_a_persona_speaks_by_webhook_and_goes_on_and_changes_as_any_answer(there: Talk) -> None:
    answered = await there.ask("Remember the word lighthouse.", persona="tutor")
    assert answered.message["webhook_id"]
    assert answered.message["author"]["username"] == "The Lighthouse Keeper"
    await there.press(answered.message, answered.button("reply.regenerate"))
    again = await there.changed(answered.message, component="reply.page")
    await there.press(again, page_button(again, "back"))
    await there.changed(answered.message, component="reply.page")
    await there.sandbox.say(MEMBER, answered.thread, "Which word did I ask you to remember?")
    assert "lighthouse" in (await there.answers(answered.thread, 2))[-1]["content"].lower()
    counters = await there.sandbox.counters()
    assert counters["http_429"] == 0
