"""People read what a limit is called, and money as money."""

from functools import partial

from views import limits
from views.catalogue import texts

TEXT = partial(texts().text, "en")


def test_a_limit_is_named_and_counted_in_what_it_limits() -> None:
    money = limits.line(TEXT, "person_money", remaining=4_250_000_000, capacity=5_000_000_000, when="soon")
    assert "$4.25 of $5.00" in money
    assert "person_money" not in money
    tokens = limits.denied(TEXT, "person_tokens", remaining=0, capacity=2_000_000, when="soon")
    assert "0 of 2,000,000" in tokens


def test_a_limit_of_an_operators_own_is_called_as_they_called_it() -> None:
    assert "night_owls: 1 of 3" in limits.line(TEXT, "night_owls", remaining=1, capacity=3, when="soon")
