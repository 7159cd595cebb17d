"""What is wrong with what was entered can be said in every language."""

import json
import string

import pytest

from services.board.problems import CODES, Problem, invalid
from views.board.lines import problem
from views.catalogue import texts
from views.catalogue_lint import placeholders


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_problem_has_its_words_with_its_values(code: str) -> None:
    names = placeholders(texts().table("en")[f"board.problem.{code}"])
    for language in texts().languages:
        assert placeholders(texts().table(language)[f"board.problem.{code}"]) == names
    said = Problem(code, **dict.fromkeys(names, "x"))
    assert not [name for _, name, _, _ in string.Formatter().parse(said) if name], said


def test_an_error_names_the_problem_of_each_field_for_readers() -> None:
    error = invalid("wrong", "REQUEST_INVALID", {"item": Problem("length", limit=100, length=1000), "other": "so"})
    assert error.fields == {"item": "at most 100 characters, this has 1,000", "other": "so"}
    packed = json.loads(error.metadata["problem.item"])
    assert packed == {"code": "length", "limit": "100", "length": "1000"}
    assert "problem.other" not in error.metadata


def test_what_people_wrote_is_harmless_in_a_problem() -> None:
    def text(key: str, **values: object) -> str:
        return texts().text("de", key, **values)

    assert problem("unknown_profession", {"names": "**x**"}, text) == "so heißt keiner; es gibt \\*\\*x\\*\\*"
    assert problem("of_a_newer_board", {}, text) == ""
    assert problem("length", {"limit": "1"}, text) == "", "a value that is missing"
