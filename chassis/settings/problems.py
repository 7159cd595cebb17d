"""What is wrong with a configuration, said so that it can be put right."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One mistake: where it stands, what it is, what to do. Never holds a value, which may be a secret."""

    path: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" + (f" ({self.remedy})" if self.remedy else "")


class ConfigurationError(Exception):
    """The configuration can't be used. All its mistakes at once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(set(problems), key=lambda problem: problem.path)
        super().__init__("; ".join(map(str, self.problems)))

    def report(self) -> str:
        """A text of several lines for a terminal."""
        count = len(self.problems)
        head = f"The configuration has {count} mistake{'s' if count != 1 else ''}:"
        return "\n".join([head, *(f"  {problem}" for problem in self.problems)])


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A remedy for a misspelt key."""
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1)
    return f"did you mean {close[0]}?" if close else f"known here: {', '.join(names)}"
