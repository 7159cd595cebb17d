"""Colours by their names."""

from __future__ import annotations

COLOURS = {
    "red": "#e74c3c", "orange": "#e67e22", "gold": "#f1c40f", "golden": "#f1c40f", "yellow": "#f1c40f",
    "green": "#2ecc71",
    "teal": "#1abc9c", "blue": "#3498db", "purple": "#9b59b6", "violet": "#9b59b6", "pink": "#e91e63",
    "grey": "#95a5a6",
    "gray": "#95a5a6", "black": "#010101", "white": "#ffffff",
}  # fmt: skip
