"""Stillwatch's list inside a LiteLLM proxy: copy this one file beside the proxy's config.

    general_settings:
      custom_auth: stillwatch_litellm.user_api_key_auth

It takes orders at /stillwatch/orders, as signed webhooks (docs/acting.md has the contract), keeps
them in a file, and holds every request against them. Needs nothing but what the proxy has.

    STILLWATCH_SECRET   whsec_… as the connector has it; without it no order is taken
    STILLWATCH_LIST     the file (stillwatch-list.jsonl beside this one); replicas share it
    STILLWATCH_NEXT     module.function: your own custom_auth. It decides who somebody is; this
                        hook only takes away. Without it every request is refused.
    STILLWATCH_ACCOUNT  which of its answers is the account: user_id (or team_id, org_id, …)
"""

import base64
import binascii
import fcntl
import hashlib
import hmac
import importlib
import json
import os
import re
import sys
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote, unquote

from fastapi import HTTPException, Request, Response
from litellm.proxy._types import UserAPIKeyAuth
from litellm.proxy.proxy_server import app

PREFIX = "/stillwatch/orders"
STATES = ("active", "verify", "limited", "suspended", "revoked")
BODY_BYTES = 20_000
PATIENCE = 300  # seconds that a signature may be off
REFUSALS = {
    "suspended": "This account is suspended.",
    "revoked": "This key was revoked.",
    "verify": "Verify this account before you go on.",
}


class OrderList:
    """Who may not do what, by path (accounts/acct-1). Written to disk before an order is answered.

    Other replicas append to the same file: what is new in it is read before each look.
    """

    def __init__(self, file: Path):
        self._file, self._lock = file, threading.Lock()
        self._place = 0
        self._targets: dict[str, dict] = {}
        self._keys: dict[str, str] = {}

    def look(self, path: str) -> dict:
        """{"state": …} and rpm and tpm of a limit."""
        with self._lock:
            self._catch_up()
            found = self._targets.get(path)
        if not found or _over(found.get("until")):
            return {"state": "active"}
        return {"state": found["state"], **found["limits"]}

    def take(self, key: str, digest: str, path: str, order: dict) -> tuple[int, dict]:
        """One order under its key: (status, answer). The same key again changes nothing."""
        with self._lock, open(self._file, "ab") as out:
            fcntl.flock(out, fcntl.LOCK_EX)
            self._catch_up()
            known = self._keys.get(key)
            if known and known != digest:
                return 409, {"error": "this webhook-id came before with another body"}
            if not known:
                line = {"key": key, "digest": digest, "path": path, **order}
                # a crash may have cut the last line short: it ends here, and counts for nothing
                torn = b"\n" if self._place < out.tell() else b""
                out.write(torn + json.dumps(line).encode() + b"\n")
                out.flush()
                os.fsync(out.fileno())
                self._catch_up()
            return 200, {"path": path, "repeated": bool(known)}

    def _catch_up(self) -> None:
        if not self._file.exists() or self._file.stat().st_size == self._place:
            return
        with open(self._file, "rb") as lines:
            lines.seek(self._place)
            for text in lines:
                if not text.endswith(b"\n"):
                    break  # a replica is writing it
                self._place += len(text)
                try:
                    line = json.loads(text)
                    self._targets[line["path"]] = line
                    self._keys[line["key"]] = line["digest"]
                except (ValueError, KeyError):
                    continue  # a crash cut it short: it was never answered


def _over(until) -> bool:
    return bool(until) and datetime.fromisoformat(until) <= datetime.now(timezone.utc)  # noqa: UP017


HERE = Path(__file__).resolve().parent
ORDERS = OrderList(Path(os.environ.get("STILLWATCH_LIST") or HERE / "stillwatch-list.jsonl"))


async def user_api_key_auth(request: Request, api_key: str) -> UserAPIKeyAuth:
    """Whoever your own check lets in, unless an order is against it."""
    if request.url.path.startswith("/stillwatch/"):
        raise HTTPException(404)
    found = await _next()(request, api_key)
    found = UserAPIKeyAuth.model_validate(found)
    rpm, tpm = [found.rpm_limit], [found.tpm_limit]
    for path in _paths(found, api_key):
        told = ORDERS.look(path)
        if told["state"] in REFUSALS:
            raise HTTPException(403, {"error": REFUSALS[told["state"]]})
        rpm.append(told.get("rpm"))
        tpm.append(told.get("tpm"))
    # an order only takes away: the smallest limit holds
    found.rpm_limit = min((most for most in rpm if most is not None), default=None)
    found.tpm_limit = min((most for most in tpm if most is not None), default=None)
    return found


def _paths(found: UserAPIKeyAuth, api_key: str) -> list[str]:
    account = getattr(found, os.environ.get("STILLWATCH_ACCOUNT", "user_id"), None)
    paths = []
    if account:
        base = f"accounts/{_quoted(account)}"
        paths = [base, f"{base}/keys/{hashlib.sha256(api_key.encode()).hexdigest()}"]
        if found.end_user_id:
            paths.append(f"{base}/end_users/{_quoted(found.end_user_id)}")
    if found.org_id:
        paths.append(f"organisations/{_quoted(found.org_id)}")
    return paths


def _next():
    name = os.environ.get("STILLWATCH_NEXT", "")
    module, _, function = name.rpartition(".")
    if not module:
        raise HTTPException(500, {"error": "STILLWATCH_NEXT names no module.function"})
    if str(HERE) not in sys.path:
        sys.path.insert(0, str(HERE))
    return getattr(importlib.import_module(module), function)


@app.post(PREFIX, include_in_schema=False)
async def take_order(request: Request) -> Response:
    body = await request.body()
    if not 0 < len(body) < BODY_BYTES:
        return _say(413, {"error": f"an order has less than {BODY_BYTES} bytes"})
    if not _signed(request, body):
        return _say(401, {"error": "the signature does not hold"})
    try:
        data = json.loads(body)["data"]
        target = data.get("target") or {"kind": "account", "id": ""}
        path = _path(data["account"], target["kind"], target["id"])
        limits = {name: data[name] for name in ("rpm", "tpm") if name in data}
        order = {
            "state": data["state"], "limits": limits, "until": data.get("until"),
            "order": data["order"],
        }  # fmt: skip
        if data["state"] not in STATES or any(type(most) is not int for most in limits.values()):
            raise ValueError
        _over(order["until"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return _say(400, {"error": "not an order"})
    digest = hashlib.sha256(body).hexdigest()
    return _say(*ORDERS.take(request.headers["webhook-id"], digest, path, order))


@app.get(PREFIX + "/{below:path}", include_in_schema=False)
async def read_order(request: Request) -> Response:
    path = request.scope.get("raw_path", b"").decode().split("?")[0]
    if not _signed(request, f"GET {path}".encode()):
        return _say(401, {"error": "the signature does not hold"})
    below = re.search(r"/((?:accounts|organisations)/.+)$", path)
    if not below:
        return _say(404, {"error": "nothing here"})
    return _say(200, ORDERS.look("/".join(_quoted(unquote(one)) for one in below[1].split("/"))))


def _path(account: str, kind: str, name: str) -> str:
    if kind == "organisation":
        return f"organisations/{_quoted(name)}"
    below = {"account": "", "key": "keys", "end_user": "end_users"}[kind]
    path = f"accounts/{_quoted(account)}"
    return f"{path}/{below}/{_quoted(name)}" if below else path


def _quoted(name: str) -> str:
    text = quote(name, safe="")
    return text.replace(".", "%2E") if set(text) == {"."} else text


def _signed(request: Request, content: bytes) -> bool:
    """Standard Webhooks 1.0, v1, over the exact bytes."""
    try:
        secret = base64.b64decode(os.environ.get("STILLWATCH_SECRET", "").removeprefix("whsec_"))
        at = int(request.headers["webhook-timestamp"])
        message = f"{request.headers['webhook-id']}.{at}.".encode() + content
    except (KeyError, ValueError, binascii.Error):
        return False
    if len(secret) < 24 or abs(time.time() - at) > PATIENCE:
        return False
    mac = base64.b64encode(hmac.new(secret, message, hashlib.sha256).digest()).decode()
    given = request.headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(f"v1,{mac}", one) for one in given)


def _say(status: int, content: dict) -> Response:
    return Response(json.dumps(content), status, media_type="application/json")
