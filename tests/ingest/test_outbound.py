"""The way out: which addresses are reached, redirects, deadlines."""

import socket
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from ingest import outbound as http
from ingest.outbound import Forbidden, NoAnswer, NotSent, checked_addresses, kind_of
from tests.processes import open_port

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
