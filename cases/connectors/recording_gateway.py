"""A small platform that takes orders and keeps what it was told, for the demo and the tests.

It keeps the contract of docs/acting.md: checks signatures, honours the idempotency key, applies
absolute commands, answers reads. Every effect is one line of a file, written to disk before the
answer, so that it survives a kill; a repeated key adds no line.
"""

import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

from standardwebhooks import Webhook, WebhookVerificationError

from cases.kinds import STATES, TARGETS

from .protocol import Target
from .webhook import BODY_BYTES, LIMITS, path_of, quoted

# What the first POST of every key meets.
FAULTS = ("time-out-after-effect", "500-after-effect", "429", "410", "redirect", "slow")
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Recording gateway</title>
<style>body{{font:14px/1.5 system-ui,sans-serif;margin:2rem}}td,th{{padding:2px 12px;
text-align:left}}</style><h1>Recording gateway</h1><p>{count} accounts were changed by orders.</p>
<table><thead><tr><th>Account<th>State<th>Order<th>At</thead><tbody>{rows}</tbody></table></html>
"""


READ = re.compile(r"/((?:accounts|organisations)/.+)$")


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
        self._targets: dict[str, dict] = {}  # by where each is read
        self._seen: dict[str, str] = {}
        self._load()

    def apply(self, headers: dict[str, str], body: bytes) -> dict:
        """Take one order: {"account", "state", "repeated", …}. Raises Refused."""
        self._verify(headers, body)
        key, digest = headers["webhook-id"], hashlib.sha256(body).hexdigest()
        ordered = self._read(body)
        target = ordered["target"]
        with self._lock:
            if key in self._seen:
                if self._seen[key] != digest:
                    raise Refused(409, "this webhook-id came before with another body")
                return self._told(target) | {"account": ordered["account"], "repeated": True}
            effect = {"at": self._now().isoformat(), "key": key, "digest": digest} | ordered
            with open(self._file, "ab") as out:
                out.write(json.dumps(effect).encode() + b"\n")
                out.flush()
                os.fsync(out.fileno())
            self._keep(effect)
            return self._told(target) | {"account": ordered["account"], "repeated": False}

    def read(self, headers: dict[str, str], path: str) -> dict:
        """What one target's state is: {"state"}, and rpm and tpm of a limit. Raises Refused."""
        self._verify(headers, f"GET {path}".encode())
        below = READ.search(path)[1]
        target = "/".join(quoted(unquote(segment)) for segment in below.split("/"))
        with self._lock:
            return self._told(target)

    def page(self) -> str:
        """All accounts that an order ever changed, as HTML."""
        with self._lock:
            kept = sorted(self._targets.items())
            rows = "".join(
                f"<tr><td>{escape(_name(target))}<td>{self._told(target)['state']}"
                f"<td>{escape(effect['order'])}<td>{escape(effect['at'])}"
                for target, effect in kept
            )
        return PAGE.format(count=len(kept), rows=rows)

    def _told(self, target: str) -> dict:
        effect = self._targets.get(target)
        if effect is None:
            return {"state": "active"}
        if effect["until"] and datetime.fromisoformat(effect["until"]) <= self._now():
            return {"state": "active"}
        return {"state": effect["state"]} | effect["limits"]

    def _verify(self, headers: dict[str, str], content: bytes) -> None:
        try:
            self._webhook.verify(content, headers, json_parse=False)
        except (WebhookVerificationError, ValueError):
            raise Refused(401, "the signature does not hold") from None

    @staticmethod
    def _read(body: bytes) -> dict:
        try:
            content = json.loads(body)
            data = content["data"]
            account, state, order = data["account"], data["state"], data["order"]
            until, about = data.get("until"), data.get("target")
            if until is not None and datetime.fromisoformat(until).tzinfo is None:
                raise ValueError
            kind, name = (about["kind"], about["id"]) if about else ("account", "")
            limits = {name: data[name] for name in LIMITS if name in data}
            noun, verb = content["type"].split(".")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise Refused(400, "not an order") from None
        texts = all(isinstance(text, str) for text in (account, order, name))
        numbers = all(type(most) is int and most >= 0 for most in limits.values())
        known = kind == noun and kind in TARGETS.get(verb, ()) and state in STATES
        if not (known and texts and numbers):
            raise Refused(422, "not an order that is known here")
        return {
            "account": account, "target": path_of(Target(account, kind, name)), "state": state,
            "limits": limits, "order": order, "until": until,
        }  # fmt: skip

    def _keep(self, effect: dict) -> None:
        # files from before there were other targets than accounts are read on
        effect = {"target": path_of(Target(effect["account"])), "limits": {}} | effect
        self._seen[effect["key"]] = effect["digest"]
        self._targets[effect["target"]] = effect

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


def _name(target: str) -> str:
    """A target for people: acct-1, or acct-1 · keys · k-7."""
    return " · ".join(unquote(segment) for segment in target.split("/")[1:])


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
        elif READ.search(self.path):
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
