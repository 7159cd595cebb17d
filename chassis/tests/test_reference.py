from typing import Annotated, Literal

from pydantic import Field

from chassis.settings import Env, FromSection, Secret, Section
from chassis.settings.reference import render


class Entry(Section):
    """One of many."""

    key: Annotated[Secret | None, Env("ENTRY_KEY")] = None
    """Its key | or none."""
    more: tuple["Entry", ...] = ()


class Settings(Section):
    """What the service does."""

    entries: Annotated[dict[str, Entry], FromSection("providers")] = {}
    mode: Literal["a", "b"] = "a"
    """How it
    works."""
    size: Annotated[int, Field(ge=1, le=9)]
    """How big."""
    on: bool = True


def test_each_key_has_a_row_made_of_its_model() -> None:
    page = render({"llm": Settings})
    assert "### `llm`\n\nWhat the service does." in page
    assert "| `llm.mode` | `a` or `b` | `a` | How it works. |" in page
    assert "| `llm.size` | integer, ≥ 1, ≤ 9 | **needed** | How big. |" in page
    assert "| `llm.on` | true or false | `true` |  |" in page
    assert "llm.entries" not in page
    assert "### `providers`" in page
    assert "| `providers.<name>.key` | secret |  | Its key \\| or none. Also `ENTRY_KEY`. |" in page
    assert "`redis.url` | address | `redis://127.0.0.1:6379/0`" in page
    assert "`REDIS_URL`" in page
