"""How alike two accounts write: TF-IDF of words and word pairs, a truncated SVD, and the best
matches of a few prompts. Numbers only; prompts come in as text and don't leave."""

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy import sparse

PROMPTS = 10  # of an account, at most
BEST = 4  # of its prompts, those that match best: the others may be camouflage
DIMENSIONS = 64
FEATURES = 2**17
WORD = re.compile(r"\w+")
ROWS_AT_ONCE = 256


class Likeness:
    """Prompts of many accounts, embedded together. accounts: name → at most PROMPTS prompts."""

    def __init__(self, accounts: dict[str, Sequence[str]], seed: int = 7):
        self.names = list(accounts)
        self.index = {name: place for place, name in enumerate(self.names)}
        texts = [text for prompts in accounts.values() for text in prompts]
        owner = np.repeat(np.arange(len(accounts)), [len(p) for p in accounts.values()])
        vectors = _embed(texts, owner, seed)
        self.vectors = np.zeros((len(accounts), PROMPTS, vectors.shape[1]), dtype=np.float32)
        self.counts = np.bincount(owner, minlength=len(accounts))
        place = np.arange(len(owner)) - np.repeat(np.cumsum(self.counts) - self.counts, self.counts)
        self.vectors[owner, place] = vectors

    def of_pairs(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """For pairs of positions: the mean over one's BEST prompts of their best match in other."""
        found = np.empty(len(one), dtype=np.float32)
        for start in range(0, len(one), 20_000):
            part = slice(start, start + 20_000)
            a, b = self.vectors[one[part]], self.vectors[other[part]]
            found[part] = self._best(np.matmul(a, b.transpose(0, 2, 1)).max(axis=2), one[part])
        return found

    def against(self, reference: np.ndarray) -> np.ndarray:
        """accounts × reference: the same for everybody against some."""
        flat = self.vectors[reference].reshape(-1, self.vectors.shape[2])
        found = np.empty((len(self.names), len(reference)), dtype=np.float32)
        for start in range(0, len(self.names), ROWS_AT_ONCE):
            mine = self.vectors[start : start + ROWS_AT_ONCE]
            match = mine.reshape(-1, mine.shape[2]) @ flat.T
            match = match.reshape(-1, len(reference), PROMPTS).max(axis=2)
            match = match.reshape(len(mine), PROMPTS, len(reference)).transpose(0, 2, 1)
            rows = np.arange(start, start + len(mine))
            best = self._best(match.reshape(-1, PROMPTS), np.repeat(rows, len(reference)))
            found[rows] = best.reshape(len(mine), -1)
        return found

    def _best(self, match: np.ndarray, owner: np.ndarray) -> np.ndarray:
        # an absent prompt is a zero vector: it matches nothing and sorts last
        ordered = -np.partition(-match, BEST - 1, axis=1)[:, :BEST]
        mean = ordered.sum(axis=1) / np.minimum(BEST, np.maximum(self.counts[owner], 1))
        return np.round(mean, 4)  # below that it depends on the order of additions


def _embed(texts: Sequence[str], owner: np.ndarray, seed: int) -> np.ndarray:
    features: dict[str, int] = {}
    rows, columns = [], []
    for row, text in enumerate(texts):
        words = WORD.findall(text.lower())
        words += [f"{a} {b}" for a, b in pairwise(words)]
        for word in dict.fromkeys(words):  # a set's order differs from run to run
            columns.append(features.setdefault(word, len(features)))
            rows.append(row)
    if not features:
        return np.zeros((len(texts), 1), dtype=np.float32)  # nobody wrote a word
    counts = sparse.csr_matrix(
        (np.ones(len(rows), dtype=np.float32), (rows, columns)),
        shape=(len(texts), len(features)),
    )
    # rare in accounts, not in prompts: one account's jargon is not everybody's
    by_account = sparse.csr_matrix(
        (np.ones(len(texts), dtype=np.float32), (owner, np.arange(len(texts))))
    )
    carriers = np.asarray(((by_account @ counts) > 0).sum(axis=0)).ravel()
    useful = np.flatnonzero(carriers >= 2)
    if not len(useful):
        return np.zeros((len(texts), 1), dtype=np.float32)  # no two accounts share a word
    if len(useful) > FEATURES:
        useful = np.sort(useful[np.argsort(-carriers[useful], kind="stable")[:FEATURES]])
    accounts = int(owner.max(initial=0)) + 1
    weight = np.log((1 + accounts) / (1 + carriers[useful])).astype(np.float32) + 1
    tfidf = counts[:, useful].multiply(weight).tocsr()
    tfidf = _unit_rows(tfidf)
    size = min(DIMENSIONS, max(1, min(tfidf.shape) - 1))
    basis = _right_basis(tfidf, size, seed)
    vectors = np.asarray(tfidf @ basis, dtype=np.float32)
    norm = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(norm, 1e-6)


def _unit_rows(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    norm = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return sparse.diags_array(1 / np.maximum(norm, 1e-6)).astype(np.float32) @ matrix


def _right_basis(matrix: sparse.csr_matrix, size: int, seed: int) -> np.ndarray:
    """The leading right singular vectors, by random projection and two power iterations
    (Halko, Martinsson and Tropp 2011). Deterministic for a seed."""
    random = np.random.default_rng(seed)
    probe = matrix @ random.standard_normal((matrix.shape[1], size + 8), dtype=np.float32)
    for _ in range(2):
        probe = matrix @ (matrix.T @ _orthonormal(probe))
    found = matrix.T @ _orthonormal(probe)
    return _orthonormal(found)[:, :size].astype(np.float32)


def _orthonormal(columns: np.ndarray) -> np.ndarray:
    """A basis of the same space, that of the largest spread first. By the eigenvectors of the small
    Gram matrix: a QR of many rows costs ten times as much."""
    spread, turn = np.linalg.eigh((columns.T @ columns).astype(np.float64))
    order = np.argsort(-spread, kind="stable")
    scale = np.sqrt(np.maximum(spread[order], 1e-9 * max(spread.max(), 1e-30)))
    return columns @ (turn[:, order] / scale).astype(np.float32)
