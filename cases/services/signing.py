"""The key that packets are signed with: from the settings, or made on first use; rotated.

Ed25519 (RFC 8032) signs the same bytes to the same signature, so a packet that is built again is
the same to the last byte.
"""

import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from cases.crypto import seal, unseal
from cases.models import SigningKey

PURPOSE = "packet signing key"
LOCK = 0x5711_516E  # of PostgreSQL's advisory locks, this work's own


@transaction.atomic
def signing_key() -> tuple[SigningKey, Ed25519PrivateKey]:
    """The key that signs now; on first use, or after the settings changed, its row is written.

    Raises cases.crypto.CannotOpen when the key that sealed it is not listed any more.
    """
    _lock()
    active = SigningKey.objects.filter(retired_at=None).first()
    if settings.SIGNING_KEY:
        secret = Ed25519PrivateKey.from_private_bytes(settings.SIGNING_KEY)
        if active is None or active.key_id != key_id(secret.public_key()):
            active = _replace(secret, sealed=b"")
        return active, secret
    if active is None or not active.sealed_secret:
        return _make()
    return active, Ed25519PrivateKey.from_private_bytes(
        unseal(active.sealed_secret, purpose=PURPOSE)
    )


@transaction.atomic
def rotate_signing_key() -> SigningKey:
    """Make a new key and drop the secret of the old one; its public half stays.

    Raises ValueError where the settings name the key: it is rotated there.
    """
    if settings.SIGNING_KEY:
        raise ValueError("SIGNING_KEY names the key: put a new one there, and packets use it.")
    _lock()
    return _make()[0]


def public_pem(public_key: bytes) -> bytes:
    """The public half as openssl reads it (SubjectPublicKeyInfo, PEM)."""
    return Ed25519PublicKey.from_public_bytes(bytes(public_key)).public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )


def key_id(public: Ed25519PublicKey) -> str:
    return hashlib.sha256(public.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def _make() -> tuple[SigningKey, Ed25519PrivateKey]:
    secret = Ed25519PrivateKey.generate()
    return _replace(secret, sealed=seal(secret.private_bytes_raw(), purpose=PURPOSE)), secret


def _replace(secret: Ed25519PrivateKey, *, sealed: bytes) -> SigningKey:
    SigningKey.objects.filter(retired_at=None).update(retired_at=timezone.now(), sealed_secret=b"")
    public = secret.public_key()
    key, _ = SigningKey.objects.update_or_create(
        key_id=key_id(public),
        defaults={
            "public_key": public.public_bytes_raw(), "sealed_secret": sealed, "retired_at": None,
        },
    )  # fmt: skip
    return key


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
