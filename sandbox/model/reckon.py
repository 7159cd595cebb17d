"""Arithmetic out of a sentence: the operators + - * / % ** and brackets, over numbers alone."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable

_EXPRESSION = re.compile(r"[-(]*\d[\d\s.,()+\-*/%^x×÷]*\d\)*", re.UNICODE)
_BINARY: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_WORDS = (
    (r"\bplus\b", "+"), (r"\bminus\b", "-"), (r"\b(?:times|multiplied by)\b", "*"), (r"\bdivided by\b", "/"),
    (r"\bto the power of\b", "^"), (r"(?<=\d)\s*%\s*of\s*(?=\d)", "/100*"),
)  # fmt: skip


def found(text: str) -> tuple[str, str] | None:
    """The first sum in a text and its result as texts; None where there is none that can be worked out."""
    for pattern, sign in _WORDS:
        text = re.sub(pattern, sign, text, flags=re.IGNORECASE)
    for match in _EXPRESSION.finditer(text):
        written = match.group().strip().rstrip(".,")
        source = re.sub(r"(?<=\d),(?=\d{3})", "", written)
        source = source.replace("^", "**").replace("×", "*").replace("÷", "/").replace("x", "*")
        if not re.search(r"\d\)*\s*[-+*/%]", source):
            continue
        try:
            value = _value(ast.parse(source, mode="eval").body)
        except (SyntaxError, ValueError, ZeroDivisionError, OverflowError):
            continue
        return written, _written(value)
    return None


def _value(node: ast.expr) -> float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        left, right = _value(node.left), _value(node.right)
        if isinstance(node.op, ast.Pow) and (abs(right) > 64 or abs(left) > 1e6):
            raise OverflowError("too large")
        return _BINARY[type(node.op)](left, right)
    raise ValueError("not a sum")


def _written(value: float) -> str:
    if isinstance(value, complex) or not math.isfinite(value):
        raise OverflowError("not a number")
    if isinstance(value, int) or value.is_integer():
        return f"{int(value):,}"
    return f"{value:,.6g}"
