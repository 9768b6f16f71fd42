"""A small platform that takes orders and keeps what it was told, for the demo and the tests.

It keeps the contract of docs/acting.md: checks signatures, honours the idempotency key, applies
absolute commands, answers reads. Every effect is one line of a file, written to disk before the
answer, so that it survives a kill; a repeated key adds no line.
"""

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

from standardwebhooks import Webhook, WebhookVerificationError

from .webhook import BODY_BYTES, COMMANDS, STATES

# What the first POST of every key meets.
FAULTS = ("time-out-after-effect", "500-after-effect", "429", "410", "redirect", "slow")
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Recording gateway</title>
<style>body{{font:14px/1.5 system-ui,sans-serif;margin:2rem}}td,th{{padding:2px 12px;
text-align:left}}</style><h1>Recording gateway</h1><p>{count} accounts were changed by orders.</p>
<table><thead><tr><th>Account<th>State<th>Order<th>At</thead><tbody>{rows}</tbody></table></html>
"""


class Refused(Exception):
    """A request that changes nothing: (status, reason)."""

    def __init__(self, status: int, reason: str):
        super().__init__(reason)
        self.status = status


class RecordingGateway:
    """The states of the accounts. Safe to use from several threads."""

    def __init__(
        self, file: Path, secret: str, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ):
        self._file, self._webhook, self._now = file, Webhook(secret), now
        self._lock = threading.Lock()
        self._accounts: dict[str, dict] = {}
        self._seen: dict[str, str] = {}
        self._load()

    def apply(self, headers: dict[str, str], body: bytes) -> dict:
        """Take one order: {"account", "state", "repeated"}. Raises Refused."""
        self._verify(headers, body)
        key, digest = headers["webhook-id"], hashlib.sha256(body).hexdigest()
        account, state, order, until = self._read(body)
        with self._lock:
            if key in self._seen:
                if self._seen[key] != digest:
                    raise Refused(409, "this webhook-id came before with another body")
                return {"account": account, "state": self._state(account), "repeated": True}
            effect = {
                "at": self._now().isoformat(), "key": key, "digest": digest, "account": account,
                "state": state, "order": order, "until": until,
            }  # fmt: skip
            with open(self._file, "ab") as out:
                out.write(json.dumps(effect).encode() + b"\n")
                out.flush()
                os.fsync(out.fileno())
            self._keep(effect)
            return {"account": account, "state": self._state(account), "repeated": False}

    def read(self, headers: dict[str, str], path: str) -> dict:
        """What one account's state is: {"account", "state"}. Raises Refused."""
        self._verify(headers, f"GET {path}".encode())
        account = unquote(path.rsplit("/accounts/", 1)[1])
        with self._lock:
            return {"account": account, "state": self._state(account)}

    def page(self) -> str:
        """All accounts that an order ever changed, as HTML."""
        with self._lock:
            kept = sorted(self._accounts.items())
            rows = "".join(
                f"<tr><td>{escape(account)}<td>{self._state(account)}"
                f"<td>{escape(effect['order'])}<td>{escape(effect['at'])}"
                for account, effect in kept
            )
        return PAGE.format(count=len(kept), rows=rows)

    def _state(self, account: str) -> str:
        effect = self._accounts.get(account)
        if effect is None:
            return "active"
        if effect["until"] and datetime.fromisoformat(effect["until"]) <= self._now():
            return "active"
        return effect["state"]

    def _verify(self, headers: dict[str, str], content: bytes) -> None:
        try:
            self._webhook.verify(content, headers, json_parse=False)
        except (WebhookVerificationError, ValueError):
            raise Refused(401, "the signature does not hold") from None

    @staticmethod
    def _read(body: bytes) -> tuple[str, str, str, str | None]:
        try:
            content = json.loads(body)
            data = content["data"]
            account, state, order = data["account"], data["state"], data["order"]
            until = data.get("until")
            if until is not None and datetime.fromisoformat(until).tzinfo is None:
                raise ValueError
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise Refused(400, "not an order") from None
        known = content["type"] in {name for name, _ in COMMANDS.values()} and state in STATES
        if not known or not isinstance(account, str) or not isinstance(order, str):
            raise Refused(422, "not an order that is known here")
        return account, state, order, until

    def _keep(self, effect: dict) -> None:
        self._seen[effect["key"]] = effect["digest"]
        self._accounts[effect["account"]] = effect

    def _load(self) -> None:
        if not self._file.exists():
            return
        whole = 0
        with open(self._file, "rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break  # a kill cut it short: it was never answered, so it never happened
                self._keep(json.loads(line))
                whole += len(line)
        os.truncate(self._file, whole)


class _Handler(BaseHTTPRequestHandler):
    server: "GatewayServer"
    timeout = 30

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 < length < BODY_BYTES:
            self._answer(413, {"error": f"an order has less than {BODY_BYTES} bytes"})
            return
        body = self.rfile.read(length)
        headers = {name.lower(): value for name, value in self.headers.items()}
        fault = self.server.fault_for(headers.get("webhook-id", ""))
        if fault == "429":
            self._answer(429, {"error": "slow down"}, {"Retry-After": "1"})
        elif fault == "410":
            self._answer(410, {"error": "gone"})
        elif fault == "redirect":
            self._answer(307, {}, {"Location": "/elsewhere"})
        else:
            try:
                done = self.server.gateway.apply(headers, body)
            except Refused as refusal:
                self._answer(refusal.status, {"error": str(refusal)})
                return
            self._after_effect(fault, done)

    def do_GET(self):
        if self.path == "/":
            self._send(200, self.server.gateway.page().encode(), "text/html; charset=utf-8")
        elif "/accounts/" in self.path:
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                self._answer(200, self.server.gateway.read(headers, self.path))
            except Refused as refusal:
                self._answer(refusal.status, {"error": str(refusal)})
        else:
            self._answer(404, {"error": "nothing here"})

    def _after_effect(self, fault: str, done: dict) -> None:
        if fault == "time-out-after-effect":
            time.sleep(self.server.fault_seconds)
            self.close_connection = True
        elif fault == "500-after-effect":
            self._answer(500, {"error": "broken after the effect"})
        elif fault == "slow":
            end = time.monotonic() + self.server.fault_seconds
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while time.monotonic() < end:
                self.wfile.write(b".")
                time.sleep(0.1)
            self.close_connection = True
        else:
            self._answer(200, done)

    def _answer(self, status: int, content: dict, headers: dict | None = None) -> None:
        self._send(status, json.dumps(content).encode(), "application/json", headers)

    def _send(self, status: int, body: bytes, kind: str, headers: dict | None = None) -> None:
        self.send_response(status)
        policy = "default-src 'none'; style-src 'unsafe-inline'"
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": policy,
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        """The file is the log."""


class GatewayServer(ThreadingHTTPServer):
    """Serves a RecordingGateway on the loopback address; port 0 takes a free one."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, port: int, gateway: RecordingGateway, *, fault: str = "", fault_seconds: float = 30
    ):
        self.gateway, self.fault, self.fault_seconds = gateway, fault, fault_seconds
        self._met: set[str] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def fault_for(self, key: str) -> str:
        """The fault, for the first POST of a key; nothing for the ones after it."""
        if not self.fault or key in self._met:
            return ""
        self._met.add(key)
        return self.fault

    def handle_error(self, request, client_address):
        """A client that went away is no news: the faults make many."""
