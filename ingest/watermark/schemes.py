"""The two schemes: what they do to a model's scores, and the statistic that a test adds up."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from .prf import numbers, seeds, sip_key

WIDEST = 8


@dataclass(frozen=True)
class GreenList:
    """KGW (Kirchenbauer et al., ICML 2023): a share gamma of the vocabulary, drawn anew for each
    context of `width` tokens, is green; delta is added to the logits of green tokens.

    Statistic of a token: 1 when it is green, else 0. Of n pairs that know nothing of the key the
    sum is Binomial(n, gamma).
    """

    gamma: float = 0.25
    delta: float = 3.0
    width: int = 2
    name = "green-list"

    def __post_init__(self):
        _within("width", self.width, 0, WIDEST)
        _within("gamma", self.gamma, 0.01, 0.99)
        _within("delta", self.delta, 0.01, 20)

    def values(self, secret: bytes, rows: np.ndarray) -> np.ndarray:
        """The statistic of each (context, token) row of token ids, (n, width + 1) → (n,)."""
        drawn = numbers(seeds(sip_key(secret, self.name), rows[:, :-1]), rows[:, -1])
        return (drawn < self._limit).astype(np.float64)

    def reweigh(self, secret: bytes, contexts, scores: np.ndarray, tokens) -> np.ndarray:
        """Logits after marking: contexts (b, width), scores (b, v), tokens[c] the id of c."""
        seed = seeds(sip_key(secret, self.name), contexts)
        return scores + self.delta * (numbers(seed[:, None], tokens) < self._limit)

    @property
    def _limit(self) -> np.uint64:
        return np.uint64(int(self.gamma * 2**64))

    def parameters(self) -> dict:
        return asdict(self)


@dataclass(frozen=True)
class Gumbel:
    """Aaronson (2022): the token with the largest r^(1/p) is taken, r uniform in (0, 1) from key
    and context. Over keys each token comes with its own probability, so quality is kept.

    Statistic of a token: −ln(1 − r). Of n pairs that know nothing of the key the sum is
    Gamma(n, 1).
    """

    width: int = 4
    temperature: float = 1.0
    name = "gumbel"

    def __post_init__(self):
        _within("width", self.width, 0, WIDEST)
        _within("temperature", self.temperature, 0.01, 10)

    def values(self, secret: bytes, rows: np.ndarray) -> np.ndarray:
        """The statistic of each (context, token) row of token ids, (n, width + 1) → (n,)."""
        drawn = numbers(seeds(sip_key(secret, self.name), rows[:, :-1]), rows[:, -1])
        return -np.log1p(-_uniform(drawn))

    def reweigh(self, secret: bytes, contexts, scores: np.ndarray, tokens) -> np.ndarray:
        """All mass on the chosen token: r^(1/p) is largest where ln p − ln(−ln r) is. Shapes as
        for the green list.
        """
        seed = seeds(sip_key(secret, self.name), contexts)
        noise = -np.log(-np.log(_uniform(numbers(seed[:, None], tokens))))
        chosen = np.argmax(scores / self.temperature + noise, axis=1)
        marked = np.full(scores.shape, -np.inf)
        marked[np.arange(len(marked)), chosen] = 0.0
        return marked

    def parameters(self) -> dict:
        return asdict(self)


Scheme = GreenList | Gumbel
SCHEMES: dict[str, type] = {kind.name: kind for kind in (GreenList, Gumbel)}


def scheme_from(name: str, parameters: Mapping) -> Scheme:
    """Raises ValueError, naming the parameter and the range."""
    if name not in SCHEMES:
        raise ValueError(f"scheme is {name!r}: use one of {', '.join(SCHEMES)}")
    try:
        return SCHEMES[name](**parameters)
    except TypeError:
        known = ", ".join(SCHEMES[name].__dataclass_fields__)
        raise ValueError(f"{name} takes the parameters {known} and no other") from None


def _uniform(drawn: np.ndarray) -> np.ndarray:
    """The upper 53 bits as a number strictly between 0 and 1."""
    return ((drawn >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def _within(name: str, value, low, high) -> None:
    whole = name == "width"
    fits = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not fits or not low <= value <= high:
        noun = "a whole number" if whole else "a number"
        raise ValueError(f"{name} is {value!r}: it must be {noun} from {low:g} to {high:g}")
