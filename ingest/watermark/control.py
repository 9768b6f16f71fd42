"""The wrong-key control: keys that nobody ever used, on the very rows that the real keys saw.

Text that is independent of a key gives p-values uniform over keys. What makes a clean model look
marked (repeats, copying, a fault in the test) bends them, and shows here before it convicts.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from .exact import randomised_p, score_total
from .prf import SECRET_BYTES
from .schemes import Scheme

KEYS = 1000
BELOW = 0.05
BEND = 0.001  # a control that chance bends so far once in a thousand tests is not trusted


@dataclass(frozen=True)
class Control:
    """How wrong keys came out: how many randomised p are below 0.05, and if all are uniform."""

    keys: int
    below: int
    ks_p: float

    @property
    def share(self) -> float:
        return self.below / self.keys

    @property
    def bounds(self) -> tuple[float, float]:
        """Where the share lies with probability 0.999 when the null law holds."""
        low, high = stats.binom.interval(1 - BEND, self.keys, BELOW)
        return low / self.keys, high / self.keys

    @property
    def clean(self) -> bool:
        low, high = self.bounds
        return bool(low <= self.share <= high and self.ks_p >= BEND)


def wrong_secret(seed: int, number: int) -> bytes:
    """The number-th wrong key of a test: by SHA-256, so that anybody can draw it again."""
    text = f"stillwatch wrong key {seed} {number}".encode()
    return hashlib.sha256(text).digest()[:SECRET_BYTES]


def wrong_key(scheme: Scheme, rows: np.ndarray, seed: int, number: int) -> tuple[float, float]:
    """(randomised p, z) of one wrong key. The uniform draw too comes from seed and number."""
    secret = wrong_secret(seed, number)
    found = score_total(scheme, len(rows), float(scheme.values(secret, rows).sum()))
    draw = int.from_bytes(hashlib.sha256(b"draw" + secret).digest()[:8], "big")
    return randomised_p(scheme, found.n, found.total, (draw + 0.5) / 2**64), found.z


def judge_control(ps: Sequence[float]) -> Control:
    if not ps:
        raise ValueError("a control has at least one wrong key")
    ks = float(stats.kstest(ps, "uniform").pvalue)
    return Control(len(ps), sum(p < BELOW for p in ps), ks if math.isfinite(ks) else 0.0)
