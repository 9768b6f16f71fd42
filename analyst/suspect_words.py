"""What a test of a suspect model says, in words and in drawings. Pure: numbers in, words out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

WIDTH, HEIGHT, LEFT, FOOT, TOP = 540, 186, 36, 168, 22
BINS = 32


def p_words(log10: float | None) -> str:
    """7.5e-8, 0.03, 1; from the logarithm, since p itself may be below any float."""
    if log10 is None:
        return "–"
    if log10 >= -3:
        text = f"{10**log10:.3f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    exponent = math.floor(log10)
    mantissa = 10 ** (log10 - exponent)
    if mantissa >= 9.95:
        mantissa, exponent = 1.0, exponent + 1
    return f"{mantissa:.1f}e{exponent}"


def share_words(scheme: str, value: float | None) -> str:
    """50.63 % of a green list; 1.042 as a mean of Gumbel."""
    if value is None:
        return "–"
    return f"{100 * value:.2f} %" if scheme == "green-list" else f"{value:.4f}"


def z_words(z: float) -> str:
    return f"{'−' if z < 0 else ''}{abs(z):.2f}"


@dataclass(frozen=True)
class Bar:
    """z as a bar from the zero line, in percent of the column."""

    zero: float
    left: float
    width: float


def z_bars(zs: Sequence[float]) -> tuple[list[Bar], str]:
    """A bar for each z on one axis, and the axis in words: "z, −2 to 7"."""
    low = min(-2, math.floor(min(zs, default=0)))
    high = max(4, math.ceil(max(zs, default=0)) + 1)
    span = high - low
    zero = -low / span * 100
    bars = [
        Bar(
            round(zero, 1),
            round(min(zero, (z - low) / span * 100), 1),
            max(0.4, round(abs(z) / span * 100, 1)),
        )
        for z in zs
    ]
    return bars, f"z, −{-low} to {high}"


def control_chart(zs: Sequence[float], keys: Sequence[tuple[str, float]]) -> dict:
    """Histogram of the wrong keys' z, the normal curve that chance gives, and the real keys.

    keys are (ref, z) of those to be marked. Returns geometry for the template, and its table.
    """
    high = max(4.0, math.ceil(max([*zs, *(z for _, z in keys)], default=4) + 0.5))
    low = min(-4.0, math.floor(min(zs, default=-4)))
    step = (high - low) / BINS
    counts = [0] * BINS
    for z in zs:
        counts[min(BINS - 1, max(0, int((z - low) / step)))] += 1
    expected = [
        len(zs) * (stats.norm.cdf(low + step * (i + 1)) - stats.norm.cdf(low + step * i))
        for i in range(BINS)
    ]
    top = max([*counts, *expected, 1]) * 1.15

    def x(z: float) -> float:
        return round(LEFT + (z - low) / (high - low) * (WIDTH - LEFT), 1)

    def y(count: float) -> float:
        return round(FOOT - count / top * (FOOT - TOP), 1)

    bars = [
        {"x": x(low + step * i), "y": y(n), "width": round(x(step) - x(0) - 1, 1),
         "height": round(FOOT - y(n), 1)}
        for i, n in enumerate(counts) if n
    ]  # fmt: skip
    curve = "M" + "L".join(f"{x(low + step * (i + 0.5))} {y(e)}" for i, e in enumerate(expected))
    marks, taken = [], -1000.0
    for ref, z in sorted(keys, key=lambda key: key[1]):
        level = 0 if x(z) - taken > 60 else 1
        marks.append({"x": x(z), "ref": ref, "z": z_words(z), "y": 60 + 34 * level})
        taken = x(z)
    every = max(1, round((high - low) / 8))
    return {
        "bars": bars,
        "curve": curve,
        "marks": marks,
        "ticks": [
            {"x": x(t), "label": f"{'−' if t < 0 else ''}{abs(t)}"}
            for t in range(math.ceil(low), math.floor(high) + 1, every)
        ],
        "levels": [{"y": y(n), "label": f"{n:,}"} for n in _levels(top)],
        "rows": [
            {"low": round(low + step * i, 2), "high": round(low + step * (i + 1), 2),
             "found": n, "expected": round(expected[i], 1)}
            for i, n in enumerate(counts) if n or expected[i] >= 0.5
        ],
    }  # fmt: skip


def trace_chart(trace: Sequence[Sequence[float]], ref: str, needed: float) -> dict | None:
    """z of a key as pairs add up, with the z that is needed once all keys are counted."""
    if len(trace) < 2:
        return None
    most = trace[-1][0]
    zs = [z for _, z in trace]
    high, low = max(*zs, needed, 2) * 1.1, min(*zs, 0)

    def x(n: float) -> float:
        return round(LEFT + n / most * (WIDTH - LEFT), 1)

    def y(z: float) -> float:
        return round(FOOT - (z - low) / (high - low) * (FOOT - TOP), 1)

    steps = _levels(high)
    return {
        "line": "M" + "L".join(f"{x(n)} {y(z)}" for n, z in trace),
        "ref": ref,
        "needed": y(needed),
        "needed_words": z_words(needed),
        "zero": y(0),
        "levels": [{"y": y(z), "label": f"{z:g}"} for z in [0, *steps]],
        "ticks": [{"x": x(n), "label": f"{n:,}"} for n in (most // 4, most // 2, 3 * most // 4)],
        "rows": [{"pairs": int(n), "z": z_words(z)} for n, z in trace],
        "last": z_words(zs[-1]),
    }


def needed_z(alpha: float) -> float:
    """The z that a p of alpha has on the normal scale, for the eye."""
    return float(stats.norm.isf(alpha))


def _levels(top: float) -> list[int]:
    """Two to four round numbers below the top."""
    size = 10 ** math.floor(math.log10(max(top, 1)))
    step = next(s for s in (size / 5, size / 2, size, 2 * size, 5 * size) if top / s <= 5)
    step = max(1, round(step))
    return list(range(step, int(top) + 1, step))[:5]
