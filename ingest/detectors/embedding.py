"""Prompts as points, so that alike prompts are near: for candidates, never for a whole log.

The default needs nothing beyond numpy and scipy: hashed character n-grams, weighted by rarity, and
a truncated SVD. Both are fitted to prompts that are given first (the *ruler*), so that what is
compared later was not fitted to. encoder.py offers a small sentence encoder in its place.
"""

import re
from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import svds

SIZES = (3, 4, 5)  # characters of an n-gram
BUCKETS = 2**16
DIMENSIONS = 128
LONGEST = 1000  # characters of a prompt that are looked at
BLANKS = re.compile(r"\s+")
DIGITS = re.compile(r"\d+")
BASE = np.uint64(0x100000001B3)
MIX = np.uint64(0x9E3779B97F4A7C15)


class HashedEmbedding:
    """Fitted to the ruler at once. Deterministic, whatever the process."""

    name = "hashed n-grams, SVD"

    def __init__(self, ruler: Sequence[str], *, dimensions: int = DIMENSIONS, seed: int = 7):
        counts = hashed_counts(ruler)
        carriers = np.asarray((counts > 0).sum(axis=0)).ravel()
        self._weight = np.log((1 + len(ruler)) / (1 + carriers)).astype(np.float32) + 1
        size = min(dimensions, max(1, min(counts.shape) - 1))
        self._basis = _right_basis(self._weighted(counts), size, seed)

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """texts × dimensions, rows of length 1 (0 for a text without a known n-gram)."""
        vectors = np.asarray(self._weighted(hashed_counts(texts)) @ self._basis, dtype=np.float32)
        norm = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.maximum(norm, 1e-6)

    def _weighted(self, counts: sparse.csr_matrix) -> sparse.csr_matrix:
        weighted = counts.copy()
        weighted.data = (1 + np.log(weighted.data)) * self._weight[weighted.indices]
        norm = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
        return sparse.diags_array(1 / np.maximum(norm, 1e-6)).astype(np.float32) @ weighted


def hashed_counts(texts: Sequence[str]) -> sparse.csr_matrix:
    """texts × BUCKETS: how often n-grams of SIZES that fall into each bucket occur.

    Lower case, single blanks, a number as one sign; no n-gram reaches over the end of a text.
    """
    told = [
        " " + DIGITS.sub("0", BLANKS.sub(" ", text[:LONGEST].lower()).strip()) + " "
        for text in texts
    ]
    shape = (len(told), BUCKETS)
    if not told:
        return sparse.csr_matrix(shape, dtype=np.float32)
    joined = "".join(told).encode("utf-32-le", errors="surrogatepass")
    signs = np.frombuffer(joined, dtype=np.uint32).astype(np.uint64)
    lengths = np.array([len(text) for text in told])
    ends = np.cumsum(lengths)
    row = np.repeat(np.arange(len(told)), lengths)
    left = ends[row] - np.arange(len(signs))  # signs from here to the end of the text
    rows, buckets = [], []
    rolling = np.zeros(len(signs), dtype=np.uint64)
    for size in range(1, max(SIZES) + 1):
        shifted = np.zeros(len(signs), dtype=np.uint64)
        shifted[: max(0, len(signs) - size + 1)] = signs[size - 1 :]
        rolling = rolling * BASE + shifted + np.uint64(1)
        if size in SIZES:
            whole = left >= size
            mixed = (rolling[whole] ^ np.uint64(size)) * MIX
            buckets.append((mixed >> np.uint64(48)).astype(np.int64) % BUCKETS)
            rows.append(row[whole])
    places = (np.concatenate(rows), np.concatenate(buckets))
    ones = np.ones(len(places[0]), dtype=np.float32)
    return sparse.coo_matrix((ones, places), shape=shape).tocsr()  # equal places add up


def _right_basis(matrix: sparse.csr_matrix, size: int, seed: int) -> np.ndarray:
    """The leading right singular vectors, the largest first, with signs that don't hang on luck."""
    start = np.random.default_rng(seed).standard_normal(min(matrix.shape))
    _, values, right = svds(matrix.astype(np.float64), k=size, v0=start)
    right = right[np.argsort(-values)]
    largest = np.abs(right).argmax(axis=1)
    signs = np.sign(right[np.arange(len(right)), largest])
    return (right * signs[:, None]).T.astype(np.float32)
