"""Secrets at rest: AES-256-GCM under settings.ENCRYPTION_KEYS.

A sealed secret is 1 byte of version ‖ 4 of key id ‖ 12 of nonce ‖ ciphertext with its tag. The
newest key seals, every key that is still listed opens, so a key is rotated by putting a new one
in front and dropping the old one when nothing sealed by it is left.
"""

import hashlib
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

VERSION = b"\x01"
KEY_ID, NONCE, TAG = 4, 12, 16


class CannotOpen(Exception):
    """The secret was sealed by a key that is no longer listed, for another purpose, or changed."""


def key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"stillwatch key id" + key).digest()[:KEY_ID]


def seal(secret: bytes, *, purpose: str) -> bytes:
    """Seal under the newest key. The same purpose must be named to open it again."""
    key = settings.ENCRYPTION_KEYS[0]
    nonce = secrets.token_bytes(NONCE)
    head = VERSION + key_id(key) + nonce
    return head + AESGCM(key).encrypt(nonce, secret, _bound(head, purpose))


def unseal(sealed: bytes, *, purpose: str) -> bytes:
    """Open what seal() made. Raises CannotOpen."""
    sealed = bytes(sealed)  # a BinaryField gives a memoryview
    start = 1 + KEY_ID + NONCE
    if len(sealed) < start + TAG or sealed[:1] != VERSION:
        raise CannotOpen("not a sealed secret")
    head, body = sealed[:start], sealed[start:]
    for key in settings.ENCRYPTION_KEYS:
        if key_id(key) == head[1 : 1 + KEY_ID]:
            try:
                return AESGCM(key).decrypt(head[-NONCE:], body, _bound(head, purpose))
            except InvalidTag:
                raise CannotOpen(
                    f"the sealed secret was changed, or is not for {purpose}"
                ) from None
    raise CannotOpen("sealed by a key that is not in ENCRYPTION_KEYS any more")


def derive(context: str, *, key: bytes | None = None) -> bytes:
    """32 bytes for one context (HKDF-SHA256), from the newest key unless another is given."""
    return HKDF(SHA256(), 32, salt=None, info=b"stillwatch " + context.encode()).derive(
        key or settings.ENCRYPTION_KEYS[0]
    )


def _bound(head: bytes, purpose: str) -> bytes:
    return head + purpose.encode()
