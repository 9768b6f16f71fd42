"""A trigram model small enough to teach and to distil on one core: for trying marks out, and for
the bundled experiment. What it shows is the shape of things; a real model's numbers are its own.

Each level is smoothed by the one below: p₃(w) = (c(abw) + κ·p₂(w)) / (c(ab) + κ), and so on down to
the share of w in the text (Dirichlet prior, MacKay and Peto 1995).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

import numpy as np

KAPPA = 2.0


class TrigramModel:
    """Counts over token ids 0 … size − 1. fit() may be called again, with a weight."""

    def __init__(self, size: int):
        self.size = size
        self._one = np.full(size, 1e-3)
        self._two: dict[int, Counter] = defaultdict(Counter)
        self._three: dict[tuple[int, int], Counter] = defaultdict(Counter)
        self._cache: dict = {}

    def fit(self, tokens: Sequence[int], weight: int = 1) -> "TrigramModel":
        self._cache.clear()
        ids = [int(token) for token in tokens]
        self._one += weight * np.bincount(ids, minlength=self.size)
        for a, b, c in zip(ids, ids[1:], ids[2:], strict=False):
            self._three[a, b][c] += weight
            self._two[b][c] += weight
        return self

    def scores(self, ids: np.ndarray) -> np.ndarray:
        """Log-probabilities of the next token, (batch, length ≥ 2) → (batch, size)."""
        return np.log(np.array([self._next(int(row[-2]), int(row[-1])) for row in ids]))

    def top(self, prefix: Sequence[int]) -> int:
        """The most probable next token after a prefix of two or more."""
        context = prefix[-2], prefix[-1]
        if context not in self._cache:
            self._cache[context] = int(np.argmax(self._next(*context)))
        return self._cache[context]

    def write(
        self,
        rng: np.random.Generator,
        sequences: int,
        length: int,
        process: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
    ) -> np.ndarray:
        """Sampled text, (sequences, length), each begun by two tokens drawn by their share.

        process is a logits processor; without one the levels are sampled directly, which is the
        same distribution and faster.
        """
        share = self._one / self._one.sum()
        ids = rng.choice(self.size, (sequences, 2), p=share)
        if process is None:
            draw = _Draws(rng, self._one)
            return np.array([self._plain(draw, row, length) for row in ids])
        out = np.empty((sequences, length + 2), np.int64)
        out[:, :2] = ids
        for place in range(2, length + 2):
            scores = process(out[:, :place], self.scores(out[:, place - 2 : place]))
            mass = np.cumsum(np.exp(scores - scores.max(axis=1, keepdims=True)), axis=1)
            reach = rng.random(sequences) * mass[:, -1]
            out[:, place] = np.argmax(mass > reach[:, None], axis=1)
        return out[:, 2:]

    def _next(self, a: int, b: int) -> np.ndarray:
        p = self._one / self._one.sum()
        for counts in (self._two.get(b), self._three.get((a, b))):
            if counts:
                p *= KAPPA
                p[list(counts)] += list(counts.values())
                p /= counts.total() + KAPPA
        return p

    def _plain(self, draw: "_Draws", start: np.ndarray, length: int) -> list[int]:
        a, b = int(start[0]), int(start[1])
        written = []
        for _ in range(length):
            c = draw.among(self._three.get((a, b)))
            if c is None:
                c = draw.among(self._two.get(b))
            if c is None:
                c = draw.any()
            written.append(c)
            a, b = b, c
        return written


class _Draws:
    """Draws by counts; None stands for the level below, with the weight KAPPA."""

    def __init__(self, rng: np.random.Generator, one: np.ndarray):
        self._rng, self._ends = rng, np.cumsum(one / one.sum())
        self._sums: dict[int, tuple[list[int], np.ndarray]] = {}

    def among(self, counts: Counter | None) -> int | None:
        if not counts:
            return None
        known = self._sums.get(id(counts))
        if known is None:
            known = list(counts), np.cumsum(list(counts.values()))
            self._sums[id(counts)] = known
        tokens, ends = known
        place = int(np.searchsorted(ends, self._rng.random() * (ends[-1] + KAPPA), side="right"))
        return tokens[place] if place < len(tokens) else None

    def any(self) -> int:
        place = int(np.searchsorted(self._ends, self._rng.random(), side="right"))
        return min(place, len(self._ends) - 1)
