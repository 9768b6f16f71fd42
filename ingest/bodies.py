"""Reads the body of a delivery within a bound of its own, before any framework touches it."""

import gzip
import io
import time
import zlib

PIECE = 64 * 1024
DRAIN_SECONDS = 10


class Refused(Exception):
    """The delivery as a whole is not taken: the HTTP status and what to do."""

    def __init__(self, status: int, reason: str):
        super().__init__(reason)
        self.status = status


def read_body(request, limit: int) -> bytes:
    """The whole body, inflated when it is gzip. Raises Refused; nothing larger is ever held."""
    coding = request.META.get("HTTP_CONTENT_ENCODING", "").strip().lower()
    if coding not in {"", "identity", "gzip"}:
        raise Refused(415, f"Content-Encoding {coding!r} is not read here: send gzip, or none.")
    body = _read(request, limit)
    return _inflate(body, limit) if coding == "gzip" else body


def _read(request, limit: int) -> bytes:
    if "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
        if not request.META.get("wsgi.input_terminated"):
            raise Refused(411, "Send a Content-Length: this server cannot read chunks.")
        stream, expected = request.META["wsgi.input"], None
    else:
        try:
            expected = int(request.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            raise Refused(400, "Content-Length is not a number.") from None
        stream = request
    if expected and expected > limit:
        _drain(stream, 4 * limit)
        raise _too_large(limit)
    try:
        body = bytearray()
        while piece := stream.read(PIECE):
            body += piece
            if len(body) > limit:
                _drain(stream, 4 * limit)
                raise _too_large(limit)
    except OSError:
        raise Refused(400, "The body broke off. Nothing was stored: send it again.") from None
    if expected is not None and len(body) < expected:
        raise Refused(400, "The body is shorter than its Content-Length. Nothing was stored.")
    return bytes(body)


def _drain(stream, at_most: int) -> None:
    # Whoever is still sending reads no answer, and closing now would reset the connection.
    deadline = time.monotonic() + DRAIN_SECONDS
    try:
        while at_most > 0 and time.monotonic() < deadline and (piece := stream.read(PIECE)):
            at_most -= len(piece)
    except OSError:
        return


def _inflate(body: bytes, limit: int) -> bytes:
    try:
        inflated = gzip.GzipFile(fileobj=io.BytesIO(body)).read(limit + 1)
    except (OSError, EOFError, zlib.error):
        raise Refused(400, "The gzip stream is broken or ends early. Nothing was stored.") from None
    if len(inflated) > limit:
        raise _too_large(limit)
    return inflated


def _too_large(limit: int) -> Refused:
    return Refused(
        413,
        f"A delivery may have {limit:,} bytes, inflated. Nothing was stored: send it in parts.",
    )
