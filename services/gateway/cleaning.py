"""What people typed, fit to be passed on.

Control characters other than line breaks and tabs mean nothing to a model and can hide text from people; half a
surrogate pair cannot be written as UTF-8 at all. Everything else, emoji included, is left as it is.
"""

import unicodedata

_KEPT = {"\n", "\t"}


def cleaned(text: str) -> str:
    """The text without control characters and halves of characters, trimmed; empty where nothing visible is left."""
    whole = text.replace("\r\n", "\n").encode("utf-8", "replace").decode("utf-8")
    kept = "".join(char for char in whole if char in _KEPT or unicodedata.category(char) != "Cc").strip()
    return kept if any(unicodedata.category(char) not in {"Cf", "Zs", "Zl", "Zp", "Cc"} for char in kept) else ""
