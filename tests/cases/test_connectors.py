"""The webhook, and the recording gateway at its other end."""

import base64
import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from cases.connectors import webhook
from cases.connectors.protocol import (
    CannotCarry,
    Command,
    Endpoint,
    ReadBackFailed,
    Target,
    Wire,
)
from cases.connectors.recording_gateway import GatewayServer, RecordingGateway, Refused
from cases.connectors.webhook import body_of, quoted
from ingest import outbound as http
from ingest.outbound import NoAnswer
from tests.processes import ROOT, open_port

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
AT = datetime(2026, 11, 24, 9, 42, tzinfo=UTC)


# The webhook


def order(account="acct-1", state="suspended", kind="suspend", number="O-7", **more) -> bytes:
    return body_of(
        Command(
            key="k", kind=kind, target=Target(account), state=state, order=number, at=AT,
            reason="r", **more,
        )
    )  # fmt: skip


def at(endpoint: Endpoint) -> webhook.Webhook:
    return webhook.Webhook(endpoint, Wire(endpoint))


def send(endpoint: Endpoint, *, key: str, body: bytes):
    return at(endpoint).post(key, body)


def read_state(endpoint: Endpoint, account: str) -> str | None:
    return at(endpoint).read(Target(account)).state


def test_a_retry_sends_the_same_bytes():
    assert order() == order()
    content = json.loads(order(until=AT, case="C-1", notice="Dear customer"))
    assert content == {
        "type": "account.suspend",
        "timestamp": "2026-11-24T09:42:00Z",
        "data": {
            "account": "acct-1", "state": "suspended", "order": "O-7", "reason": "r",
            "case": "C-1", "notice": "Dear customer", "until": "2026-11-24T09:42:00Z",
        },
    }  # fmt: skip


def test_a_body_stays_below_twenty_thousand_bytes():
    with pytest.raises(CannotCarry, match="bytes"):
        order(notice="é" * 10_000)


def test_the_signature_is_standard_webhooks_over_the_exact_bytes():
    body = order(account='"ключ" 鍵').decode()
    headers = webhook.signed(SECRET, "msg_1", body)
    assert Webhook(SECRET).verify(body, headers)["data"]["account"] == '"ключ" 鍵'
    signed = f"msg_1.{headers['webhook-timestamp']}.{body}".encode()
    # by hand, so that a fault of the library is seen
    mac = hmac.new(b"s" * 32, signed, hashlib.sha256).digest()
    expected = base64.b64encode(mac).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


@pytest.mark.parametrize(
    ("account", "segment"),
    [
        ("acct-1", "acct-1"), ("a/b", "a%2Fb"), ("..", "%2E%2E"), (".", "%2E"),
        ("a b?c#d", "a%20b%3Fc%23d"),
        ("%2e", "%252e"), ("ключ", "%D0%BA%D0%BB%D1%8E%D1%87"), ("a\r\nX: y", "a%0D%0AX%3A%20y"),
    ],
)  # fmt: skip
def test_an_account_is_one_segment_of_the_path(account, segment):
    assert quoted(account) == segment


# The gateway


@pytest.fixture
def gateway(tmp_path):
    """start(fault) gives (endpoint, gateway, file) of a gateway on a port of its own."""
    servers = []

    def start(fault="", fault_seconds=1.5):
        file = tmp_path / "gateway.jsonl"
        kept = RecordingGateway(file, SECRET)
        server = GatewayServer(0, kept, fault=fault, fault_seconds=fault_seconds)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        servers.append(server)
        url = f"http://127.0.0.1:{server.server_address[1]}"
        return Endpoint(url, SECRET, ("127.0.0.1",)), kept, file

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def effects(file) -> list[dict]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_an_order_takes_effect_and_is_read_back(gateway):
    endpoint, _, file = gateway()
    assert read_state(endpoint, "acct-1") == "active"
    assert send(endpoint, key="k1", body=order()).status == 200
    assert read_state(endpoint, "acct-1") == "suspended"
    assert [e["key"] for e in effects(file)] == ["k1"]


@pytest.mark.parametrize("account", ["a/b", "..", "<script>", "ключ %2F", "a?b#c", "x" * 200])
def test_any_account_id_is_ordered_and_read_back_as_itself(gateway, account):
    endpoint, _, file = gateway()
    send(endpoint, key="k", body=order(account=account))
    assert read_state(endpoint, account) == "suspended"
    assert effects(file)[0]["account"] == account


def test_the_same_key_twice_has_one_effect_and_with_another_body_none(gateway):
    endpoint, _, file = gateway()
    first = send(endpoint, key="k", body=order())
    again = send(endpoint, key="k", body=order())
    other = send(endpoint, key="k", body=order(state="active", kind="reinstate"))
    assert (first.status, again.status, other.status) == (200, 200, 409)
    assert json.loads(again.body)["repeated"] is True
    assert len(effects(file)) == 1
    assert read_state(endpoint, "acct-1") == "suspended"


def test_the_same_key_from_many_at_once_has_one_effect(gateway):
    endpoint, _, file = gateway()
    threads = [
        threading.Thread(target=send, args=(endpoint,), kwargs={"key": "k", "body": order()})
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(effects(file)) == 1


def test_a_wrong_secret_an_old_message_and_a_signature_for_another_path_are_refused(gateway):
    endpoint, kept, file = gateway()
    other = Endpoint(endpoint.url, "whsec_" + base64.b64encode(b"x" * 32).decode(), ("127.0.0.1",))
    assert send(other, key="k", body=order()).status == 401
    with pytest.raises(ReadBackFailed, match="401"):
        read_state(other, "acct-1")
    old = datetime.now(UTC) - timedelta(minutes=6)
    body = order()
    headers = {
        "webhook-id": "k", "webhook-timestamp": str(int(old.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("k", old, body.decode()),
    }  # fmt: skip
    with pytest.raises(Refused, match="signature"):
        kept.apply(headers, body)
    with pytest.raises(Refused, match="signature"):
        kept.read(webhook.signed(SECRET, "r", "GET /accounts/a"), "/accounts/b")
    assert effects(file) == []


def test_what_is_no_order_is_refused(gateway):
    endpoint, _, file = gateway()
    for body in (
        b"[]", b"{", b"null", b'{"data":{}}', b"[" * 5000,
        order(kind="suspend").replace(b"account.suspend", b"account.delete"),
        order(state="gone"), order().replace(b'"acct-1"', b"7"),
    ):  # fmt: skip
        assert send(endpoint, key="k", body=body).status in (400, 422), body[:40]
    assert send(endpoint, key="k", body=b"x" * 20_000).status == 413
    assert effects(file) == []


def test_states_survive_a_kill_in_the_middle_of_a_line(gateway, tmp_path):
    endpoint, _, file = gateway()
    send(endpoint, key="k", body=order())
    with open(file, "ab") as out:
        out.write(b'{"at": "2026-11-24T09:42:00+00:00", "key": "torn", "acc')
    kept = RecordingGateway(file, SECRET)
    headers = webhook.signed(SECRET, "r", "GET /accounts/acct-1")
    assert kept.read(headers, "/accounts/acct-1")["state"] == "suspended"
    done = kept.apply(webhook.signed(SECRET, "k", order().decode()), order())
    assert done["repeated"] is True
    kept.apply(webhook.signed(SECRET, "torn", order("b").decode()), order("b"))
    assert [e["key"] for e in effects(file)] == ["k", "torn"]


def test_the_gateway_reads_on_what_it_kept_when_accounts_were_all_there_was(tmp_path):
    file = tmp_path / "gateway.jsonl"
    kept = {"at": "2026-11-24T20:15:55+00:00", "key": "k", "digest": "d", "account": "acct/1"}
    file.write_text(json.dumps(kept | {"state": "limited", "order": "O-1", "until": None}) + "\n")
    headers = webhook.signed(SECRET, "r", "GET /accounts/acct%2F1")
    assert RecordingGateway(file, SECRET).read(headers, "/accounts/acct%2F1")["state"] == "limited"


def test_a_limit_lapses_at_its_end(tmp_path):
    now = datetime.now(UTC)
    kept = RecordingGateway(tmp_path / "g.jsonl", SECRET, now=lambda: now)
    body = order(kind="limit", state="limited", until=now + timedelta(hours=1))
    kept.apply(webhook.signed(SECRET, "k", body.decode()), body)
    headers = webhook.signed(SECRET, "r", "GET /accounts/acct-1")
    assert kept.read(headers, "/accounts/acct-1")["state"] == "limited"
    now += timedelta(hours=2)
    assert kept.read(headers, "/accounts/acct-1")["state"] == "active"


def test_its_page_escapes_every_text(gateway):
    endpoint, _, _ = gateway()
    send(endpoint, key="k", body=order(account="<script>alert(1)</script>", number="<b>"))
    with urllib.request.urlopen(endpoint.url + "/") as page:
        text = page.read().decode()
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "<script" not in text and "<b>" not in text
    assert "&lt;script&gt;alert(1)" in text and "suspended" in text


@pytest.mark.parametrize(
    ("fault", "outcome", "count"),
    [
        ("time-out-after-effect", NoAnswer, 1),
        ("slow", NoAnswer, 1),
        ("500-after-effect", 500, 1),
        ("429", 429, 0),
        ("410", 410, 0),
        ("redirect", 307, 0),
    ],
)
def test_each_fault_is_met_once_and_leaves_one_effect_after_a_retry(gateway, fault, outcome, count):
    endpoint, _, file = gateway(fault)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http, "SECONDS", 0.5)
        if isinstance(outcome, int):
            assert send(endpoint, key="k", body=order()).status == outcome
        else:
            with pytest.raises(outcome):
                send(endpoint, key="k", body=order())
    assert len(effects(file)) == count
    assert send(endpoint, key="k", body=order()).status == 200
    assert len(effects(file)) == 1


def test_the_command_serves_and_keeps_its_states_over_a_kill(tmp_path):
    port, file = open_port(), tmp_path / "states" / "gateway.jsonl"
    command_line = [
        sys.executable, "manage.py", "gateway", "--port", str(port), "--file", str(file),
    ]  # fmt: skip
    env = {**os.environ, "GATEWAY_SECRET": SECRET, "VAR": str(tmp_path / "var")}
    endpoint = Endpoint(f"http://127.0.0.1:{port}", SECRET, ("127.0.0.1",))
    for state in ("active", "suspended"):
        process = subprocess.Popen(
            command_line, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip
        try:
            assert str(port) in process.stdout.readline()
            assert read_state(endpoint, "acct-1") == state
            send(endpoint, key="k", body=order())
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process.stdout.close()
    assert len(effects(file)) == 1
    assert not (tmp_path / "var" / "postgres").exists(), "it needs no database"


def test_the_command_says_what_is_missing(tmp_path):
    taken = socket.create_server(("127.0.0.1", 0))
    for arguments, said in (
        (["--port", "0"], "no secret"),
        (["--port", str(taken.getsockname()[1]), "--secret", SECRET], "cannot be used"),
    ):
        env = {**os.environ, "GATEWAY_SECRET": "", "VAR": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "manage.py", "gateway", "--file", str(tmp_path / "g"), *arguments],
            cwd=ROOT, env=env, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 1 and said in done.stderr
        assert "Traceback" not in done.stderr
    taken.close()
