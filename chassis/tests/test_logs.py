import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from chassis import logs
from chassis.logs import Redactor
from chassis.settings.shared import Logging
from chassis.telemetry import tracer


class Lines:
    """What was logged."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    def __call__(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def lines() -> Iterator[Lines]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    found = Lines()
    logs.configure("llm", Logging(levels={"noisy.module": "error"}), found.stream)
    yield found
    logs.apply_levels(Logging())
    logging.captureWarnings(False)
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def test_a_line_says_who_when_and_in_which_trace(lines: Lines, spans: object) -> None:
    with tracer().start_as_current_span("work") as span:
        structlog.get_logger("services.llm.x").info("it happened", model="gpt", tokens=5)
    structlog.get_logger("services.llm.x").info("outside")
    inside, outside = lines()
    assert (inside["event"], inside["service"], inside["logger"], inside["level"]) == (
        "it happened", "llm", "services.llm.x", "info",
    )  # fmt: skip
    assert (inside["model"], inside["tokens"]) == ("gpt", 5)
    assert inside["trace_id"] == format(span.get_span_context().trace_id, "032x")
    assert inside["span_id"] == format(span.get_span_context().span_id, "016x")
    assert inside["timestamp"].endswith("Z")
    assert "trace_id" not in outside


def test_what_libraries_log_looks_the_same(lines: Lines) -> None:
    logging.getLogger("some.library").warning("took %d ms", 5, extra={"attempt": 2})
    logging.getLogger("py.warnings").warning("old thing")
    first, second = lines()
    assert (first["event"], first["service"], first["attempt"]) == ("took 5 ms", "llm", 2)
    assert "old thing" in second["event"]


def test_an_exception_is_one_line(lines: Lines) -> None:
    try:
        int("broken")
    except ValueError:
        structlog.get_logger("a").exception("failed")
    (line,) = lines()
    assert "ValueError: invalid literal" in line["exception"]
    assert "Traceback" in line["exception"]


def test_levels_change_by_module_while_running(lines: Lines) -> None:
    quiet, loud = structlog.get_logger("noisy.module.part"), structlog.get_logger("services.llm")
    quiet.warning("hidden")
    loud.debug("hidden")
    logs.set_level("services.llm", "debug")
    loud.debug("shown")
    logging.getLogger("services.llm.deep").debug("shown too")
    structlog.get_logger("services.board").debug("hidden")
    assert logs.levels()["services.llm"] == "debug"
    logs.apply_levels(Logging(level="warning"))
    quiet.warning("shown now")
    structlog.get_logger("other").info("hidden")
    assert [line["event"] for line in lines()] == ["shown", "shown too", "shown now"]
    logs.set_level("services.llm", "info")


SECRET = "MTIz-planted-secret-value"


@pytest.mark.parametrize(
    "say",
    [
        lambda log: log.info(SECRET),
        lambda log: log.info("x", anything=f"a{SECRET}b"),
        lambda log: log.info("x", nested={"deep": [SECRET]}),
        lambda log: log.info("x", api_key="some other value"),
        lambda log: log.info("x", bot_token="some other value"),
        lambda log: log.info("POST https://discord.test/api/v10/webhooks/123/aW50ZXJhY3Rpb24tdG9rZW4tdmFsdWU"),
        lambda log: log.info("POST /interactions/123/aW50ZXJhY3Rpb24tdG9rZW4tdmFsdWU/callback"),
        lambda log: log.info("Authorization: Bot abcdefgh.ijkl.mnop"),
        lambda log: log.info("key sk-abcdefghijklmnop"),
        lambda log: log.info("redis://user:hunter2hunter2@host:6379/0"),
        lambda log: logging.getLogger("lib").warning("url %s", f"http://x/{SECRET}"),
    ],
)
def test_no_secret_is_logged(lines: Lines, say: Any) -> None:
    logs.redactor.learn([SECRET])
    say(structlog.get_logger("a"))
    text = lines.stream.getvalue()
    assert logs.BLOT in text
    for secret in (
        SECRET, "some other value", "aW50ZXJhY3Rpb24tdG9rZW4tdmFsdWU", "abcdefgh.ijkl", "sk-abcdefgh", "hunter2",
    ):  # fmt: skip
        assert secret not in text


def test_a_secret_in_an_exception_is_blotted_out(lines: Lines) -> None:
    logs.redactor.learn([SECRET])
    try:
        int(SECRET)
    except ValueError:
        structlog.get_logger("a").exception("failed")
    assert SECRET not in lines.stream.getvalue()


def test_what_variables_hold_is_not_logged_in_a_terminal_either(lines: Lines) -> None:
    logs.configure("llm", Logging(format="console"), lines.stream)
    question = "-".join(["private", "words"])
    try:
        int("broken")
    except ValueError:
        structlog.get_logger("a").exception("failed", length=len(question))
    text = lines.stream.getvalue()
    assert "ValueError: invalid literal" in text
    assert "private-words" not in text


def test_ordinary_text_is_left_alone() -> None:
    redactor = Redactor()
    redactor.learn(["abc"])
    for text in ("abc is too short to be a secret", "a bot that works", "http://host/webhooks/123", "10:30 basic"):
        assert redactor.clean(text) == text
