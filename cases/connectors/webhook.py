"""Orders as signed webhooks (Standard Webhooks 1.0), and the state read back.

Commands are absolute: each says which state the account shall have, so a repeated one changes
nothing more. docs/acting.md has the contract as the platform sees it.
"""

import json
import uuid
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from standardwebhooks import Webhook as Signer

from cases.connectors.protocol import (
    CannotCarry,
    Command,
    Endpoint,
    Probe,
    ReadBackFailed,
    Reading,
    Target,
    Wire,
)
from cases.kinds import STATES, WANTED
from ingest.outbound import Answer, NoAnswer, NotSent

SEGMENTS = {"key": "keys", "end_user": "end_users"}  # below an account
LIMITS = ("rpm", "tpm")
# kinds that the desk's form offers: (event type, the state that the account shall have)
COMMANDS = {kind: (f"account.{kind}", WANTED[kind]) for kind in ("limit", "suspend", "reinstate")}
BODY_BYTES = 20_000
PROBE = "stillwatch-probe"  # an account that no platform has


class Webhook:
    """A platform that takes signed commands; by its settings it may know no key or no reading."""

    def __init__(self, endpoint: Endpoint, wire: Wire):
        self._endpoint, self._wire = endpoint, wire
        self.honours_key = endpoint.settings.get("honours_key", True)
        self.reads_back = endpoint.settings.get("reads_back", True)

    def preview(self, command: Command) -> str:
        return f"POST {urlsplit(self._endpoint.url).path or '/'}\n{body_of(command).decode()}"

    def read(self, target: Target) -> Reading:
        url = f"{self._endpoint.url.rstrip('/')}/{path_of(target)}"
        path = urlsplit(url).path
        # the path is what is signed, or one signature would read every account
        headers = signed(self._endpoint.secret, f"read_{uuid.uuid4().hex}", f"GET {path}")
        answer = self._wire.request("read", "GET", url, headers=headers)
        if answer.status == 404:
            return Reading(None)
        if answer.status != 200:
            raise ReadBackFailed(f"reading back answered {answer.status}", answer)
        try:
            content = json.loads(answer.body)
            state = content["state"]
            native = {name: content[name] for name in LIMITS if name in content}
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ReadBackFailed("reading back gave no state") from None
        if state not in STATES:
            raise ReadBackFailed(f"reading back gave an unknown state: {str(state)[:40]!r}")
        return Reading(state, native)

    def apply(self, command: Command) -> Answer:
        return self.post(command.key, body_of(command))

    def revert(self, command: Command) -> Answer:
        return self.apply(command)  # absolute: the state that was recorded is the command

    def post(self, key: str, body: bytes) -> Answer:
        """One signed body under its idempotency key."""
        headers = signed(self._endpoint.secret, key, body.decode())
        headers |= {"Content-Type": "application/json"}
        return self._wire.request("send", "POST", self._endpoint.url, headers=headers, body=body)

    def holds(self, reading: Reading, command: Command) -> bool:
        """A platform that tells no rpm or tpm is believed by its state alone."""
        asked, told = limits_of(command), reading.native
        return reading.state == command.state and all(
            told.get(name, most) == most for name, most in asked.items()
        )

    def probe(self) -> Probe:
        if not self.reads_back:
            return Probe(True, "It cannot be read, so nothing was asked; the next order will tell.")
        try:
            found = self.read(Target(PROBE))
        except (NotSent, NoAnswer) as error:
            return Probe(False, f"Reading an account failed: {error}.")
        known = "knows no such account" if found.state is None else f"says {found.state}"
        return Probe(True, f"It took the signature and, asked for {PROBE}, {known}.")


def body_of(command: Command) -> bytes:
    """The body of one order. The same command gives the same bytes, so a retry repeats itself.

    Raises CannotCarry for a kind that the contract has not, or BODY_BYTES and more.
    """
    if command.kind not in WANTED:
        raise CannotCarry(f"a webhook carries no {command.kind}")
    target = command.target
    data = {
        "account": target.account,
        "state": command.state,
        "order": command.order,
        "reason": command.reason,
    } | limits_of(command)
    if not target.is_account:
        data["target"] = {"kind": target.kind, "id": target.id}
    if command.case:
        data["case"] = command.case
    if command.notice:
        data["notice"] = command.notice
    if command.until:
        data["until"] = _moment(command.until)
    content = {
        "type": f"{target.kind}.{command.kind}",
        "timestamp": _moment(command.at),
        "data": data,
    }
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    if len(body) >= BODY_BYTES:
        raise CannotCarry(f"the order has {len(body)} bytes, and may have {BODY_BYTES}")
    return body


def limits_of(command: Command) -> dict[str, int]:
    """Requests and tokens a minute that go with the state: ordered, or as they were before."""
    if command.state != "limited":
        return {}
    asked = command.limits or command.restore
    return {name: asked[name] for name in LIMITS if asked.get(name) is not None}


def path_of(target: Target) -> str:
    """Where a target is read, below the connector's address."""
    if target.kind == "organisation":
        return f"organisations/{quoted(target.id)}"
    path = f"accounts/{quoted(target.account)}"
    return path if target.is_account else f"{path}/{SEGMENTS[target.kind]}/{quoted(target.id)}"


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
        "webhook-signature": Signer(secret).sign(message_id, now, content),
    }


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
