"""How many items two desks share, and not which: PSI cardinality by Diffie–Hellman on P-256.

De Cristofaro, Gasti, Tsudik, "Fast and Private Computation of Cardinality of Set Intersection and
Union" (CANS 2012), on the points of P-256 by their x coordinate. The asker sends a·H(x); who
answers returns b·a·H(x) in another order; the asker takes its a off and looks the tags of b·H(x)
up among those of the other's set. Since the order is lost, the asker learns a number.

A verifiable OPRF cannot do this: its output belongs to one input, so whoever can count can name.
Both sides are taken to follow the protocol (docs/matching.md says what one that does not can do).
"""

import hashlib
import secrets
from collections.abc import Iterable

from cryptography.hazmat.primitives.asymmetric import ec

from .padding import TAG, filler, padded, shuffled, tag_set
from .spread import spread

CURVE, DH = ec.SECP256R1(), ec.ECDH()
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # SEC 2, section 2.4.2
POINT = 32  # bytes: an x coordinate
Key = ec.EllipticCurvePrivateKey
Point = ec.EllipticCurvePublicKey


class BadPoints(ValueError):
    """What came is no list of distinct points of the curve."""


def new_scalar() -> bytes:
    return (1 + secrets.randbelow(ORDER - 1)).to_bytes(32, "big")


def scalar_from(seed: bytes) -> bytes:
    """The same scalar from the same seed (32 bytes); bias below 2^-128."""
    wide = hashlib.sha512(b"stillwatch psi-ca scalar" + seed).digest()
    return (1 + int.from_bytes(wide, "big") % (ORDER - 1)).to_bytes(32, "big")


def blind(items: Iterable[bytes], scalar: bytes) -> list[bytes]:
    """What an ask sends: a·H(item), filled up with points of nothing, in no order."""
    items = list(items)
    fill = filler(padded(len(items)) - len(items), 32)
    key = _key(scalar)
    return shuffled([key.exchange(DH, hash_to_point(one)) for one in [*items, *fill]])


def answer(points: Iterable[bytes], scalar: bytes) -> list[bytes]:
    """What an ask gets: each point times b, in another order. Raises BadPoints.

    A point that comes twice is refused: its double would be known in the answer by its number.
    """
    points = list(points)
    if len(set(points)) != len(points):
        raise BadPoints("a point came twice: send each once")
    key = _key(scalar)
    return shuffled([key.exchange(DH, _lift(point)) for point in points])


def tags(items: Iterable[bytes], scalar: bytes) -> bytes:
    """The set that is given away: tags of b·H(item), padded and sorted."""
    return tag_set(spread("count", list(items), scalar))


def own_tags(items: Iterable[bytes], scalar: bytes) -> list[bytes]:
    key = _key(scalar)
    return [_tag(key.exchange(DH, hash_to_point(item))) for item in items]


def count(answered: Iterable[bytes], scalar: bytes, theirs: set[bytes]) -> int:
    """How many of the asked items are in the other's set. Raises BadPoints."""
    undo = _key(pow(int.from_bytes(scalar, "big"), -1, ORDER).to_bytes(32, "big"))
    found = {_tag(undo.exchange(DH, _lift(point))) for point in answered}
    return len(found & theirs)


def hash_to_point(item: bytes) -> Point:
    """A point nobody knows the logarithm of: the first x of a hash chain that is on the curve.

    How long it takes depends on the item, and is seen by nobody but its owner.
    """
    for attempt in range(256):
        x = hashlib.sha256(b"stillwatch psi-ca p-256 v1" + bytes([attempt]) + item).digest()
        try:
            return ec.EllipticCurvePublicKey.from_encoded_point(CURVE, b"\x02" + x)
        except ValueError:
            continue  # half of all x are on no point
    raise AssertionError("256 hashes off the curve")


def _lift(x: bytes) -> Point:
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(CURVE, b"\x02" + x)
    except ValueError:
        raise BadPoints("a point is not on P-256") from None


def _key(scalar: bytes) -> Key:
    return ec.derive_private_key(int.from_bytes(scalar, "big"), CURVE)


def _tag(x: bytes) -> bytes:
    return hashlib.sha256(b"stillwatch psi-ca tag" + x).digest()[:TAG]
