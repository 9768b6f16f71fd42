"""Orders as signed webhooks (Standard Webhooks 1.0), and the state read back.

Commands are absolute: each says which state the account shall have, so a repeated one changes
nothing more. docs/acting.md has the contract as the platform sees it.
"""

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from standardwebhooks import Webhook

from ingest.outbound import Answer, NoAnswer, request

# kind of order: (event type, the state that the account shall have)
COMMANDS = {
    "limit": ("account.limit", "limited"),
    "suspend": ("account.suspend", "suspended"),
    "reinstate": ("account.reinstate", "active"),
}
STATES = ("active", "limited", "suspended")  # from the mildest to the strictest
BODY_BYTES = 20_000


class ReadBackFailed(NoAnswer):
    """The platform did not say what state the account has."""

    def __init__(self, problem: str, answer: Answer | None = None):
        super().__init__(problem)
        self.answer = answer


@dataclass(frozen=True)
class Endpoint:
    """Where orders go. secret: whsec_ and base64 of 24–64 bytes."""

    url: str
    secret: str
    allowed_private_hosts: tuple[str, ...] = ()


def command(
    kind: str,
    *,
    account: str,
    state: str,
    order: str,
    at: datetime,
    reason: str,
    case: str = "",
    notice: str = "",
    until: datetime | None = None,
) -> bytes:
    """The body of one order. The same arguments give the same bytes, so a retry repeats itself.

    Raises ValueError above BODY_BYTES.
    """
    data = {"account": account, "state": state, "order": order, "reason": reason}
    if case:
        data["case"] = case
    if notice:
        data["notice"] = notice
    if until:
        data["until"] = _moment(until)
    content = {"type": COMMANDS[kind][0], "timestamp": _moment(at), "data": data}
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    if len(body) >= BODY_BYTES:
        raise ValueError(f"the order has {len(body)} bytes, and may have {BODY_BYTES}")
    return body


def send(endpoint: Endpoint, *, key: str, body: bytes) -> Answer:
    """POST one command under its idempotency key. Raises NotSent or NoAnswer."""
    headers = signed(endpoint.secret, key, body.decode())
    return request(
        "POST",
        endpoint.url,
        headers={**headers, "Content-Type": "application/json"},
        body=body,
        allowed_private_hosts=endpoint.allowed_private_hosts,
    )


def read_state(endpoint: Endpoint, account: str) -> str | None:
    """The account's state as the platform has it; None: it knows no such account.

    Raises NotSent, NoAnswer, or ReadBackFailed for an answer that says no known state.
    """
    url = f"{endpoint.url.rstrip('/')}/accounts/{quoted(account)}"
    path = urlsplit(url).path
    answer = request(
        "GET",
        url,
        # the path is what is signed, or one signature would read every account
        headers=signed(endpoint.secret, f"read_{uuid.uuid4().hex}", f"GET {path}"),
        allowed_private_hosts=endpoint.allowed_private_hosts,
    )
    if answer.status == 404:
        return None
    if answer.status != 200:
        raise ReadBackFailed(f"reading back answered {answer.status}", answer)
    try:
        state = json.loads(answer.body)["state"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ReadBackFailed("reading back gave no state") from None
    if state not in STATES:
        raise ReadBackFailed(f"reading back gave a state that is not known: {str(state)[:40]!r}")
    return state


def quoted(account: str) -> str:
    """An account's id as one segment of a path; never '.' or '..', which proxies collapse."""
    text = quote(account, safe="")
    return text.replace(".", "%2E") if set(text) == {"."} else text


def signed(secret: str, message_id: str, content: str) -> dict[str, str]:
    """The three headers over the exact content."""
    now = datetime.now(UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, now, content),
    }


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
