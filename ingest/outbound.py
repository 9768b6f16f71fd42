"""The only way out of ingest and cases: one HTTP request to an address that was checked.

The name is resolved once, every address it has must be allowed, and the connection goes to the
address that was checked, under the name's own Host and SNI. No redirect is followed, no proxy is
taken from the environment, and the whole exchange has one deadline, however slowly it trickles.
"""

import contextlib
import email.utils
import functools
import http.client
import io
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

ANSWER_BYTES = 64 * 1024
SECONDS = 10.0

# Reachable only where the caller lists the host by name.
PRIVATE = [
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
        "::1/128", "fc00::/7",
    )
]  # fmt: skip
# Never reachable: nothing that takes orders lives there, and metadata services do.
NEVER = [
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
    )
]  # fmt: skip
GLOBAL_IPV6 = ipaddress.ip_network("2000::/3")  # all else (mapped, NAT64, link-local…) is refused


class NotSent(Exception):
    """Nothing reached the other side: safe to try again."""


class Forbidden(NotSent):
    """The address is not one that may be reached from here."""


class NoAnswer(Exception):
    """It may have arrived: the outcome is unknown until it is read back."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    def retry_after(self, now: datetime) -> float | None:
        """Seconds that the other side asks to wait, at most an hour; None: it did not say."""
        text = self.headers.get("retry-after", "").strip()
        if re.fullmatch(r"[0-9]{1,9}", text):
            return min(float(text), 3600.0)
        try:
            until = email.utils.parsedate_to_datetime(text)
        except ValueError:
            return None
        if until.tzinfo is None:
            until = until.replace(tzinfo=UTC)
        return min(max(0.0, (until - now).total_seconds()), 3600.0)


def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None = None,
    allowed_private_hosts: Iterable[str] = (),
    seconds: float | None = None,
    answer_bytes: int = ANSWER_BYTES,
) -> Answer:
    """Send one request and read the answer, all within `seconds` (SECONDS unless told).

    An answer longer than answer_bytes is not read to its end and counts as none.

    Raises Forbidden or NotSent while nothing was sent, NoAnswer afterwards.
    """
    deadline = time.monotonic() + (SECONDS if seconds is None else seconds)
    parts, host, port = _split(url)
    addresses = checked_addresses(host, port, allowed_private_hosts)
    listed = _listed(host, allowed_private_hosts)
    if parts.scheme == "http" and not listed:
        raise Forbidden(f"{host} must be reached by https")
    sock = _connect(addresses, deadline)
    try:
        if parts.scheme == "https":
            sock = _secure(sock, host, deadline)
        connection = http.client.HTTPConnection(host, port)
        connection.sock = _TimedSocket(sock, deadline)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request(
                method,
                target,
                body=body,
                headers={"Host": parts.netloc, "Accept-Encoding": "identity", **headers},
            )
            response = connection.getresponse()
            content = response.read(answer_bytes + 1)
        except http.client.InvalidURL as error:  # raised before a byte leaves
            raise NotSent(f"the address cannot be written: {error}") from None
        except TimeoutError:
            raise NoAnswer("no answer in time") from None
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(f"the connection broke: {type(error).__name__}") from None
        if len(content) > answer_bytes:
            raise NoAnswer(f"the answer is longer than {answer_bytes} bytes")
        if response.length:  # read(n) itself is content with less than was promised
            raise NoAnswer("the answer was cut short")
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, content)
    finally:
        with contextlib.suppress(OSError):
            sock.close()


def checked_addresses(host: str, port: int, allowed_private_hosts: Iterable[str] = ()) -> list:
    """What getaddrinfo says of the host, once. Raises Forbidden if one address is not allowed."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotSent(f"{host} cannot be resolved: {error}") from None
    listed = _listed(host, allowed_private_hosts)
    for *_, address in found:
        kind = kind_of(address[0])
        if kind == "never" or (kind == "private" and not listed):
            raise Forbidden(f"{host} is {address[0]}, an address that may not be reached")
    return found


def kind_of(address: str) -> str:
    """ "public", "private" (reachable when the host is listed by name) or "never"."""
    ip = ipaddress.ip_address(address.split("%", 1)[0])
    if any(ip in network for network in PRIVATE if network.version == ip.version):
        return "private"
    if any(ip in network for network in NEVER if network.version == ip.version):
        return "never"
    return "public" if ip.version == 4 or ip in GLOBAL_IPV6 else "never"


def _listed(host: str, allowed: Iterable[str]) -> bool:
    return host.rstrip(".").lower() in {name.rstrip(".").lower() for name in allowed}


def _split(url: str):
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise Forbidden(f"the address cannot be read: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Forbidden("the address must begin with https:// and name a host")
    if parts.username is not None or parts.password is not None:
        raise Forbidden("the address may not carry a user name or password")
    return parts, parts.hostname, port


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _connect(addresses: list, deadline: float) -> socket.socket:
    problem = "no address"
    for family, kind, protocol, _, address in addresses:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(_left(deadline))
            sock.connect(address)
            return sock
        except OSError as error:
            problem = str(error) or "no connection in time"
            sock.close()
    raise NotSent(f"cannot connect: {problem}")


def _secure(sock: socket.socket, host: str, deadline: float) -> ssl.SSLSocket:
    try:
        sock.settimeout(_left(deadline))
        return _tls().wrap_socket(sock, server_hostname=host)
    except (OSError, ValueError) as error:
        raise NotSent(f"no secure connection: {error}") from None


@functools.cache
def _tls() -> ssl.SSLContext:
    """Reading the machine's certificates takes longer than an order does: once a process."""
    return ssl.create_default_context()


class _TimedSocket:
    """What http.client needs of a socket, with one deadline over all reads and writes."""

    def __init__(self, sock: socket.socket, deadline: float):
        self._sock, self._deadline = sock, deadline

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(_left(self._deadline))
        self._sock.sendall(data)

    def makefile(self, mode: str, *args, **kwargs) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._sock, self._deadline))

    def close(self) -> None:
        """The caller closes the socket itself, when the body has been read."""


class _TimedReader(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: float):
        self._sock, self._deadline = sock, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        self._sock.settimeout(_left(self._deadline))
        return self._sock.recv_into(buffer)
