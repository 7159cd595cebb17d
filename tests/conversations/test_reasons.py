"""Whatever llm refuses is told to people in their language, in a sentence that needs nothing put in."""

import ast
import string
from pathlib import Path

import pytest

from views.catalogue import texts

SERVICE = Path(__file__).parents[2] / "services" / "llm"
OURS = {
    "INVALID_ID", "INVALID_LOCALE", "INVALID_PAGE_TOKEN", "INVALID_PERIOD", "INVALID_SCHEMA", "INVALID_TEMPERATURE",
    "INVALID_TOOL",
}  # fmt: skip
"""What no person causes: a service asked wrongly, so people are told that the fault is ours."""


def reasons() -> set[str]:
    """Every reason that the service names, in `reason=…` and in its table of what providers do."""
    found: set[str] = set()
    for path in SERVICE.rglob("*.py"):
        if "tests" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.keyword(arg="reason", value=ast.Constant(value=str(reason))):
                    found.add(reason)
                case ast.Call(func=ast.Name(id="_refused"), args=[_, ast.Constant(value=str(reason)), *_]):
                    found.add(reason)
    told = {
        "PROVIDER_AUTHENTICATION", "PROVIDER_QUOTA_EXHAUSTED", "MODEL_UNKNOWN", "PROMPT_TOO_LONG", "CONTENT_REFUSED",
        "PROVIDER_REFUSED", "PROVIDER_RATE_LIMITED",
    }  # fmt: skip
    return found | told


def test_the_reasons_are_found() -> None:
    assert {"MODEL_UNKNOWN", "ATTACHMENT_TOO_LARGE", "ATTACHMENT_UNREADABLE", "PROVIDER_UNAVAILABLE"} <= reasons()


@pytest.mark.parametrize("reason", sorted(reasons() - OURS))
def test_a_reason_is_a_sentence_in_every_language(reason: str) -> None:
    catalogue = texts()
    for language in catalogue.languages:
        sentence = catalogue.table(language)[f"error.{reason.lower()}"]
        assert [name for _, name, _, _ in string.Formatter().parse(sentence) if name] == [], (language, sentence)
        assert sentence.endswith((".", "!")), (language, sentence)
    assert len({catalogue.table(language)[f"error.{reason.lower()}"] for language in catalogue.languages}) == len(
        catalogue.languages
    )
