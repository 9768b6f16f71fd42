"""What a tip says that can be looked up here, however it came."""

import ipaddress
import re
import unicodedata
from dataclasses import dataclass

# "account" is an account's id; "template_hash" is the SHA-256 of a template's text, in hex
KINDS = (
    "account", "asn", "device", "email_domain", "harness", "ip", "ip_prefix", "payment",
    "registration", "template", "template_hash", "user_agent",
)  # fmt: skip
LONGEST = 500
MOST = 5_000  # of one tip
SHA256 = re.compile(r"[0-9a-f]{64}")
DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}")


class TipError(ValueError):
    """A tip cannot be read: which field or line, and what to do."""


@dataclass(frozen=True, order=True)
class Observable:
    kind: str
    value: str


def observable(kind: str, value: str) -> Observable:
    """Checked and written as the desk writes it. Raises TipError, naming what is wrong."""
    kind = kind.strip().lower().replace("-", "_").replace(" ", "_")
    text = armless(unicodedata.normalize("NFC", str(value)).strip())
    if kind not in KINDS:
        raise TipError(f"kind: {kind[:40]!r} is none of {', '.join(KINDS)}")
    if not text:
        raise TipError("value: it is empty")
    if len(text) > LONGEST:
        raise TipError(f"value: longer than {LONGEST} characters")
    if "\0" in text:
        raise TipError("value: holds a NUL character")
    return Observable(kind, _WRITE.get(kind, str)(text))


def guess(text: str) -> Observable | None:
    """What a bare word most likely is: an address, a network, a hash, an AS or a mail domain."""
    text = armless(text.strip())
    if SHA256.fullmatch(text.lower()):
        return Observable("template_hash", text.lower())
    if re.fullmatch(r"(?i)AS[0-9]{1,10}", text):
        return Observable("asn", text[2:])
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        pass
    else:
        single = network.prefixlen == network.max_prefixlen
        if single and "/" not in text:
            return Observable("ip", str(network.network_address))
        return Observable("ip_prefix", str(network))
    name, at, domain = text.rpartition("@")
    if at and name and DOMAIN.fullmatch(domain.lower()):
        return Observable("email_domain", domain.lower())
    return None


def armless(text: str) -> str:
    """Undo how people make addresses harmless in mails: 1[.]2, hxxps, name[at]host."""
    text = re.sub(r"[\[({]\s*(?:\.|dot)\s*[\])}]", ".", text, flags=re.I)
    text = re.sub(r"[\[({]\s*(?:@|at)\s*[\])}]", "@", text, flags=re.I)
    return re.sub(r"[\[({]:[\])}]", ":", text)


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise TipError(f"value: {text[:60]!r} is no IP address") from None


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise TipError(f"value: {text[:60]!r} is no network such as 192.0.2.0/24") from None


def _asn(text: str) -> str:
    number = text.upper().removeprefix("AS").strip()
    if not (number.isascii() and number.isdigit() and len(number) <= 10):
        raise TipError(f"value: {text[:60]!r} is no AS number")
    return str(int(number))


def _hash(text: str) -> str:
    if not SHA256.fullmatch(text.lower()):
        raise TipError("value: a template_hash is a SHA-256, 64 hexadecimal digits")
    return text.lower()


def _domain(text: str) -> str:
    domain = text.rpartition("@")[2].rstrip(".").lower()
    if not DOMAIN.fullmatch(domain):
        raise TipError(f"value: {text[:60]!r} is no domain")
    return domain


_WRITE = {
    "ip": _address,
    "ip_prefix": _network,
    "asn": _asn,
    "template_hash": _hash,
    "email_domain": _domain,
}
