"""A partner's TAXII 2.1 server, from outside: one request each, through the one way out."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlencode

import msgspec
from django.utils import timezone

from cases.sharing.stixcheck import moment
from cases.sharing.taxii.media import TAXII
from ingest import outbound
from ingest.reasons import plain

SECONDS = 60.0
ANSWER = 48 * 2**20  # a page of 1,000 objects of 32 KiB and more
PAGE = 1000
LATER = {401, 403, 404, 408, 425, 429, 500, 502, 503, 504}  # may mend by itself, or by a person


class Fault(Exception):
    """It did not work. again: whether it may later; seconds: how long the server asks to wait."""

    def __init__(self, says: str, *, again: bool, status: int = 0, seconds: float | None = None):
        super().__init__(says)
        self.again, self.status, self.seconds = again, status, seconds


class CollectionText(msgspec.Struct):
    id: str
    can_read: bool = False
    can_write: bool = False
    title: str = ""


class Collections(msgspec.Struct):
    collections: list[CollectionText] = []


class Envelope(msgspec.Struct):
    objects: list[msgspec.Raw] = []
    more: bool = False
    next: str = ""


class StatusText(msgspec.Struct):
    id: str
    status: str
    success_count: int = 0
    failure_count: int = 0
    pending_count: int = 0
    failures: list[dict] = []


class Root(msgspec.Struct):
    max_content_length: int = 0


@dataclass(frozen=True)
class Page:
    """objects as they were written; following: how to go on, "" at the end; last: date_added."""

    objects: list[bytes]
    following: str
    last: datetime | None


@dataclass(frozen=True)
class Server:
    """url: of the API root, with its slash. login: the value of Authorization."""

    url: str
    login: str
    allowed_private_hosts: tuple[str, ...] = ()

    def max_content(self) -> int:
        return self._read("", Root).max_content_length

    def collections(self) -> list[CollectionText]:
        return self._read("collections/", Collections).collections[:1000]

    def objects(self, collection: str, *, after: str = "", following: str = "") -> Page:
        """All versions that came in after a moment, oldest first, a page at a time."""
        query = {"limit": PAGE, "match[version]": "all"}
        if after:
            query["added_after"] = after
        if following:
            query["next"] = following
        path = f"collections/{quote(collection, safe='')}/objects/?{urlencode(query)}"
        answer = self._send("GET", path)
        found = _decode(answer, Envelope)
        if found.more and not found.next:
            raise Fault("its page has more, and does not say how to go on", again=True)
        return Page(
            objects=[bytes(one) for one in found.objects],
            following=found.next if found.more else "",
            last=moment(answer.headers.get("x-taxii-date-added-last", "")),
        )

    def add(self, collection: str, body: bytes) -> StatusText:
        path = f"collections/{quote(collection, safe='')}/objects/"
        return _decode(self._send("POST", path, body), StatusText)

    def status(self, status: str) -> StatusText:
        return self._read(f"status/{quote(status, safe='')}/", StatusText)

    def _read(self, path: str, kind):
        return _decode(self._send("GET", path), kind)

    def _send(self, method: str, path: str, body: bytes | None = None) -> outbound.Answer:
        headers = {"Authorization": self.login, "Accept": TAXII}
        if body is not None:
            headers["Content-Type"] = TAXII
        try:
            answer = outbound.request(
                method, self.url + path, headers=headers, body=body, seconds=SECONDS,
                allowed_private_hosts=self.allowed_private_hosts, answer_bytes=ANSWER,
            )  # fmt: skip
        except (outbound.NotSent, outbound.NoAnswer) as error:
            raise Fault(plain(str(error), 200), again=True) from None
        if not 200 <= answer.status < 300:
            raise Fault(
                _says(answer),
                again=answer.status in LATER,
                status=answer.status,
                seconds=answer.retry_after(timezone.now()),
            )
        return answer


def _decode(answer: outbound.Answer, kind):
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Fault(f"its answer is no TAXII: {plain(str(error), 150)}", again=True) from None


def _says(answer: outbound.Answer) -> str:
    try:
        told = msgspec.json.decode(answer.body)
        words = f"{told.get('title', '')}: {told.get('description', '')}"
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, AttributeError):
        words = "no reason given"
    return f"it answered {answer.status}: {plain(words, 200)}"
