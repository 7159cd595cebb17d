"""What executor shows and tells of the board as hours and months go by: old messages, digests, nights, closed doors."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sandbox.app import Sandbox
from sandbox.control.client import SandboxClient
from sandbox.pytest_plugin import sandbox_options, sandbox_server
from sandbox.tests.discord.bot import Bot
from tests.board.conftest import CONFIGURATION
from tests.board.delivering import INDEX_PAUSE, Delivering, delivering
from tests.board.screen import labels, text_of
from tests.support import eventually

__all__ = ["sandbox_options", "sandbox_server"]
pytestmark = pytest.mark.timeout(120)
HOUR = 3600
OLD_EDITS = 30
"""How many edits of messages older than an hour Discord takes in an hour."""


@pytest_asyncio.fixture
async def sandbox(sandbox_server: Sandbox) -> AsyncIterator[SandboxClient]:
    """The control client of a sandbox without a gateway."""
    async with SandboxClient(sandbox_server.url, sandbox_server.control_token) as client:
        yield client


@pytest_asyncio.fixture
async def guild(
    sandbox_server: Sandbox, sandbox: SandboxClient, redis_url: str, tmp_path: Path
) -> AsyncIterator[Delivering]:
    """A guild whose board is shown in Discord."""
    async with delivering(sandbox_server, sandbox, redis_url, tmp_path, CONFIGURATION) as running:
        yield running


async def edited_too_often(guild: Delivering, server: Sandbox, channel: str, message: str) -> None:
    """Uses up what Discord allows of edits of old messages, and this moment's edits of the channel with it."""
    path = f"/channels/{channel}/messages/{message}"
    async with Bot(server.api, server.bot_token) as bot:
        for _ in range(OLD_EDITS + 1):
            status, answer, _ = await bot.raw("PATCH", path, {"content": ""})
            if status == 429:
                break
            await guild.sandbox.advance(1)
        assert (status, answer["code"]) == (429, 30046)
        await guild.sandbox.advance(5)
        # The bucket's last call is refused with nothing remaining: that wait is no wait of the bucket's.
        for _ in range(4):
            assert (await bot.refused("PATCH", path, {"content": ""}))[:2] == (429, 30046)


async def lists(guild: Delivering, channel: str) -> list[dict[str, Any]]:
    """The lists that a channel shows."""
    return [one for one in await guild.sandbox.messages("owner", channel) if one["embeds"]]


async def test_what_happens_shortly_after_one_another_is_one_edit_of_the_list(guild: Delivering) -> None:
    channel = await guild.new_channel("board")
    await guild.set(board_index_channel=channel)
    began = time.monotonic()
    for number in range(20):
        await guild.ask(f"Flask {number}")

    async def complete() -> bool:
        found = await lists(guild, channel)
        return len(found) == 1 and all(f"Flask {number}" in text_of(found[0]) for number in range(20))

    await eventually(complete, timeout=20)
    most = (time.monotonic() - began) / INDEX_PAUSE + 1
    log = await guild.sandbox.requests(limit=500)
    edits = [one for one in log if one["method"] == "PATCH" and one["route"].endswith("/messages/{message_id}")]
    assert len(edits) <= most, "one in each pause at most"


async def test_a_list_that_may_not_be_edited_any_more_is_shown_anew(guild: Delivering, sandbox_server: Sandbox) -> None:
    channel = await guild.new_channel("board")
    await guild.set(board_index_channel=channel)
    await guild.ask("Flask of Power")

    async def shown(*items: str) -> dict[str, Any]:
        found = await lists(guild, channel)
        right = len(found) == 1 and found[0]["pinned"] and all(item in text_of(found[0]) for item in items)
        return found[0] if right else {}

    first = await eventually(lambda: shown("Flask of Power"), timeout=20)
    await guild.advance(2 * HOUR)
    await guild.ask("Living Steel")
    edited = await eventually(lambda: shown("Flask of Power", "Living Steel"), timeout=20)
    assert edited["id"] == first["id"], "an old message may be edited, but not often"
    await edited_too_often(guild, sandbox_server, channel, first["id"])
    await guild.ask("Third Thing")
    second = await eventually(lambda: shown("Living Steel", "Third Thing"), timeout=20)
    assert second["id"] != first["id"], "a new message in its place, pinned, and the old one gone"
    await guild.ask("Fourth Thing")
    third = await eventually(lambda: shown("Third Thing", "Fourth Thing"), timeout=20)
    assert third["id"] == second["id"], "which may be edited again"


async def test_a_post_that_may_not_be_edited_shows_its_card_below_until_it_may(
    guild: Delivering, sandbox_server: Sandbox
) -> None:
    forum = await guild.new_channel("requests", 15)
    await guild.set(board_forum_channel=forum)
    request = await guild.ask("Flask of Power")

    async def post() -> str:
        threads = await guild.sandbox.rest("owner", "GET", f"/guilds/{guild.guild_id}/threads/active")
        return next((one["id"] for one in threads["threads"] if one["parent_id"] == forum), "")

    thread = await eventually(post, timeout=20)

    async def cards(*buttons: str) -> list[dict[str, Any]]:
        """The post's messages, the oldest first, once each shows as many as are given one of these buttons."""
        found = [one for one in reversed(await guild.sandbox.messages("owner", thread)) if one["embeds"]]
        fits = len(found) == len(buttons) and all(word in labels(one) for word, one in zip(buttons, found, strict=True))
        return found if fits else []

    await eventually(lambda: cards("Claim"), timeout=20)
    await guild.advance(2 * HOUR)
    await guild.do("CLAIM", request)
    await eventually(lambda: cards("Ready"), timeout=20)
    await edited_too_often(guild, sandbox_server, thread, thread)
    await guild.do("AWAIT_MATERIALS", request)
    # The first message stands as it was; what is true now stands below it, and is edited there.
    await eventually(lambda: cards("Ready", "Materials are here"), timeout=20)
    await guild.do("RECEIVE_MATERIALS", request)
    await eventually(lambda: cards("Ready", "Ready"), timeout=20)
    await guild.advance(HOUR)
    # ratelimit counts by Redis's own time, which no test can move: it forgets as it would have by then.
    await guild.forget_limits()
    await guild.do("COMPLETE", request)

    async def put_away() -> bool:
        shown = [one for one in await guild.sandbox.messages("owner", thread) if one["embeds"]]
        fresh = await guild.sandbox.rest("owner", "GET", f"/channels/{thread}")
        archived = bool(fresh["thread_metadata"]["archived"])
        return archived and [one["id"] for one in shown] == [thread] and "completed" in text_of(shown[0])

    await eventually(put_away, timeout=20)


async def test_a_digest_is_sent_at_its_hour(guild: Delivering) -> None:
    await guild.set("member", board_messages="digest", board_digest_hours=12)
    await guild.set("owner", board_messages="digest", board_digest_hours=12)
    made = [await guild.ask("Flask of Power"), await guild.ask("Living Steel"), await guild.ask("Iron", "owner")]
    for request in made:
        await guild.do("CLAIM", request)
        await guild.do("RELEASE", request)
    await guild.followed(9)
    assert not await guild.told("member"), "nothing before its hour"
    await guild.set("owner", board_messages="none")
    await guild.advance(12 * HOUR)
    said = await eventually(lambda: guild.told("member"), timeout=20)
    assert len(said) == 1 and said[0].startswith("**What happened on the board")
    for request in made[:2]:
        assert said[0].count(f"claimed your #{request.number} ") == 1
        assert said[0].count(f"released your #{request.number} ") == 1
    assert not await guild.told("owner"), "who wants none by now gets none of what was gathered either"
    await guild.ask("Flask of Power")
    await guild.do("CLAIM", await guild.ask("Elixir"))
    await guild.followed(12)
    assert len(await guild.told("member")) == 1, "what happened since is for the next one"
    await guild.advance(12 * HOUR)

    async def both() -> list[str]:
        found = await guild.told("member")
        return found if len(found) == 2 else []

    assert "Flask of Power" not in (await eventually(both, timeout=20))[0]


async def test_nights_that_begin_before_the_digest_put_it_off(guild: Delivering) -> None:
    now = datetime.fromtimestamp(guild.clock.now(), UTC)
    await guild.set("member", board_messages="digest", board_digest_hours=1)
    await guild.do("CLAIM", await guild.ask("Flask of Power"))
    await guild.followed(2)
    # Set after it was gathered: it is the hour of sending that counts.
    await guild.set("member", board_quiet_hours=f"{now.hour}-{(now.hour + 4) % 24}", board_messages="each")
    await guild.set("owner", board_messages="digest", board_digest_hours=1)
    await guild.do("CLAIM", await guild.ask("Iron", "owner"))
    await guild.followed(4)
    await guild.advance(HOUR)
    await eventually(lambda: guild.told("owner"), timeout=20)
    assert not await guild.told("member")
    second = await guild.ask("Living Steel")
    await guild.do("CLAIM", second)
    await guild.followed(6)
    assert not await guild.told("member"), "who is told each thing at once sleeps too"
    await guild.advance(4 * HOUR)
    said = await eventually(lambda: guild.told("member"), timeout=20)
    assert len(said) == 1 and "Flask of Power" in said[0] and "Living Steel" in said[0]


async def test_a_digest_for_closed_doors_is_said_in_the_latest_post(guild: Delivering) -> None:
    forum = await guild.new_channel("requests", 15)
    await guild.set(board_forum_channel=forum)
    await guild.set("member", board_messages="digest", board_digest_hours=1)
    made = [await guild.ask("Flask of Power"), await guild.ask("Living Steel")]
    for request in made:
        await guild.do("CLAIM", request)
    await guild.followed(4)
    await guild.sandbox.call("PATCH", "/control/people/member", {"direct_messages": False})
    await guild.advance(HOUR)

    async def mentions() -> list[dict[str, Any]]:
        threads = await guild.sandbox.rest("owner", "GET", f"/guilds/{guild.guild_id}/threads/active")
        found: list[dict[str, Any]] = []
        for thread in threads["threads"]:
            said = await guild.sandbox.messages("owner", thread["id"])
            found += [{**one, "thread": thread["name"]} for one in said if one["mentions"]]
        return found

    said = await eventually(mentions, timeout=20)
    assert len(said) == 1 and [int(one["id"]) for one in said[0]["mentions"]] == [guild.people["member"]]
    assert "Flask of Power" in said[0]["content"] and "Living Steel" in said[0]["content"]
    assert said[0]["thread"].startswith(f"#{made[1].number} ")
