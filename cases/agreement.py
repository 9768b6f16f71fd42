"""How far people agree, and how well they know what they know. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple


def krippendorff_alpha(units: Iterable[Sequence[str]]) -> float | None:
    """Krippendorff's alpha for nominal values; a unit holds what was said of it, missing left out.

    1 − observed / expected disagreement over the pairs within units that several people judged
    (Krippendorff, Content Analysis, 2004, ch. 11). 1 is full agreement, 0 what chance gives, below
    0 is worse than chance. None: nobody judged a unit twice, or all said one and the same, where
    chance would agree too and nothing can be told.
    """
    values: Counter[str] = Counter()
    observed = 0.0
    for unit in units:
        size = len(unit)
        if size < 2:
            continue
        counts = Counter(unit)
        values.update(counts)
        observed += sum(n * (size - n) for n in counts.values()) / (size - 1)
    total = sum(values.values())
    expected = sum(n * (total - n) for n in values.values())
    if not expected:
        return None
    return 1 - (total - 1) * observed / expected


class Brier(NamedTuple):
    """score: mean of (stated − outcome)², 0 is perfect; base: of always stating the share that came
    true, which it should be below."""

    score: float
    base: float
    count: int


def brier(pairs: Iterable[tuple[float, bool]]) -> Brier | None:
    """Stated probabilities against what came true (Brier, Mon. Weather Rev. 78 (1950) 1)."""
    pairs = list(pairs)
    if not pairs:
        return None
    share = sum(outcome for _, outcome in pairs) / len(pairs)
    score = sum((stated - outcome) ** 2 for stated, outcome in pairs) / len(pairs)
    return Brier(score, share * (1 - share), len(pairs))
