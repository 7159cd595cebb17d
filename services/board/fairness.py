"""How evenly something is shared, and how long people wait.

The Gini coefficient (C. Gini, 1912) in its sorted form: for n shares x1 <= ... <= xn with sum S it is
(2 * sum(i * xi)) / (n * S) - (n + 1) / n; 0 where all are equal, (n - 1) / n where one has everything.
"""

from collections.abc import Sequence


def gini(shares: Sequence[float]) -> float:
    """The Gini coefficient of shares that are 0 or more; 0 for none, for one, and where nobody has anything."""
    if any(share < 0 for share in shares):
        raise ValueError("a share is never negative")
    count, total = len(shares), sum(shares)
    if count < 2 or total == 0:
        return 0.0
    weighted = sum(rank * share for rank, share in enumerate(sorted(shares), start=1))
    return max(0.0, 2 * weighted / (count * total) - (count + 1) / count)


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value below which `share` (0 to 1) of the values lie, interpolated linearly; None for no values."""
    if not values:
        return None
    ordered = sorted(values)
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)
