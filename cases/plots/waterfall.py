"""Evidence in bits by family, drawn on one shared axis: where each bar begins and ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor


@dataclass(frozen=True)
class Bar:
    """One family. left, width, end are shares of the axis in percent; cap: the bits were cut."""

    family: str
    what: str
    bits: float
    capped: bool
    left: float
    width: float
    end: float
    members: int | None


@dataclass(frozen=True)
class Waterfall:
    """ticks are (percent, label). total is the sum of all bits, the log2-odds of membership."""

    bars: list[Bar]
    ticks: list[tuple[float, str]]
    zero: float
    total: float
    total_left: float
    total_width: float

    @property
    def probability(self) -> float:
        return 1 / (1 + 2.0 ** min(max(-self.total, -1000), 1000))

    @property
    def odds(self) -> str:
        """74 to 1, 1 to 12."""
        if self.total >= 0:
            return f"{2 ** min(self.total, 60):,.0f} to 1"
        return f"1 to {2 ** min(-self.total, 60):,.0f}"


def waterfall(evidence: Sequence[Mapping]) -> Waterfall | None:
    """Bars of [{"family", "what" or "why", "bits", "capped"}], the prior first; None of none."""
    rows = [row for row in evidence if isinstance(row.get("bits"), int | float)]
    if not rows:
        return None
    edges, level = [0.0], 0.0
    for row in rows:
        level += row["bits"]
        edges.append(level)
    step = next(s for s in (1, 2, 4, 8, 16, 32, 64, 10**9) if (max(edges) - min(edges)) / s <= 9)
    low, high = step * floor(min(edges) / step), step * ceil(max(edges) / step)
    low, high = (low, high) if high > low else (low, low + step)
    margin = 0.03 * (high - low)

    def place(bits: float) -> float:
        return round(100 * (bits - low + margin) / (high - low + 2 * margin), 2)

    bars, level = [], 0.0
    for row in rows:
        before, level = level, level + row["bits"]
        left, right = place(min(before, level)), place(max(before, level))
        bars.append(
            Bar(
                family=str(row.get("family", "")),
                what=str(row.get("what") or row.get("why") or ""),
                bits=row["bits"],
                capped=bool(row.get("capped")),
                left=left,
                width=round(max(right - left, 0.3), 2),
                end=place(level),
                members=row.get("members") if isinstance(row.get("members"), int) else None,
            )
        )
    zero = place(0)
    ticks = [
        (place(b), f"{'+' if b > 0 else '−' if b < 0 else ''}{abs(b):g}")
        for b in range(low, high + 1, step)
    ]
    left, right = sorted((zero, place(level)))
    return Waterfall(bars, ticks, zero, level, left, round(right - left, 2))
