"""Which items two desks share: PSI on the verifiable OPRF of RFC 9497 (ristretto255, SHA-512).

Run only after people of both desks said yes. The asker learns F(k, x) for what it asks, with a
proof that one key was used, the key that was told beforehand: who answers cannot mark an asker by
answering it under another key. It learns nothing about items that it did not ask.
"""

import contextlib
import hashlib
from collections.abc import Iterable

from voprf.ristretto import (
    BlindedInput,
    Client,
    Evaluator,
    PublicKey,
    VerifiableBatchOutput,
)

from .padding import TAG, filler, padded
from .spread import spread

SUITE = "RFC9497 VOPRF ristretto255-SHA512"
INFO = b"stillwatch private matching v1"
POINT = 32
PROOF = 64
CHUNK = 2_048  # items of one request: an answer in a fraction of a second


class BadEvaluation(ValueError):
    """The proof does not hold, or what came is no message of the protocol."""


def public_key(seed: bytes) -> bytes:
    """32 bytes; told before the first ask, so that a later answer is held to it."""
    return _evaluator(seed).public_key.serialize()


def tags(items: Iterable[bytes], seed: bytes) -> list[bytes]:
    """Tags of F(k, item) of one's own items in their order; tag_set() makes of them what leaves."""
    return spread("reveal", list(items), seed)


def own_tags(items: Iterable[bytes], seed: bytes) -> list[bytes]:
    evaluator = _evaluator(seed)
    return [tag(evaluator.evaluate_known_input(item)) for item in items]


def tag(output: bytes) -> bytes:
    return hashlib.sha256(b"stillwatch psi tag" + output).digest()[:TAG]


def blinded(items: Iterable[bytes]) -> tuple[list[Client], list[bytes]]:
    """What an ask keeps, and what it sends: padded like the count, fillers last."""
    items = list(items)
    fill = filler(padded(len(items)) - len(items), 32)
    pairs = [Client.blind(item) for item in [*items, *fill]]
    return [client for client, _ in pairs], [point.serialize() for _, point in pairs]


def evaluate(points: Iterable[bytes], seed: bytes) -> bytes:
    """Evaluated points and one proof over them all. Raises BadEvaluation."""
    with _refused("these are no blinded items"):
        messages = [BlindedInput.deserialize(point) for point in points]
        return _evaluator(seed).evaluate_batch(messages).serialize()


def finish(clients: list[Client], evaluated: bytes, key: bytes) -> list[bytes]:
    """The tags of the items asked, in their order, once the proof held. Raises BadEvaluation."""
    with _refused("the proof does not hold"):
        output = VerifiableBatchOutput.deserialize(evaluated)
        outputs = Client.finalize_batch(clients, output, PublicKey.deserialize(key))
    return [tag(one) for one in outputs]


@contextlib.contextmanager
def _refused(words: str):
    """The library tells of bad input by ValueError, and of a bad proof by a panic (voprf 0.2.0)."""
    try:
        yield
    except Exception as error:
        raise BadEvaluation(f"{words}: {error}") from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise BadEvaluation(words) from None


def _evaluator(seed: bytes) -> Evaluator:
    return Evaluator.from_seed(seed, INFO)
