"""Marking while a model writes: a logits processor for numpy and for Hugging Face `generate`."""

import numpy as np

from .schemes import Gumbel, Scheme


class WatermarkProcessor:
    """Callable with (input_ids, scores), both (batch, …), as `generate(logits_processor=[…])` asks.

    Takes numpy arrays or torch tensors and gives back what it got. The scores' last axis is the
    vocabulary; `columns` names the token id of each column where that is not its place. Gumbel
    chooses the token itself, so sample and set no temperature but the scheme's; a context that the
    sequence has held before is left to plain sampling, or the text would run in circles.
    """

    def __init__(self, scheme: Scheme, secret: bytes, *, columns=None):
        self.scheme, self._secret = scheme, secret
        self._columns = None if columns is None else np.asarray(columns)

    def __repr__(self):
        return f"WatermarkProcessor({self.scheme})"

    def __call__(self, input_ids, scores):
        ids, given = _numpy(input_ids), _numpy(scores)
        columns = np.arange(given.shape[-1]) if self._columns is None else self._columns
        width, marked = self.scheme.width, given.astype(np.float64)
        if ids.shape[1] >= width:
            rows = np.arange(len(ids))
            if isinstance(self.scheme, Gumbel):
                rows = np.array([row for row in rows if not self._held(ids[row])], dtype=int)
            contexts = ids[rows, ids.shape[1] - width :]
            marked[rows] = self.scheme.reweigh(self._secret, contexts, marked[rows], columns)
        if hasattr(scores, "new_tensor"):
            return scores.new_tensor(marked)
        return marked.astype(given.dtype, copy=False)

    def _held(self, sequence: np.ndarray) -> bool:
        width = self.scheme.width
        if width == 0 or len(sequence) <= width:
            return False
        held = np.lib.stride_tricks.sliding_window_view(sequence[:-1], width)
        return bool((held == sequence[len(sequence) - width :]).all(axis=1).any())


def _numpy(array) -> np.ndarray:
    if hasattr(array, "detach"):
        array = array.detach().cpu()
        if str(array.dtype) == "torch.bfloat16":  # numpy has no such type
            array = array.float()
        return array.numpy()
    return np.asarray(array)
