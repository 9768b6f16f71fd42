"""The way out (addresses, redirects, deadlines) and the recording gateway at the other end."""

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
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from cases.connectors import webhook
from cases.connectors.recording_gateway import GatewayServer, RecordingGateway, Refused
from cases.connectors.webhook import Endpoint, ReadBackFailed, command, quoted, read_state, send
from ingest import outbound as http
from ingest.outbound import Forbidden, NoAnswer, NotSent, checked_addresses, kind_of
from tests.processes import ROOT, open_port

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
AT = datetime(2026, 11, 24, 9, 42, tzinfo=UTC)

ADDRESSES = {
    "public": [
        "8.8.8.8", "1.1.1.1", "93.184.215.14", "100.63.255.255", "100.128.0.1", "172.15.255.255",
        "172.32.0.1", "192.167.255.255", "169.253.1.1", "198.17.0.1", "223.255.255.255",
        "2606:4700:4700::1111", "2a00:1450:4001::200e", "2003::1",
    ],
    "private": [
        "10.0.0.1", "10.255.255.255", "127.0.0.1", "127.255.255.254", "172.16.0.1",
        "172.31.255.255", "192.168.0.1", "100.64.0.1", "100.127.255.255", "::1", "fc00::1",
        "fdff:ffff::1",
    ],
    "never": [
        "0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.0.1", "192.0.0.8", "192.0.2.1",
        "192.88.99.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1",
        "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::ffff:127.0.0.1",
        "::ffff:8.8.8.8", "::ffff:a00:1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::808:808",
        "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::1", "2002:808:808::1",
        "3fff::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff05::2", "5f00::1",
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("address", "kind"), [(one, kind) for kind, those in ADDRESSES.items() for one in those]
)
def test_the_kind_of_an_address(address, kind):
    assert kind_of(address) == kind


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "127.0.0.1", "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "0", "0.0.0.0",
        "::1", "::ffff:127.0.0.1", "169.254.169.254", "10.1.2.3", "localhost.", "LOCALHOST",
        "[::]".strip("[]"),
    ],
)  # fmt: skip
def test_no_spelling_of_an_inner_address_is_reached(host):
    with pytest.raises(NotSent):
        checked_addresses(host, 443)


def test_one_inner_address_among_outer_ones_refuses_the_name(monkeypatch):
    def resolve(host, port, **kwargs):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    found = ["8.8.8.8"]
    assert checked_addresses("mixed.example", 443)
    found = ["8.8.8.8", "10.0.0.1"]
    with pytest.raises(Forbidden, match=r"10\.0\.0\.1"):
        checked_addresses("mixed.example", 443)


def test_a_name_is_allowed_for_itself_alone_and_never_for_metadata(monkeypatch):
    assert checked_addresses("127.0.0.1", 80, ["127.0.0.1"])
    with pytest.raises(Forbidden):
        checked_addresses("localhost", 80, ["127.0.0.1"])
    with pytest.raises(Forbidden):
        checked_addresses("169.254.169.254", 80, ["169.254.169.254"])
    with pytest.raises(Forbidden):
        checked_addresses("0.0.0.0", 80, ["0.0.0.0"])


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch):
    """A name that answers otherwise the second time (DNS rebinding) is asked only once."""
    real, asked = socket.getaddrinfo, []

    def resolve(host, port, **kwargs):
        asked.append(host)
        return real("127.0.0.1", port, **kwargs)

    with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") as (port, requests):
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        answer = http.request(
            "GET", f"http://inner.example:{port}/x", headers={},
            allowed_private_hosts=["inner.example"],
        )  # fmt: skip
    assert (answer.status, answer.body) == (200, b"ok")
    assert asked == ["inner.example"]
    assert f"Host: inner.example:{port}".encode() in requests[0]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/", "file:///etc/passwd", "//example.com", "https://", "https:///x",
        "https://user@example.com/", "https://user:pw@example.com/", "https://h:99999/",
        "https://h:x/", "gopher://127.0.0.1/",
    ],
)  # fmt: skip
def test_what_is_no_plain_web_address_is_refused(url):
    with pytest.raises(Forbidden):
        http.request("GET", url, headers={})


def test_plain_http_is_for_hosts_allowed_by_name(monkeypatch):
    monkeypatch.setattr(
        socket, "getaddrinfo",
        lambda host, port, **_: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", port))],
    )  # fmt: skip
    with pytest.raises(Forbidden, match="https"):
        http.request("GET", "http://platform.example/", headers={})


@contextmanager
def raw_server(*answers: bytes, hold: float = 0.0, trickle: float = 0.0):
    """Answers each connection with given bytes. Gives the port and the requests as they came."""
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            for answer in answers:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    requests.append(client.recv(65536))
                    time.sleep(hold)
                    try:
                        if trickle:
                            for place in range(len(answer)):
                                client.sendall(answer[place : place + 1])
                                time.sleep(trickle)
                        else:
                            client.sendall(answer)
                    except OSError:
                        pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], requests


def ask(port: int, seconds: float = 2.0, **more):
    return http.request(
        "GET", f"http://127.0.0.1:{port}/", headers={}, seconds=seconds,
        allowed_private_hosts=["127.0.0.1"], **more,
    )  # fmt: skip


def test_a_redirect_is_answered_not_followed():
    with raw_server(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n") as (port, seen):
        assert ask(port).status == 302
    assert len(seen) == 1


def test_a_proxy_of_the_environment_is_not_used(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with raw_server(b"HTTP/1.1 204 No Content\r\n\r\n") as (port, _):
        assert ask(port).status == 204


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
        b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"y" * 200,
    ],
)
def test_a_slow_trickle_meets_one_deadline(answer):
    with raw_server(answer, trickle=0.1) as (port, _):
        start = time.monotonic()
        with pytest.raises(NoAnswer):
            ask(port, seconds=0.6)
        assert time.monotonic() - start < 2


def test_silence_a_broken_answer_and_an_endless_one_are_unknown():
    for answer in (
        b"",
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (http.ANSWER_BYTES + 1),
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
    ):
        with raw_server(answer) as (port, _), pytest.raises(NoAnswer):
            ask(port)


def test_a_closed_port_is_not_sent():
    with pytest.raises(NotSent):
        ask(open_port())


def test_no_tls_where_tls_is_due_is_not_sent():
    with raw_server(b"hello") as (port, _), pytest.raises(NotSent, match="secure"):
        http.request(
            "GET", f"https://127.0.0.1:{port}/", headers={}, allowed_private_hosts=["127.0.0.1"]
        )


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3", 3), ("0", 0), ("99999", 3600), ("", None), ("-1", None), ("soon", None),
        ("1e9", None), ("٣", None), ("Tue, 24 Nov 2026 09:43:00 GMT", 60),
        ("Tue, 24 Nov 2026 09:00:00 GMT", 0),
    ],
)  # fmt: skip
def test_retry_after_is_read_with_care(text, seconds):
    assert http.Answer(429, {"retry-after": text}, b"").retry_after(AT) == seconds


# The webhook


def order(account="acct-1", state="suspended", kind="suspend", number="O-7", **more) -> bytes:
    return command(kind, account=account, state=state, order=number, at=AT, reason="r", **more)


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
    with pytest.raises(ValueError, match="bytes"):
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
