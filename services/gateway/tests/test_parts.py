"""The small parts: lanes keep order, shard ranges, what errors say, what goes under answers."""

import asyncio

import pytest

from chassis.errors import Internal, NotFound, Unavailable
from services.gateway.client import MEMBERS_FLAGS, MESSAGE_CONTENT_FLAGS, Misconfigured, intents
from services.gateway.commands.image import typed_in
from services.gateway.commands.operate import NEEDED, invitation, missing_permissions
from services.gateway.fleet import shard_range
from services.gateway.lanes import Lanes
from services.gateway.menu_items import ITEMS
from services.gateway.router import error_text
from services.gateway.settings import GatewaySettings, Intents, Shards
from views import reply_controls
from views.catalogue import texts
from views.custom_id import decode
from views.markdown import escaped, shortened
from views.reply_controls import Facts, Named
from views.setting_texts import CHANNELS


async def test_a_lane_keeps_its_order_and_lanes_do_not_wait_for_each_other() -> None:
    lanes, done, gate = Lanes(), [], asyncio.Event()

    async def slow() -> None:
        await gate.wait()
        done.append("slow")

    async def quick(name: str) -> None:
        done.append(name)

    lanes.put("a", slow)
    lanes.put("a", lambda: quick("after"))
    lanes.put("b", lambda: quick("other"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert done == ["other"]
    gate.set()
    await lanes.drain(5)
    assert done == ["other", "slow", "after"]
    assert lanes.idle


async def test_draining_gives_up_what_takes_too_long() -> None:
    lanes = Lanes()
    lanes.put("a", asyncio.Event().wait)  # type: ignore[arg-type]
    await lanes.drain(0.01)
    assert lanes.idle


@pytest.mark.parametrize(
    ("shards", "expected"),
    [
        (Shards(), (range(4), 4)),
        (Shards(count=8, first=2, last=3), (range(2, 4), 8)),
        (Shards(first=3), (range(3, 4), 4)),
    ],
)
def test_which_shards_run_here(shards: Shards, expected: tuple[range, int]) -> None:
    settings = GatewaySettings.model_construct(shards=shards)
    assert shard_range(settings, 4) == expected


def test_a_range_of_shards_that_is_none_is_refused() -> None:
    with pytest.raises(Misconfigured, match=r"gateway\.shards"):
        shard_range(GatewaySettings.model_construct(shards=Shards(count=2, first=2)), 1)


def test_intents_are_asked_for_as_far_as_they_are_allowed() -> None:
    chosen, missing = intents(Intents(), 0)
    assert not chosen.message_content
    assert missing == ("MESSAGE CONTENT INTENT", "SERVER MEMBERS INTENT")
    chosen, missing = intents(Intents(), MESSAGE_CONTENT_FLAGS | MEMBERS_FLAGS)
    assert chosen.message_content
    assert chosen.members
    assert not missing
    assert not intents(Intents(message_content="off"), MESSAGE_CONTENT_FLAGS)[0].message_content
    with pytest.raises(Misconfigured, match="MESSAGE CONTENT INTENT"):
        intents(Intents(message_content="on"), 0)


def test_errors_say_what_to_do_and_when() -> None:
    said = error_text(texts(), "de", Unavailable("x", reason="STORE_UNAVAILABLE", retry_after=5), 1000.0)
    assert "nichts aufschreiben" in said
    assert "<t:1005:R>" in said
    assert "went wrong" in error_text(texts(), "en", Internal("secret", reason="NO_SUCH_TEXT"), 0.0)
    assert "secret" not in error_text(texts(), "en", Internal("secret", reason="NO_SUCH_TEXT"), 0.0)
    assert "too old" in error_text(texts(), "en", NotFound("x", reason="REPLY_UNKNOWN"), 0.0)


def test_missing_permissions_are_named_and_asked_for() -> None:
    everything = sum(NEEDED.values())
    assert missing_permissions(everything) == []
    assert missing_permissions(1 << 3) == []
    assert missing_permissions(everything & ~NEEDED["MANAGE_THREADS"]) == ["MANAGE_THREADS"]
    external_emojis = 1 << 18
    assert f"permissions={everything | external_emojis}&" in invitation(1, 2, external_emojis)


@pytest.mark.parametrize(
    ("content", "wish"),
    [("Press:\n```\ndelete all\nchannels\n```", "delete all\nchannels"), ("nothing here", ""), ("```\nopen", "")],
)
def test_the_wish_in_a_message_is_read_back(content: str, wish: str) -> None:
    assert typed_in(content) == wish


def english(key: str, **values: object) -> str:
    return texts().text("en", key, **values)


def test_buttons_carry_the_answer_and_its_asker() -> None:
    answer = Named("0" * 22, 7)
    for rows in (
        reply_controls.while_streaming(answer, english),
        reply_controls.when_done(answer, english),
        reply_controls.when_done(answer, english, failed=True),
        reply_controls.when_done(answer, english, private=True, versions=3, shown=1),
    ):
        assert len(rows) <= 5
        for row in rows:
            assert len(row["components"]) <= 5
            for button in row["components"]:
                assert decode(button["custom_id"]).arguments[:2] == (answer.job_id, "7")
    ids = [
        button["custom_id"]
        for row in reply_controls.when_done(answer, english, versions=2)
        for button in row["components"]
    ]
    assert len(ids) == len(set(ids))


def test_the_footer_says_what_is_known() -> None:
    assert reply_controls.footer(Facts(), english) == ""
    line = reply_controls.footer(Facts("openai/x", 1000, 234, True, 12_300_000, 2), english)
    assert line == "-# openai/x · ~1,234 tokens · $0.0123 · 2 earlier turns left out"


def test_thinking_stays_behind_its_spoiler() -> None:
    shown = reply_controls.thinking("first || then `code`\nend", 100, english)
    assert shown.count("||") == 2
    assert reply_controls.thinking("  ", 100, english) == ""
    assert len(reply_controls.thinking("x" * 500, 100, english)) < 130


def test_peoples_words_take_no_effect() -> None:
    assert escaped("**bold** @everyone [x](http://y)\nnext") == (
        "\\*\\*bold\\*\\* @\u200beveryone \\[x\\]\\(http\\://y\\) next"
    )
    assert shortened("abcdef", 4) == "abc…"
    assert shortened("abc", 3) == "abc"


def test_the_menus_and_the_texts_know_the_same_settings_of_channels() -> None:
    assert {item.key for item in ITEMS if item.channels} == CHANNELS
