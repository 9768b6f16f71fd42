"""What two desks said to each other, as a chain of statements that each signed with Ed25519.

A statement is {"step", "session", "by", "after", …facts}: "after" is the SHA-256 of the statement
before it, so both hold the same chain and neither can leave out, change or replay a step. Points
and sets are in it by their SHA-256. Travels as {"statement", "key", "signature"}, base64.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PROTOCOL = "stillwatch-psi-1"
HEAD = b"stillwatch private matching statement v1\n"
# who says what after what; the asker begins
ASKER, ANSWERER = "asker", "answerer"
STEPS = {
    "ask": (ASKER, None),
    "answer": (ANSWERER, ("ask",)),
    "count": (ASKER, ("answer",)),
    "want": (ASKER, ("count",)),
    "agree": (ANSWERER, ("want",)),
    "refuse": (ANSWERER, ("want",)),
    "found": (ASKER, ("agree",)),
}


class BadTranscript(ValueError):
    """A statement is out of place, is not signed by who should have said it, or was changed."""


def state(
    chain: list[dict], step: str, session: str, *, key: bytes, sign: Callable[[bytes], bytes],
    **facts,
) -> dict:  # fmt: skip
    """The next statement of a chain, signed. key: the signer's public half, 32 bytes."""
    body = {
        "protocol": PROTOCOL,
        "step": step,
        "session": session,
        "by": STEPS[step][0],
        "after": digest_of(chain[-1]) if chain else "",
        **facts,
    }
    return {
        "statement": body,
        "key": base64.b64encode(key).decode(),
        "signature": base64.b64encode(sign(HEAD + canonical_json(body))).decode(),
    }


def key_of(signed: dict) -> bytes:
    """The public key that a statement says it is signed with; nothing is checked yet."""
    try:
        return base64.b64decode(signed["key"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise BadTranscript("statement: it needs statement, key and signature in base64") from None


def check_next(chain: list[dict], signed: dict, session: str, *, key: bytes) -> dict:
    """The body of a statement that came, if it may follow the chain. Raises BadTranscript.

    key: the public half that the partner is known by.
    """
    try:
        body, signature = signed["statement"], base64.b64decode(signed["signature"], validate=True)
        told = base64.b64decode(signed["key"], validate=True)
        step, after = body["step"], body["after"]
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise BadTranscript("statement: it needs statement, key and signature in base64") from None
    if not isinstance(step, str) or step not in STEPS:
        raise BadTranscript(f"step: {str(step)[:40]!r} is none of {', '.join(STEPS)}")
    by, follows = STEPS[step]
    last = chain[-1]["statement"]["step"] if chain else None
    if (follows is None) != (last is None) or (follows and last not in follows):
        raise BadTranscript(f"step: {step} cannot follow {last or 'nothing'}")
    if body.get("protocol") != PROTOCOL or body.get("session") != session or body.get("by") != by:
        raise BadTranscript("statement: protocol, session or by is another one's")
    if after != (digest_of(chain[-1]) if chain else ""):
        raise BadTranscript("after: it follows another statement than the last one here")
    if told != key:
        raise BadTranscript("key: not the signing key that this partner is known by")
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, HEAD + canonical_json(body))
    except (InvalidSignature, ValueError):
        raise BadTranscript("signature: it does not hold") from None
    return body


def check_all(chain: list[dict], session: str, *, asker: bytes, answerer: bytes) -> None:
    """The whole chain, from the first statement. Raises BadTranscript."""
    for place, signed in enumerate(chain):
        by = STEPS.get(signed.get("statement", {}).get("step"), ("",))[0]
        check_next(chain[:place], signed, session, key=asker if by == ASKER else answerer)


def digest_of(signed: dict) -> str:
    return sha256(canonical_json(signed["statement"]))


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def canonical_json(body: dict) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
