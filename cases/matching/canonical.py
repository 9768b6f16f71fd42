"""One way to write a value, so that two desks that saw the same thing hold the same item."""

import hashlib
import hmac
import ipaddress
import re
import unicodedata
from collections.abc import Iterable

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

ITEM = 32  # bytes
# Kinds whose values are too many to be gone through one by one.
KINDS = ("device", "harness", "payment", "registration", "template")
# Some 2^32 values or fewer: whoever may ask can try them all, so a partner's policy names them
# or they stay out.
GUESSABLE = ("email_domain", "ip", "ip_prefix", "user_agent")
SHORTEST_TEMPLATE = 24  # characters; a shorter one is a phrase that anybody may send


def canonical(kind: str, value: str) -> str | None:
    """The value as both sides write it. None: nothing that could be matched.

    Raises ValueError for a kind that is matched with nobody (asn, partner_token, …).
    """
    if kind not in KINDS + GUESSABLE:
        raise ValueError(f"values of kind {kind} are not matched")
    text = unicodedata.normalize("NFKC", value).strip()
    return _WRITE.get(kind, _plain)(text) or None


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _template(text: str) -> str:
    text = _plain(text)
    return text if len(text) >= SHORTEST_TEMPLATE else ""


def _payment(text: str) -> str:
    """A card's fingerprint: separators out, so that 4111-1111… and 4111 1111… are one."""
    return re.sub(r"[\s\-.]", "", text.casefold())


def _domain(text: str) -> str:
    domain = text.rpartition("@")[2].rstrip(".").casefold()
    try:
        return domain.encode("idna").decode()
    except UnicodeError:
        return ""


def _network(text: str) -> str:
    """An IPv4 address as it is, an IPv6 address as its /64; a prefix without host bits."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return ""
    if network.version == 6 and network.prefixlen > 64:
        network = network.supernet(new_prefix=64)
    return str(network)


_WRITE = {
    "template": _template,
    "payment": _payment,
    "email_domain": _domain,
    "ip": _network,
    "ip_prefix": _network,
}


def epoch_key(secret: bytes, epoch: int) -> bytes:
    """The key of the items that two partners write in one epoch, from their pairwise secret."""
    info = b"stillwatch private matching v1, epoch %d" % epoch
    return HKDF(SHA256(), 32, salt=None, info=info).derive(secret)


def items(key: bytes, values: Iterable[tuple[str, str]]) -> dict[bytes, list[int]]:
    """(kind, value) pairs to {item: places in the input}; what has no canonical form is left out.

    An item is HMAC-SHA256(key, kind ‖ 0 ‖ canonical value): who has neither desk's pairwise
    secret can test nothing, whatever else is seen.
    """
    found: dict[bytes, list[int]] = {}
    for place, (kind, value) in enumerate(values):
        text = canonical(kind, value)
        if text is not None:
            item = hmac.new(key, f"{kind}\0{text}".encode(), hashlib.sha256).digest()
            found.setdefault(item, []).append(place)
    return found
