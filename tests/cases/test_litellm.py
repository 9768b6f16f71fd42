"""LiteLLM's admin calls, held to the contract that the proxy serves; the list is tried live by hand
(tests/live/litellm_proxy.py). With LITELLM_URL and LITELLM_KEY the calls go to a real proxy too.
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from cases.connectors.litellm import LiteLLM
from cases.connectors.litellm_list import LiteLLMList
from cases.connectors.protocol import (
    CannotCarry,
    Command,
    Endpoint,
    ReadBackFailed,
    Reading,
    Target,
    Wire,
)
from ingest.outbound import Answer

CONTRACT = json.loads(Path(__file__).with_name("litellm_contract.json").read_text())["calls"]
KINDS = {"string": str, "integer": int, "array": list}
KEY = "d5345c0ecc68ae6295c69f91926b2bd379e25481a40c34b5884d157a9f65d8fa"
AT = datetime(2026, 11, 24, 9, 42, tzinfo=UTC)


class Proxy:
    """Answers as the proxy does, and refuses what its contract has not."""

    def __init__(self):
        self.keys = {KEY: {"blocked": None, "rpm_limit": 600, "tpm_limit": None}}
        self.teams = {"t-1": {"blocked": False, "rpm_limit": None, "tpm_limit": None}}
        self.users: dict[str, str | None] = {"eve": "paid"}
        self.budgets = {"paid": {"budget_id": "paid", "rpm_limit": 60, "tpm_limit": None}}
        self.calls: list[str] = []
        self.lies = False  # 200 without an effect

    def request(self, method, url, *, headers, body=None, **more) -> Answer:
        parts = urlsplit(url)
        assert headers["Authorization"] == "Bearer sk-admin-123456"
        given = json.loads(body) if body else dict(parse_qsl(parts.query))
        self._hold(f"{method} {parts.path}", given)
        self.calls.append(f"{method} {parts.path}")
        status, said = self._answer(parts.path, given)
        return Answer(status, {}, json.dumps(said).encode())

    def _hold(self, call: str, given: dict) -> None:
        fields = CONTRACT[call]
        assert set(given) <= set(fields), f"{call} has no {set(given) - set(fields)}"
        for name, kind in fields.items():
            value = given.get(name)
            if value is None:
                assert kind.endswith("?"), f"{call} needs {name}"
            else:
                assert type(value) is KINDS[kind.rstrip("?")], f"{call}: {name} is {value!r}"

    def _answer(self, path: str, given: dict) -> tuple[int, object]:
        noun, verb = path.strip("/").split("/")
        if noun == "budget":
            if verb == "info":
                return 200, [self.budgets[one] for one in given["budgets"] if one in self.budgets]
            if given["budget_id"] in self.budgets:
                return 500, {"error": "unique constraint"}
            self.budgets[given["budget_id"]] = {"rpm_limit": None, "tpm_limit": None} | given
            return 200, given
        if noun == "customer":
            name = given.get("user_id") or given["end_user_id"]
            if name not in self.users:
                return 404, {}
            if verb == "update" and not self.lies and given.get("budget_id"):
                self.users[name] = given["budget_id"]
            budget = self.budgets.get(self.users[name])
            return 200, {"user_id": name, "blocked": False, "litellm_budget_table": budget}
        rows, name = (
            (self.keys, given.get("key")) if noun == "key" else (self.teams, given.get("team_id"))
        )
        if name not in rows:
            return 404, {"error": "not found"}
        if not self.lies:
            rows[name] |= {one: value for one, value in given.items() if one.endswith("_limit")}
            if verb in ("block", "unblock"):
                rows[name]["blocked"] = verb == "block"
        return 200, {"key": name, "info": rows[name], "team_info": rows[name]}


@pytest.fixture
def proxy(monkeypatch):
    proxy = Proxy()
    monkeypatch.setattr("cases.connectors.protocol.request", proxy.request)
    return proxy


def connector(**settings) -> LiteLLM:
    endpoint = Endpoint("https://proxy.example", "sk-admin-123456", settings=settings)
    return LiteLLM(endpoint, Wire(endpoint))


def command(kind, state, target, **more) -> Command:
    return Command("k", kind, target, state, "O-1", AT, "r", **more)


def carried(one: Command) -> bool:
    """Carried out, and read back as ordered."""
    at = connector()
    return at.apply(one).status == 200 and at.holds(at.read(one.target), one)


@pytest.mark.parametrize(
    ("kind", "state", "target", "limits"),
    [
        ("suspend", "suspended", Target(KEY), {}),
        ("limit", "limited", Target(KEY), {"rpm": 10, "tpm": 5_000}),
        ("revoke", "revoked", Target("acct", "key", KEY), {}),
        ("limit", "limited", Target("acct", "key", KEY), {"rpm": 0}),
        ("suspend", "suspended", Target("acct", "end_user", "eve"), {}),
        ("limit", "limited", Target("acct", "end_user", "eve"), {"rpm": 3}),
        ("suspend", "suspended", Target("acct", "organisation", "t-1"), {}),
        ("limit", "limited", Target("acct", "organisation", "t-1"), {"tpm": 900}),
    ],
)
def test_each_order_is_carried_read_back_and_put_back(proxy, kind, state, target, limits):
    before = connector().read(target)
    was = json.dumps([proxy.keys, proxy.teams])
    one = command(kind, state, target, limits=limits)
    assert not connector().holds(before, one)
    assert carried(one)
    assert carried(one), "again changes nothing and is no error"
    back = command("reinstate", "active", target, restore=before.native)
    assert not connector().holds(connector().read(target), back)
    assert connector().revert(back).status == 200
    assert connector().holds(connector().read(target), back)
    if target.kind != "end_user":
        restored = json.dumps([proxy.keys, proxy.teams]).replace(
            '"blocked": false', '"blocked": null'
        )
        assert restored == was.replace('"blocked": false', '"blocked": null')
    else:
        assert proxy.users["eve"] == "paid"


def test_200_without_an_effect_is_not_believed(proxy):
    for kind, state, target in (
        ("suspend", "suspended", Target(KEY)),
        ("suspend", "suspended", Target("acct", "end_user", "eve")),
    ):
        proxy.lies = True
        assert not carried(command(kind, state, target))
    assert not any("customer/block" in call for call in proxy.calls)


def test_an_end_user_without_a_budget_gets_one_without_limits_back(proxy):
    proxy.users["eve"] = None
    target = Target("acct", "end_user", "eve")
    before = connector().read(target)
    assert before == Reading(
        "active", {"blocked": False, "budget_id": None, "rpm_limit": None, "tpm_limit": None}
    )
    assert carried(command("suspend", "suspended", target))
    back = command("reinstate", "active", target, restore=before.native)
    assert carried(back)
    assert proxy.users["eve"] == "stillwatch-unlimited"


def test_what_it_cannot_do_is_said_before_anything_is_sent(proxy):
    for one, says in (
        (command("verify", "verify", Target(KEY)), "verify"),
        (command("limit", "limited", Target(KEY)), "requests or tokens"),
        (command("suspend", "suspended", Target("sk-abc123456")), "hash"),
    ):
        with pytest.raises(CannotCarry, match=says):
            connector().apply(one)
    with pytest.raises(CannotCarry, match="not recorded"):
        connector().revert(command("reinstate", "active", Target(KEY)))
    assert proxy.calls == []


def test_who_is_not_known_and_what_makes_no_sense(proxy, monkeypatch):
    assert connector().read(Target("0" * 64)).state is None
    assert connector(account_is="team").read(Target("t-1")).state == "active"
    for status, said in ((500, b"{}"), (200, b"[]"), (200, b"{"), (200, b'{"info": 3}')):
        monkeypatch.setattr(
            "cases.connectors.protocol.request",
            lambda *a, status=status, said=said, **m: Answer(status, {}, said),
        )
        with pytest.raises(ReadBackFailed):
            connector().read(Target(KEY))


def test_a_probe_tells_a_proxy_without_a_database(monkeypatch, proxy):
    body = b'{"error": {"message": "Database not connected. Connect a database"}}'
    monkeypatch.setattr("cases.connectors.protocol.request", lambda *a, **m: Answer(500, {}, body))
    found = connector().probe()
    assert not found.ok and "list" in found.says


def test_the_admin_key_and_customers_keys_are_in_no_exchange(proxy):
    endpoint = Endpoint("https://proxy.example", "sk-admin-123456")
    wire = Wire(endpoint)
    at = LiteLLM(endpoint, wire)
    at.apply(command("suspend", "suspended", Target(KEY)))
    assert "sk-admin" not in repr(wire.said) and KEY in wire.said[0].request


def test_the_preview_names_the_calls(proxy):
    said = connector().preview(command("limit", "limited", Target(KEY), limits={"rpm": 1}))
    assert said.startswith("POST /key/update") and '"rpm_limit": 1' in said


def test_a_proxy_without_the_hook_is_told_apart(monkeypatch):
    monkeypatch.setattr("cases.connectors.protocol.request", lambda *a, **m: Answer(404, {}, b"{}"))
    endpoint = Endpoint("https://proxy.example/stillwatch/orders", "whsec_" + "c3NzcyBz" * 6)
    found = LiteLLMList(endpoint, Wire(endpoint)).probe()
    assert not found.ok and "hook" in found.says


if os.environ.get("LITELLM_URL"):

    def test_a_real_proxy_with_a_database_takes_a_limit_and_gives_it_back():
        url = os.environ["LITELLM_URL"]
        endpoint = Endpoint(url, os.environ["LITELLM_KEY"], (urlsplit(url).hostname,))
        at = LiteLLM(endpoint, Wire(endpoint))
        target = Target("acct", "key", os.environ["LITELLM_TRIED_KEY"])
        before = at.read(target)
        one = command("limit", "limited", target, limits={"rpm": 7})
        try:
            assert at.apply(one).status == 200
            assert at.holds(at.read(target), one)
        finally:
            at.revert(command("reinstate", "active", target, restore=before.native))
        assert at.read(target).native == before.native
