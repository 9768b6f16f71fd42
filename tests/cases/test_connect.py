"""Connectors are set up with what could work, and the one that the docs show does work."""

import re
from io import StringIO

import pytest
from django.core.management import call_command

from cases.connectors import protocol
from cases.connectors.protocol import Command, Endpoint, Target, Wire
from cases.errors import CaseError
from cases.models import Connector
from cases.services.connect import endpoint_of, open_carrier, probe, set_up_connector
from ingest.outbound import Answer, NoAnswer
from tests.base import NOON, DeskTestCase
from tests.cases.orders import SECRET
from tests.processes import ROOT

ENVOY = {
    "file": "/etc/rl/stillwatch.yaml",
    "domain": "stillwatch",
    "admin_url": "https://rl.example",
}


class SetUpTests(DeskTestCase):
    def set_up(self, **fields) -> Connector:
        fields = {
            "kind": "webhook", "name": "Edge", "url": "https://edge.example", "secret": SECRET,
        } | fields  # fmt: skip
        return set_up_connector("edge", **fields)

    def test_each_kind_is_set_up_opened_and_keeps_its_secret_sealed(self):
        for kind, secret, settings in (
            ("webhook", SECRET, {"reads_back": False}),
            ("litellm-list", SECRET, {}),
            ("litellm", "sk-admin-123456", {"account_is": "team"}),
            ("envoy", "", ENVOY),
        ):
            connector = self.set_up(kind=kind, secret=secret, settings=settings)
            endpoint = endpoint_of(connector)
            assert (endpoint.secret, endpoint.settings) == (secret, settings)
            assert not secret or secret.encode() not in bytes(connector.sealed_secret)
            open_carrier(kind, endpoint)

    def test_what_could_never_work_is_refused_and_named(self):
        for fields, says in (
            ({"kind": "fax"}, "no kind"),
            ({"secret": "sk-admin"}, "whsec_"),
            ({"kind": "litellm", "secret": ""}, "admin key"),
            ({"settings": {"honours_keys": True}}, "honours_keys"),
            ({"settings": {"honours_key": "no"}}, "honours_key"),
            ({"kind": "litellm", "settings": {"account_is": "person"}}, "account_is"),
            ({"kind": "envoy", "settings": {}}, "'file'"),
            ({"kind": "envoy", "settings": ENVOY | {"file": "relative.yaml"}}, "'file'"),
            ({"kind": "envoy", "settings": ENVOY | {"keys": {"account": 'a"b'}}}, "'keys'"),
            ({"kind": "envoy", "settings": ENVOY | {"admin_url": "http://rl:6070"}}, "https"),
            ({"url": "http://edge.example"}, "https"),
            ({"url": "https://user@edge.example"}, "user name"),
        ):
            with self.subTest(fields), pytest.raises(CaseError, match=says):
                self.set_up(**fields)
        assert not Connector.objects.exists()

    def test_the_command_takes_kind_and_settings(self):
        call_command(
            "connect", "edge", "--kind", "envoy", "--name", "Edge", "--url", "https://rl.example",
            "--setting", "file=/etc/rl/s.yaml", "--setting", "domain=stillwatch", "--setting",
            "admin_url=https://rl.example", "--setting", 'keys={"account": "account_id"}',
            stdout=StringIO(),
        )  # fmt: skip
        assert Connector.objects.get().settings["keys"] == {"account": "account_id"}

    def test_a_probe_keeps_what_was_said(self):
        connector = self.set_up()
        patch = pytest.MonkeyPatch()
        self.addCleanup(patch.undo)
        patch.setattr(protocol, "request", lambda *a, **m: Answer(404, {}, b"{}"))
        assert probe(connector).ok
        patch.setattr(protocol, "request", self.away)
        assert not probe(connector).ok
        said = connector.exchanges.order_by("id")
        assert [(one.step, one.status, one.item) for one in said] == [
            ("probe", 404, None), ("probe", None, None),
        ]  # fmt: skip
        with self.settings(ENCRYPTION_KEYS=[b"z" * 32]):
            assert "secret" in probe(connector).says

    def away(self, *args, **more):
        raise NoAnswer("no answer in time")


def test_the_connector_that_the_docs_show_works(monkeypatch):
    text = (ROOT / "docs" / "connectors.md").read_text()
    code = re.search(r"```python\n(.*?)```", text, re.S)[1]
    names = {"json": __import__("json")} | vars(protocol)
    exec(code, names)
    sent = []
    monkeypatch.setattr(
        protocol, "request", lambda *a, **m: (sent.append(m["body"]), Answer(200, {}, b""))[1]
    )
    endpoint = Endpoint("https://pager.example", "secret")
    pager = names["Pager"](endpoint, Wire(endpoint))
    command = Command("k-1", "suspend", Target("acct-1"), "suspended", "O-1", NOON, "r")
    assert pager.apply(command).status == pager.revert(command).status == 200
    assert sent == [b'{"id": "k-1", "text": "page: suspend acct-1"}'] * 2
    assert pager.probe().ok and pager.preview(command)
