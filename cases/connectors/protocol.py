"""What every connector can do: preview, read, apply, revert, probe. docs/connectors.md says how
to write one. A connector knows no database; its only way out is its wire.
"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from urllib.parse import urlsplit

from ingest.outbound import ANSWER_BYTES, Answer, NoAnswer, NotSent, request

KEPT_CHARACTERS = 2_000  # of a request and of an answer, for people who look at an exchange
HIDDEN = "•••"
KEYS_OF_CUSTOMERS = re.compile(r"sk-[A-Za-z0-9_-]{6,}")


class ReadBackFailed(NoAnswer):
    """The platform did not say what state the account has."""

    def __init__(self, problem: str, answer: Answer | None = None):
        super().__init__(problem)
        self.answer = answer


class CannotCarry(Exception):
    """This connector cannot do this to this target, however often it tries; the text says why."""


@dataclass(frozen=True)
class Endpoint:
    """Where orders go, as its row says. settings: what this kind of connector needs besides."""

    url: str
    secret: str = field(repr=False)
    allowed_private_hosts: tuple[str, ...] = ()
    settings: Mapping = field(default_factory=dict)


@dataclass(frozen=True)
class Target:
    """Whom an order is about. kind: account, key, end_user or organisation; value: its id."""

    account: str
    kind: str = "account"
    value: str = ""

    @property
    def id(self) -> str:
        return self.value or self.account

    @property
    def is_account(self) -> bool:
        return self.kind == "account"


@dataclass(frozen=True)
class Command:
    """One order about one target. Absolute: it names the state that the target shall have.

    limits: requests and tokens a minute (rpm, tpm) of a limit; empty: the platform's own. restore:
    the `native` settings that were read before the order that this one takes back; empty: nothing
    was recorded.
    """

    key: str
    kind: str
    target: Target
    state: str
    order: str
    at: datetime
    reason: str
    case: str = ""
    notice: str = ""
    until: datetime | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    restore: Mapping = field(default_factory=dict)


@dataclass(frozen=True)
class Reading:
    """The target as the platform has it. state None: it knows no such target.

    native: the platform's own settings that an order may change, as small JSON without secrets.
    """

    state: str | None
    native: Mapping = field(default_factory=dict)


@dataclass(frozen=True)
class Probe:
    """Whether the platform can be talked to. says: one sentence for people."""

    ok: bool
    says: str


class Carrier(Protocol):
    """One connector, opened for one try. Methods may run in several threads on several objects."""

    honours_key: bool  # the same key again changes nothing
    reads_back: bool  # `read` tells the state; without it an order is at best accepted

    def preview(self, command: Command) -> str:
        """What would be sent, as text for people; no secret in it. Raises CannotCarry."""

    def read(self, target: Target) -> Reading:
        """Raises NotSent, NoAnswer, or ReadBackFailed for an answer that says no known state."""

    def apply(self, command: Command) -> Answer:
        """Bring the target to command.state. Raises NotSent, NoAnswer or CannotCarry."""

    def revert(self, command: Command) -> Answer:
        """Bring the target back to command.state and command.restore. Raises as apply does."""

    def holds(self, reading: Reading, command: Command) -> bool:
        """Whether what was read is what the command asks for."""

    def probe(self) -> Probe:
        """Ask something harmless. Never raises for what the other side does."""


@dataclass(frozen=True)
class Said:
    """One request and its answer, as kept for people: no header, no secret."""

    step: str
    method: str
    path: str
    request: str
    status: int | None
    answer: str
    error: str
    milliseconds: int


class Wire:
    """The way out of one connector for one try; keeps what was said."""

    def __init__(self, endpoint: Endpoint, *, hide: tuple[str, ...] = ()):
        self._endpoint = endpoint
        self._hide = tuple(text for text in (endpoint.secret, *hide) if text)
        self.said: list[Said] = []

    def request(
        self,
        step: str,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        answer_bytes: int = ANSWER_BYTES,
    ) -> Answer:
        """One request to a checked address. Raises NotSent or NoAnswer, as ingest.outbound does."""
        start, answer, problem = time.monotonic(), None, ""
        try:
            answer = request(
                method,
                url,
                headers=headers,
                body=body,
                allowed_private_hosts=self._endpoint.allowed_private_hosts,
                answer_bytes=answer_bytes,
            )
            return answer
        except (NotSent, NoAnswer) as error:
            problem = str(error)
            raise
        finally:
            parts = urlsplit(url)
            path = parts.path + (f"?{parts.query}" if parts.query else "")
            self.said.append(
                Said(
                    step=step,
                    method=method,
                    path=self._clean(path)[:300],
                    request=self._clean((body or b"").decode(errors="replace")),
                    status=answer.status if answer else None,
                    answer=self._clean(answer.body.decode(errors="replace") if answer else ""),
                    error=self._clean(problem)[:300],
                    milliseconds=round((time.monotonic() - start) * 1000),
                )
            )

    def _clean(self, text: str) -> str:
        for secret in self._hide:
            text = text.replace(secret, HIDDEN)
        text = KEYS_OF_CUSTOMERS.sub(f"sk-{HIDDEN}", text).replace(
            "\0", "\N{REPLACEMENT CHARACTER}"
        )
        if len(text) > KEPT_CHARACTERS:
            return f"{text[:KEPT_CHARACTERS]}… and {len(text) - KEPT_CHARACTERS:,} characters more"
        return text
