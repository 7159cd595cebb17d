"""What guilds' log channels say of their budgets for language models."""

from guildhall.llm.v1 import usage_pb2

from views.catalogue import texts

_NANOS = 1e9


def alert(locale: str, budget: usage_pb2.BudgetAlert) -> str:
    """That a budget is used up to a threshold, or altogether."""
    key = "budgets.spent" if budget.threshold >= 1 else "budgets.reached"
    return texts().text(
        locale,
        f"{key}_{'dollars' if budget.unit == 'dollars' else 'tokens'}",
        share=round(100 * budget.threshold),
        used=_amount(budget.unit, budget.used),
        budget=_amount(budget.unit, budget.budget),
        month=budget.month,
    )


def _amount(unit: str, amount: int) -> str:
    return f"{amount / _NANOS:,.2f} $" if unit == "dollars" else f"{amount:,}"
