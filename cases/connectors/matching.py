"""A partner's door to private matching, from outside: one request each, through the one way out."""

import base64
import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from cases.matching.transcript import PROTOCOL
from ingest import outbound

SECONDS = 30.0
ANSWER = 4 * 2**20  # a set of 131,072 tags is 2 MiB
PATH = "/match/v1/"


class Later(Exception):
    """The partner is away, busy, or still making its set: try again."""


class Refused(Exception):
    """The partner says no, and why."""

    def __init__(self, words: str, status: int):
        super().__init__(words)
        self.status = status


@dataclass(frozen=True)
class Door:
    """Where a partner answers. base: origin of its desk; login: value of Authorization."""

    base: str
    login: str
    allowed_private_hosts: tuple[str, ...] = ()

    @classmethod
    def beside(cls, taxii_url: str, login: str, hosts) -> "Door":
        """The door beside a partner's TAXII server, on the same origin."""
        parts = urlsplit(taxii_url)
        return cls(f"{parts.scheme}://{parts.netloc}{PATH}", login, tuple(hosts))

    def key(self) -> dict:
        told = self._json("GET", "key/")
        if told.get("protocol") != PROTOCOL:
            raise Refused(f"It speaks {str(told.get('protocol'))[:40]!r}, not {PROTOCOL}.", 422)
        return told

    def tags(self, key: str, part: str) -> bytes:
        return self._send("GET", f"sets/{key}/{part}").body

    def put_ask(self, uid: str, statement: dict, points: bytes) -> dict:
        return self._json("PUT", f"sessions/{uid}/", statement=statement, points=_text(points))

    def session(self, uid: str) -> dict:
        return self._json("GET", f"sessions/{uid}/")

    def say(self, uid: str, statement: dict, tags: bytes | None = None) -> dict:
        more = {} if tags is None else {"tags": _text(tags)}
        return self._json("POST", f"sessions/{uid}/", statement=statement, **more)

    def evaluate(self, uid: str, start: int, points: bytes) -> bytes:
        told = self._json("POST", f"sessions/{uid}/evaluate/", start=start, points=_text(points))
        return decoded(told, "evaluated")

    def _json(self, method: str, path: str, **body) -> dict:
        answer = self._send(method, path, json.dumps(body).encode() if body else None)
        try:
            told = json.loads(answer.body)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            raise Refused("It answered no JSON object.", 422)
        return told

    def _send(self, method: str, path: str, body: bytes | None = None) -> outbound.Answer:
        headers = {"Authorization": self.login, "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            answer = outbound.request(
                method, self.base + path, headers=headers, body=body, seconds=SECONDS,
                allowed_private_hosts=self.allowed_private_hosts, answer_bytes=ANSWER,
            )  # fmt: skip
        except outbound.Forbidden as error:
            raise Refused(str(error), 0) from None
        except (outbound.NotSent, outbound.NoAnswer) as error:
            raise Later(str(error)) from None
        if answer.status in (408, 425, 502, 503, 504) or answer.status == 500:
            raise Later(f"it answered {answer.status}")
        if not 200 <= answer.status < 300:
            raise Refused(_error(answer), answer.status)
        return answer


def decoded(told: dict, name: str) -> bytes:
    """Bytes of an answer. Raises Refused, naming the field."""
    try:
        return base64.b64decode(told[name], validate=True)
    except (KeyError, TypeError, ValueError):
        raise Refused(f"{name}: is no base64 in its answer.", 422) from None


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _error(answer: outbound.Answer) -> str:
    try:
        words = json.loads(answer.body)["error"]
    except (ValueError, KeyError, TypeError, RecursionError):
        words = "no reason given"
    return f"It answered {answer.status}: {str(words)[:200]}"
