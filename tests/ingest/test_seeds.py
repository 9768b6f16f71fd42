"""Sets of accounts by greedy moves: the quick way gives what asking everybody each time gives."""

import numpy as np
import pytest

from ingest.detectors import seeds
from ingest.detectors.seeds import ROUNDS, SAME, potts


def asking_everybody(one, other, weight, size):
    """The same moves, with nobody passed over."""
    pairs = list(zip(one.tolist(), other.tolist(), weight.tolist(), strict=True))
    highest = np.zeros(size)
    np.maximum.at(highest, one, weight)
    np.maximum.at(highest, other, weight)
    label = list(range(size))
    for _ in range(ROUNDS):
        before = list(label)
        for node in np.argsort(-highest, kind="stable").tolist():
            gains = {}
            for a, b, w in pairs if highest[node] > 0 else ():
                if node in (a, b):
                    near = label[b if a == node else a]
                    gains[near] = gains.get(near, 0.0) + w
            mine = label[node]
            stay = gains.pop(mine, 0.0) - seeds.RESOLUTION * (label.count(mine) - 1)
            best = max(stay, 0.0)
            for near, gain in gains.items():
                if gain - seeds.RESOLUTION * label.count(near) > best + SAME:
                    best, label[node] = gain - seeds.RESOLUTION * label.count(near), near
            if stay < 0 and label[node] == mine and node not in label:
                label[node] = node
        if label == before:
            break
    return label


@pytest.mark.parametrize("seed", range(20))
def test_passing_over_who_would_answer_the_same_changes_no_set(seed, monkeypatch):
    # the size of a set, at its own weight, seldom turns a move
    monkeypatch.setattr(seeds, "RESOLUTION", 0.9)
    draw = np.random.default_rng(seed)
    size = 60 + seed
    group = draw.integers(0, 5 + seed, size)
    one, other = np.triu_indices(size, 1)
    some = draw.random(len(one)) < 0.2
    one, other = one[some], other[some]
    weight = np.where(group[one] == group[other], 2.0, -2.0) * draw.random(len(one)) + draw.choice(
        [-2, -1, 0, 1, 4], len(one)
    )
    found = potts(one, other, weight, size)
    assert found.tolist() == asking_everybody(one, other, weight, size)
    assert 1 < len(np.unique(found)) < size


def test_nobody_is_moved_where_no_pair_speaks_for_it():
    pair = np.array([0]), np.array([1])
    assert potts(*pair, np.array([-1.0]), 3).tolist() == [0, 1, 2]
    assert potts(*pair, np.array([5.0]), 3).tolist() == [1, 1, 2]
    nobody = np.array([], dtype=int)
    assert potts(nobody, nobody, np.array([]), 2).tolist() == [0, 1]
