"""What is set is told in words, whatever kind of value it is."""

from functools import partial

import pytest

from views.catalogue import texts
from views.setting_texts import name_text, value_text

TEXT = partial(texts().text, "en")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("paused", True, "on"),
        ("error_policy", "silent", "Nothing"),
        ("allowed_channels", ["5", "6"], "<#5> <#6>"),
        ("allowed_channels", [], "none"),
        ("log_channel", "7", "<#7>"),
        ("model", "", "the usual"),
        ("model", "openai/demo_1", "openai/demo\\_1"),
        ("own", ("a*", "b"), "a\\*, b"),
    ],
)
def test_values(key: str, value: object, said: str) -> None:
    assert said.lower() in value_text(TEXT, key, value).lower()


def test_what_no_menu_has_is_called_by_its_key() -> None:
    assert (name_text(TEXT, "paused"), name_text(TEXT, "of_tomorrow")) == ("Pause", "of\\_tomorrow")
