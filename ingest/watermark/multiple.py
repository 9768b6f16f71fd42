"""Correction for the number of keys tried."""

from collections.abc import Sequence


def holm(log10_ps: Sequence[float]) -> list[float]:
    """Holm's step-down correction (1979), in log10 so that nothing underflows.

    The i-th smallest of m is multiplied by m − i, never below a smaller one's, never above 1. It
    holds the chance of one false key or more at the level, however the keys depend on each other.
    """
    import math

    order = sorted(range(len(log10_ps)), key=lambda i: log10_ps[i])
    corrected, highest = [0.0] * len(log10_ps), -math.inf
    for rank, i in enumerate(order):
        highest = max(highest, min(0.0, log10_ps[i] + math.log10(len(order) - rank)))
        corrected[i] = highest
    return corrected


FOUND = 1e-3  # corrected p at which a key counts as found
WEAK = 0.05
