"""Words that address a model, a command or a picture, and words that only look like it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.addressing import TextCommand, addressed, asks_for_picture, text_command
from services.gateway.loop_guard import LoopGuard
from services.gateway.settings import LoopGuard as LoopGuardSettings
from tests.support import ManualClock

MODELS = ["openai/gpt-6-luna", "anthropic/claude-sonnet-5", "ollama/llama4"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("claude, what is a pier?", ("anthropic/claude-sonnet-5", "what is a pier?")),
        ("gpt: and you?", ("openai/gpt-6-luna", "and you?")),
        ("Anthropic, hello", ("anthropic/claude-sonnet-5", "hello")),
        ("ollama/llama4: hello", ("ollama/llama4", "hello")),
        ("well, what is a pier?", ("", "well, what is a pier?")),
        ("claude is a name", ("", "claude is a name")),
        ("claude,", ("", "claude,")),
        ("", ("", "")),
    ],
)
def test_direct_addressing(content: str, expected: tuple[str, str]) -> None:
    assert addressed(content, MODELS) == expected


@given(st.text(max_size=80))
def test_any_text_is_survived(content: str) -> None:
    model, rest = addressed(content, MODELS)
    assert rest in content
    assert model in ("", *MODELS)
    asks_for_picture(content)
    text_command(content, "!")


@pytest.mark.parametrize(
    ("content", "prefix", "expected"),
    [
        ("!ask what is this", "!", TextCommand("ask", "what is this")),
        ("!AutoRespond ON", "!", TextCommand("autorespond", "ON")),
        ("!status", "!", TextCommand("status", "")),
        ("!!! wow", "!", None),
        ("hello !ask", "!", None),
        ("gh.ask hi", "gh.", TextCommand("ask", "hi")),
        ("!ask hi", "", None),
    ],
)
def test_text_commands(content: str, prefix: str, expected: TextCommand | None) -> None:
    assert text_command(content, prefix) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("Draw me a lighthouse", True),
        ("please create a picture of a pier", True),
        ("zeichne einen Leuchtturm", True),
        ("Dessine un phare", True),
        ("drawing is fun", False),
        ("what is a drawing?", False),
    ],
)
def test_words_that_ask_for_a_picture(content: str, expected: bool) -> None:
    assert asks_for_picture(content) is expected


def test_bots_among_themselves_make_the_bot_quiet_for_a_while() -> None:
    clock = ManualClock()
    guard = LoopGuard(LoopGuardSettings(messages=3, window=60, quiet=60), clock)
    for message in (11, 12):
        guard.bot_spoke(1, message)
    guard.person_spoke(1)
    for message in (21, 22, 22, 21):  # two sessions may tell of one message
        guard.bot_spoke(1, message)
    assert not guard.quiet(1)
    guard.bot_spoke(1, 23)
    assert guard.quiet(1)
    assert not guard.quiet(2)
    clock.advance(61)
    assert not guard.quiet(1)


def test_slow_bots_are_no_loop() -> None:
    clock = ManualClock()
    guard = LoopGuard(LoopGuardSettings(messages=3, window=60, quiet=60), clock)
    for message in range(10):
        guard.bot_spoke(1, message)
        clock.advance(31)
    assert not guard.quiet(1)
