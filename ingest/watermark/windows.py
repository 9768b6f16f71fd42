"""Token sequences become (context, token) rows, each counted once.

A repeated pair carries its value again and again, and no null law holds for the sum: without
de-duplication the text of a model that never saw the key looks marked (docs/watermarks.md).
"""

from collections.abc import Iterable, Sequence

import numpy as np


def windows(sequences: Iterable[Sequence[int]], width: int) -> np.ndarray:
    """Every (context, token) row in order, repeats included: (n, width + 1) of int64."""
    parts = []
    for sequence in sequences:
        ids = np.asarray(sequence, dtype=np.int64)
        if len(ids) > width:
            parts.append(np.lib.stride_tricks.sliding_window_view(ids, width + 1))
    if not parts:
        return np.empty((0, width + 1), np.int64)
    return np.concatenate(parts)


def unique_rows(rows: np.ndarray) -> np.ndarray:
    """Each row once, where it came first."""
    return rows[_first_places(rows)]


def among(rows: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Which rows are in `known` (same number of columns): a boolean for each."""
    if not len(rows) or not len(known):
        return np.zeros(len(rows), bool)
    groups = _groups(np.concatenate([known, rows]))
    held = np.zeros(groups.max() + 1, bool)
    held[groups[: len(known)]] = True
    return held[groups[len(known) :]]


def suspect_rows(
    outputs: Iterable[tuple[Sequence[int], Sequence[int] | None]], width: int
) -> np.ndarray:
    """Unique rows of (output, prompt or None) pairs, in order.

    With the prompt known, a pair that stands in it is left out: a model copies from its prompt,
    and copied text says nothing about what it was trained on.
    """
    parts = []
    for output, prompt in outputs:
        rows = windows([output], width)
        if prompt is not None and len(prompt) > width:
            rows = rows[~among(rows, windows([prompt], width))]
        parts.append(rows)
    return unique_rows(np.concatenate(parts)) if parts else windows([], width)


def filtered(rows: np.ndarray, marked: Iterable[Sequence[int]], width: int) -> np.ndarray:
    """The supervised filter: rows whose context occurs in text known to be marked.

    A student can have learnt the mark only in contexts that it saw; the others are dead weight
    (Sander et al., NeurIPS 2024). With no context there is nothing to filter by.
    """
    if width == 0:
        return rows
    return rows[among(rows[:, :-1], unique_rows(windows(marked, width - 1)))]


def reading_rows(
    marked: Iterable[Sequence[int]], predict, width: int, attention: int = 0
) -> np.ndarray:
    """The open setting: read marked text to a model and take its own most probable next token.

    predict(prefix) gives that token. A pair that the model can see in its last `attention` tokens
    is left out, since it may be copied. Each context once.
    """
    found = []
    for sequence in marked:
        ids = [int(token) for token in sequence]
        for end in range(width, len(ids)):
            row = (*ids[end - width : end], int(predict(ids[:end])))
            seen = ids[max(0, end - attention) : end] if attention else []
            pairs = {tuple(seen[i : i + width + 1]) for i in range(len(seen) - width)}
            if row not in pairs:
                found.append(row)
    rows = np.array(found, np.int64).reshape(-1, width + 1)
    return rows[_first_places(rows[:, :width])] if width else unique_rows(rows)


def _groups(rows: np.ndarray) -> np.ndarray:
    """A number for each row; equal rows have the same."""
    order = np.lexsort(rows.T[::-1])
    ordered = rows[order]
    differs = np.ones(len(rows), bool)
    differs[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    groups = np.empty(len(rows), np.int64)
    groups[order] = np.cumsum(differs) - 1
    return groups


def _first_places(rows: np.ndarray) -> np.ndarray:
    """Where each distinct row comes first, in order."""
    if len(rows) < 2:
        return np.arange(len(rows))
    _, first = np.unique(_groups(rows), return_index=True)
    return np.sort(first)
