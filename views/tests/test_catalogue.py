"""The catalogues are whole, and the lint sees where one is not."""

from pathlib import Path

import pytest

from views.catalogue import Catalogue, texts
from views.catalogue_lint import modules, problems

ENGLISH = {"a.b": "Hello {name}", "a.c": "Bye"}


def test_the_catalogues_are_whole() -> None:
    assert texts().languages == ("de", "en", "fr")
    assert problems(texts(), modules()) == []


@pytest.mark.parametrize(
    ("german", "problem"),
    [
        ({"a.b": "Hallo {name}"}, "de: a.c is missing"),
        ({"a.b": "Hallo {name}", "a.c": "Tschüss", "a.d": "?"}, "de: a.d is not in English"),
        ({"a.b": "Hallo {nom}", "a.c": "Tschüss"}, "de: a.b shows other values than the English text"),
        ({"a.b": "Hallo {name}", "a.c": " "}, "de: a.c is empty"),
    ],
)
def test_the_lint_sees(german: dict[str, str], problem: str) -> None:
    assert problems(Catalogue({"en": ENGLISH, "de": german})) == [problem]


def test_the_lint_sees_a_key_that_is_not_there(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text('context.text("a.b", name=1)\ntexts.text(locale, "a.x")\nother.text("plain")\n')
    assert problems(Catalogue({"en": ENGLISH}), [module]) == [f"{module}:2: there is no text 'a.x'"]


def test_the_lint_sees_a_key_that_nothing_can_fit(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        'context.text(f"a.{letter}", name=1)\ncontext.text(f"b.{letter}")\ncontext.text("a.y" if old else "a.c")\n'
    )
    assert problems(Catalogue({"en": ENGLISH}), [module]) == [
        f"{module}:3: there is no text 'a.y'",
        f"{module}:2: there is no text like 'b\\\\..+'",
    ]


@pytest.mark.parametrize(
    ("locale", "expected"), [("en-GB", "Hello X"), ("de", "Hallo X"), ("ja", "Hello X"), ("", "Hello X")]
)
def test_the_language_follows_the_locale(locale: str, expected: str) -> None:
    catalogue = Catalogue({"en": ENGLISH, "de": {"a.b": "Hallo {name}"}})
    assert catalogue.text(locale, "a.b", name="X") == expected


def test_english_stands_in_and_values_are_not_templates() -> None:
    catalogue = Catalogue({"en": ENGLISH, "de": {}})
    assert catalogue.text("de", "a.b", name="{secret.__class__}") == "Hello {secret.__class__}"
    with pytest.raises(KeyError):
        catalogue.text("de", "nothing")
