"""Drawing a stratified sample, and what it allows to say of those who were not drawn. Pure.

Sources. Wilson's score interval: Wilson, J. Am. Stat. Assoc. 22 (1927) 209. Finite population: the
sample size is taken as n·(N−1)/(N−n), which is the score interval with the variance
p(1−p)/n·(N−n)/(N−1); left out below 5 % (Cochran, Sampling Techniques, 1977, §2.6), where it
only makes the interval a little wider. The interval of a weighted sum over strata: MOVER (Zou,
Huang and Zhang, Comput. Stat. Data Anal. 53 (2009) 1080) over the strata's Wilson limits, which
stays an interval where nobody was found wrong, unlike the normal one.
"""

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

Key = TypeVar("Key", int, str)
Z = 1.959963984540054  # two-sided 95 %
FINITE_FROM = 0.05  # of a stratum drawn, from which the finite population counts
FLOOR = 15  # drawn of each stratum at least, where it has so many


class Interval(NamedTuple):
    """Heads of `of`: the estimate and its 95 % limits."""

    estimate: float
    low: float
    high: float
    of: int

    @property
    def at_least(self) -> int:
        return math.floor(self.low + 1e-9)

    @property
    def at_most(self) -> int:
        return min(math.ceil(self.high - 1e-9), self.of)


class Stratum(NamedTuple):
    """of: members it stands for; drawn: read of them; surely and possibly: wrong among those."""

    of: int
    drawn: int
    surely: int
    possibly: int


def wilson(hits: int, drawn: int, *, of: int | None = None, z: float = Z) -> tuple[float, float]:
    """The 95 % limits of a share of which hits of drawn were seen; of: size of the population.

    Nothing drawn: (0, 1). All drawn: the share itself.
    """
    if drawn <= 0:
        return 0.0, 1.0
    share, size = hits / drawn, float(drawn)
    if of is not None and drawn >= of:
        return share, share
    if of is not None and drawn > FINITE_FROM * of:
        size = drawn * (of - 1) / (of - drawn)
    middle = share + z * z / (2 * size)
    half = z * math.sqrt(share * (1 - share) / size + z * z / (4 * size * size))
    scale = 1 + z * z / size
    low, high = (middle - half) / scale, (middle + half) / scale
    # exact at the ends, where rounding would leave 1e-17
    return (0.0 if hits == 0 else max(low, 0.0)), (1.0 if hits == drawn else min(high, 1.0))


def heads(stratum: Stratum, *, z: float = Z) -> Interval:
    """How many of a stratum are wrong. The lower limit counts who is surely wrong, the upper one
    all who may be; the estimate those who surely are."""
    of, drawn = stratum.of, stratum.drawn
    low, _ = wilson(stratum.surely, drawn, of=of, z=z)
    _, high = wilson(stratum.possibly, drawn, of=of, z=z)
    estimate = of * stratum.surely / drawn if drawn else 0.0
    # who was read and found right is not wrong, whatever the interval
    most = of - (drawn - stratum.possibly)
    return Interval(estimate, max(of * low, stratum.surely), min(of * high, most), of)


def weighted(strata: Iterable[Stratum], *, z: float = Z) -> Interval:
    """How many of all strata together are wrong: MOVER over the strata's head counts."""
    low = high = estimate = 0.0
    below = above = 0.0
    of = surely = right = 0
    for stratum in strata:
        each = heads(stratum, z=z)
        possible = (
            stratum.of * stratum.possibly / stratum.drawn if stratum.drawn else float(stratum.of)
        )
        estimate += each.estimate
        low += each.estimate
        high += possible
        below += (each.estimate - each.low) ** 2
        above += max(each.high - possible, 0.0) ** 2
        of += stratum.of
        surely += stratum.surely
        right += stratum.drawn - stratum.possibly
    low, high = low - math.sqrt(below), high + math.sqrt(above)
    return Interval(estimate, max(low, surely), min(high, of - right), of)


def allocate(sizes: Mapping[str, int], total: int, *, floor: int = FLOOR) -> dict[str, int]:
    """How many to draw of each stratum: in proportion, but `floor` of each where it has them.

    The sum is total, or all there are. Where total is too small for the floors they shrink alike.
    """
    total = min(total, sum(sizes.values()))
    filled = [name for name, size in sizes.items() if size]
    if not filled:
        return dict.fromkeys(sizes, 0)
    floor = min(floor, max(total // len(filled), 1))
    chosen = dict.fromkeys(sizes, 0)
    left, of = total, sum(sizes.values())
    for name in filled:
        chosen[name] = min(floor, sizes[name], left)
        left -= chosen[name]
    # the rest in proportion to the whole, by largest remainder, capped by what is there
    while left > 0:
        open_names = [name for name in filled if chosen[name] < sizes[name]]
        lacking = {n: max(total * sizes[n] / of - chosen[n], 1e-9) for n in open_names}
        name = max(open_names, key=lambda n: (lacking[n], sizes[n] - chosen[n], n))
        chosen[name] += 1
        left -= 1
    return chosen


def choose(seed: str, stratum: str, keys: Iterable[Key], count: int) -> list[Key]:
    """count of keys, each equally likely: those whose SHA-256(seed|stratum|key) is smallest.

    Anybody can draw it again, in any language, from the seed and the list; order does not matter.
    """
    return sorted(keys, key=lambda key: (_lot(seed, stratum, key), key))[:count]


def mixed(seed: str, keys: Iterable[int]) -> list[int]:
    """Keys in the order in which they are read: by a lot of its own, which mixes the strata."""
    return sorted(keys, key=lambda key: (_lot(seed, "order", key), key))


def digest(frames: Sequence[tuple[str, Sequence[int]]]) -> str:
    """SHA-256 of the frames: a line a stratum, its name, a colon, its keys with commas."""
    lines = [f"{name}:{','.join(map(str, keys))}" for name, keys in frames]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _lot(seed: str, stratum: str, key: int | str) -> bytes:
    return hashlib.sha256(f"{seed}|{stratum}|{key}".encode()).digest()
