"""What is wrong with what was entered: a sentence for developers, and a code with values for people's languages."""

import json
from collections.abc import Mapping

from chassis.errors import InvalidArgument

_SAID = {
    "empty": "say what you want",
    "length": "at most {limit} characters, this has {length}",
    "range": "{least} to {most}",
    "unknown_profession": "none by that name; there are {names}",
    "which_profession": "say which: {names}",
    "quality": "one of {names}",
    "no_qualities": "{profession} has no qualities",
    "past": "that is in the past",
    "too_far": "at most {days} days ahead",
    "no_character": "there is no such character of yours",
    "no_levels": "this profession has no levels",
    "speciality": "not one of {profession}'s: {names}",
    "twice": "named twice",
    "count": "at most {most}",
    "each_length": "at most {limit} characters each",
    "character_taken": "another character has that name on that realm",
    "fewer_there": "there are {have} of it, not {wanted}",
    "one_piece": "one piece cannot be split",
    "too_early": "its time has not come",
    "no_heir": "it takes somebody to pass it to",
    "same_heir": "that person holds it already",
    "no_date": "it takes a later date",
    "part": "a part has 1 to {most}",
    "no_change": "there is nothing to change",
    "held_edit": "a crafter works on it: item, quantity, profession and quality stay as they are",
    "nobody_there": "there is nobody to remind",
    "nothing_due": "there is nothing to remind of",
}
_MARK = "problem."


class Problem(str):
    """The sentence; with it the code that names it and the values that stand in it."""

    __slots__ = ("code", "values")
    code: str
    values: dict[str, str]

    def __new__(cls, code: str, **values: object) -> "Problem":
        """KeyError for a code that there is not."""
        shown = {name: f"{value:,}" if isinstance(value, int) else str(value) for name, value in values.items()}
        made = super().__new__(cls, _SAID[code].format(**shown))
        made.code = code
        made.values = {name: str(value) for name, value in values.items()}
        return made


CODES = frozenset(_SAID)


def invalid(message: str, reason: str, fields: Mapping[str, str]) -> InvalidArgument:
    """An InvalidArgument whose metadata has the code and values of each field's problem, as JSON."""
    metadata = {
        f"{_MARK}{field}": json.dumps({"code": problem.code, **problem.values}, ensure_ascii=False)
        for field, problem in fields.items()
        if isinstance(problem, Problem)
    }
    return InvalidArgument(message, reason=reason, fields=fields, metadata=metadata)
