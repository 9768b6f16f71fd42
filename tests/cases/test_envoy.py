"""Envoy's rate limit service, by the contract of its file, /rlconfig and /json."""

import json
import re
import threading
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest

from cases.connectors import envoy
from cases.connectors.envoy import Envoy
from cases.connectors.protocol import CannotCarry, Command, Endpoint, ReadBackFailed, Target, Wire
from ingest.outbound import Answer, NotSent

AT = datetime(2026, 11, 24, 9, 42, tzinfo=UTC)
FILE = re.compile(
    r'- key: "(.*)"\n +value: "(.*)"\n +rate_limit:\n +unit: minute\n'
    r" +requests_per_unit: (\d+)\n +shadow_mode: (true|false)"
)


class Service:
    """Loads the file as the service does, when it is asked; `blind`: it sees no new file."""

    def __init__(self, file):
        self.file, self.blind, self.lenient = file, False, False
        self.loaded: dict[str, tuple[int, bool]] = {}
        self.history: list[dict] = []

    def request(self, method, url, *, headers, body=None, **more) -> Answer:
        parts = urlsplit(url)
        if not self.blind and self.file.exists():
            text = self.file.read_text()
            assert text.startswith("#") and 'domain: "stillwatch"' in text
            self.loaded = {
                f"stillwatch.{key}_{value}": (int(most), shadow == "true")
                for key, value, most, shadow in FILE.findall(text)
            }
            if not self.history or self.history[-1] != self.loaded:
                self.history.append(self.loaded)
        if parts.path == "/rlconfig":
            lines = [
                f"{name}: unit=MINUTE requests_per_unit={most}, shadow_mode: {json.dumps(shadow)}\n"
                for name, (most, shadow) in self.loaded.items()
            ]
            return Answer(200, {}, "".join(["other.key_x: unit=SECOND requests_per_unit=5, shadow_"
                                            "mode: false\n", *lines]).encode())  # fmt: skip
        assert (method, parts.path) == ("POST", "/json")
        (entry,) = json.loads(body)["descriptors"][0]["entries"]
        most, shadow = self.loaded[f"stillwatch.{entry['key']}_{entry['value']}"]
        refused = not most and not shadow and not self.lenient
        code = "OVER_LIMIT" if refused else "OK"
        return Answer(429 if refused else 200, {}, json.dumps({"overallCode": code}).encode())


@pytest.fixture
def service(tmp_path, monkeypatch):
    service = Service(tmp_path / "stillwatch.yaml")
    monkeypatch.setattr("cases.connectors.protocol.request", service.request)
    monkeypatch.setattr(envoy, "LOADED_WITHIN", 0.3)
    return service


def connector(service) -> Envoy:
    settings = {
        "file": str(service.file), "domain": "stillwatch", "admin_url": "http://rl:6070",
        "keys": {"account": "account_id", "end_user": "user"},
    }  # fmt: skip
    endpoint = Endpoint("http://rl:8080", "", settings=settings)
    return Envoy(endpoint, Wire(endpoint))


def command(kind, state, target=None, **more) -> Command:
    return Command("k", kind, target or Target("acct-1"), state, "O-1", AT, "r", **more)


def carried(service, one) -> bool:
    at = connector(service)
    return at.apply(one).status == 200 and at.holds(at.read(one.target), one)


def test_an_order_is_in_shadow_first_and_then_enforced(service):
    assert carried(service, command("suspend", "suspended"))
    name = "stillwatch.account_id_acct-1"
    assert service.history == [{name: (0, True)}, {name: (0, False)}]
    assert connector(service).read(Target("acct-1")).state == "suspended"


def test_a_limit_changes_and_is_put_back_as_it_was(service):
    assert carried(service, command("limit", "limited", limits={"rpm": 60}))
    before = connector(service).read(Target("acct-1"))
    assert before.native == {"requests_per_minute": 60}
    assert carried(service, command("limit", "limited", limits={"rpm": 5}))
    back = command("reinstate", "limited", restore=before.native)
    assert connector(service).revert(back).status == 200
    assert connector(service).read(Target("acct-1")) == before
    assert carried(service, command("reinstate", "active"))
    assert service.loaded == {} and "descriptors: []" in service.file.read_text()


def test_a_file_that_is_not_loaded_stays_in_shadow_and_is_no_success(service):
    service.blind = True
    with pytest.raises(ReadBackFailed, match="not loaded"):
        connector(service).apply(command("suspend", "suspended"))
    assert "shadow_mode: true" in service.file.read_text()
    assert "shadow_mode: false" not in service.file.read_text()


def test_a_limit_of_none_that_lets_through_is_no_success(service):
    service.lenient = True
    with pytest.raises(ReadBackFailed, match="lets a request through"):
        connector(service).apply(command("suspend", "suspended"))


def test_other_lines_stay_and_names_of_strangers_are_only_text(service):
    hostile = Target('a"\n  - key: "x\\', "end_user", 'e"\nshadow: {}#\u202e')
    assert carried(service, command("limit", "limited", limits={"rpm": 9}))
    assert carried(service, command("suspend", "suspended", hostile))
    assert len(service.loaded) == 2 and '"\n' not in hostile.value.replace('"\n', "")
    assert connector(service).read(hostile).state == "suspended"
    assert connector(service).read(Target("acct-1")).state == "limited"


def test_orders_side_by_side_lose_no_line(service):
    ones = [command("limit", "limited", Target(f"a{n}"), limits={"rpm": n}) for n in range(1, 9)]
    threads = [
        threading.Thread(target=connector(service)._write, args=(("account_id", one.target.id), (
            one.limits["rpm"], False)))
        for one in ones
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    connector(service).probe()
    assert len(service.loaded) == 8


def test_what_it_cannot_do_is_said_before_the_file_is_touched(service):
    for one in (
        command("verify", "verify"),
        command("limit", "limited", limits={"tpm": 5}),
        command("revoke", "revoked", Target("a", "key", "k")),
    ):
        with pytest.raises(CannotCarry):
            connector(service).apply(one)
    assert not service.file.exists()


def test_a_folder_that_cannot_be_written_is_not_sent(service, tmp_path):
    service.file = tmp_path / "gone" / "x.yaml"
    with pytest.raises(NotSent, match="cannot be written"):
        connector(service).apply(command("suspend", "suspended"))
    assert not connector(service).probe().ok
