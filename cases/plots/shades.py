"""The one blue scale of counts: six shades, of which the first is none."""

from collections.abc import Sequence

TOKENS = ("--heat-0", "--heat-1", "--heat-2", "--heat-3", "--heat-4", "--heat-5")


def steps(largest: int) -> list[int]:
    """Upper ends of the five shades above none, wider and wider: each holds at least one count."""
    shares = (0.12, 0.28, 0.5, 0.78, 1.0)
    ends, last = [], 0
    for share in shares:
        last = max(last + 1, round(share * largest))
        ends.append(last)
    return ends


def key(limits: Sequence[int]) -> list[dict]:
    lower = [1, *(limit + 1 for limit in limits[:-1])]
    labels = ["none"]
    labels += [str(a) if a == b else f"{a:,}–{b:,}" for a, b in zip(lower, limits, strict=True)]
    labels[-1] = f"{lower[-1]:,}+"
    return [{"token": t, "label": label} for t, label in zip(TOKENS, labels, strict=True)]


def scale(limits: Sequence[int]) -> list[list]:
    """Steps, not a blend: a cell's shade is one of those in the key."""
    top, edge, colours = limits[-1], 0.0, []
    for token, limit in zip(TOKENS, (0, *limits), strict=True):
        upper = min((limit + 0.5) / top, 1.0)
        colours += [[edge, token], [upper, token]]
        edge = upper
    colours[-1][0] = 1.0
    return colours
