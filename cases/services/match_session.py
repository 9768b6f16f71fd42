"""What both sides of a private matching do alike: sign, check who signed, move on."""

from django.contrib.auth.models import User
from django.db import transaction

from cases.errors import CaseError
from cases.matching import transcript
from cases.models import MatchPeer, MatchSession, Partner
from cases.services.partner import record_exchange
from cases.services.signing import signing_key

State = MatchSession.State


class MatchRefused(CaseError):
    """The partner's message is not taken; status as HTTP has it."""

    def __init__(self, words: str, status: int = 422):
        super().__init__(words)
        self.status = status


@transaction.atomic
def peer_key(partner: Partner, told: bytes) -> bytes:
    """The key that a partner's statements are held to: the first one that it told.

    told came over the partner's own credential or from its own server.
    """
    if len(told) != 32:
        raise MatchRefused("key: an Ed25519 public key has 32 bytes", 400)
    peer, _ = MatchPeer.objects.get_or_create(partner=partner, defaults={"signing_key": told})
    return bytes(peer.signing_key)


@transaction.atomic
def trust_key(partner: Partner, key: bytes, *, actor: User | None) -> None:
    """Hold a partner to another signing key from now on: it rotated, and said so in person."""
    if len(key) != 32:
        raise CaseError("key: an Ed25519 public key has 32 bytes.")
    MatchPeer.objects.update_or_create(
        partner=partner, defaults={"signing_key": key, "set_by": actor}
    )
    record_exchange(
        partner, "here", "match_key_trusted", actor=actor, detail={"signing_key": key.hex()}
    )


def signed(chain: list[dict], step: str, uid, **facts) -> dict:
    """The next statement of a chain under this desk's signing key."""
    key, secret = signing_key()
    return transcript.state(
        chain, step, str(uid), key=bytes(key.public_key), sign=secret.sign, **facts
    )


def move(session: MatchSession, *, when: str, to: str, **fields) -> MatchSession:
    """One conditional step from a state to the next. Raises MatchRefused (409)."""
    moved = MatchSession.objects.filter(pk=session.pk, state=when).update(state=to, **fields)
    session.refresh_from_db()
    if not moved:
        raise MatchRefused(f"this matching is {session.get_state_display()} already", 409)
    return session


def whole(body: dict, name: str, low: int, high: int) -> int:
    """A whole number of a statement. Raises MatchRefused, naming it."""
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise MatchRefused(f"{name}: must be a whole number from {low:,} to {high:,}", 400)
    return value


def split(blob: bytes, size: int, name: str) -> list[bytes]:
    """Fixed-size pieces of what came. Raises MatchRefused, naming it."""
    if not blob or len(blob) % size:
        raise MatchRefused(f"{name}: must be a multiple of {size} bytes", 400)
    return [blob[i : i + size] for i in range(0, len(blob), size)]
