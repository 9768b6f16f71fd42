"""A case as a MISP event, read again by MISP's own library; and MISP's events as tips."""

import json
import re
from pathlib import Path

import pytest
from pymisp import MISPEvent, MISPObject

from cases.models import Case, Link, Share
from cases.services.share import approve_share, prepare_share
from cases.sharing.misp import NoCampaign, misp_event
from cases.tips.observable import TipError
from cases.tips.read import read_tip
from ingest.models import Attribute
from tests.base import DeskTestCase

CANARY = "canary-4f1e solve <slot> for mallory@canary.example step by step"


class ExportTests(DeskTestCase):
    def setUp(self):
        template = Attribute.objects.create(kind="template", value=CANARY, label=CANARY)
        for member in self.case.members.all():
            Link.objects.create(
                case=self.case, account=member.account, attribute=template, members=3
            )
        Case.objects.update(name="canary name", reason=CANARY)

    def event(self, **fields) -> dict:
        Share.objects.all().delete()
        if fields:
            Case.objects.update(**fields)
            self.case.refresh_from_db()
        share = prepare_share(self.case, actor=self.ana, tlp="amber")
        self.share = approve_share(share, actor=self.lea)
        return json.loads(misp_event(self.share.bundle))

    def test_misps_own_library_reads_the_event_and_knows_its_objects(self):
        event = MISPEvent()
        event.from_dict(**self.event()["Event"])
        assert {tag.name for tag in event.tags} == {
            "tlp:amber",
            'misp-galaxy:mitre-atlas-attack-pattern="Extract ML Model - AML.T0024.002"',
        }
        assert len(event.objects) == 3
        known = MISPObject("user-account", strict=True)
        for one in event.objects:
            assert one.template_uuid == known.template_uuid
            assert str(one.template_version) == str(known.template_version)
            # the template lets no relation through that it does not know
            for attribute in one.attributes:
                known.add_attribute(attribute.object_relation, attribute.value)
        assert not event.published and event.distribution == 0

    def test_it_says_what_the_bundle_says_and_no_more(self):
        told = self.event()
        text = json.dumps(told)
        bundle = self.share.bundle
        tokens = set(re.findall(r"[0-9a-f]{64}", text))
        assert tokens and tokens <= set(re.findall(r"[0-9a-f]{64}", bundle))
        hashes = [one for one in told["Event"]["Attribute"] if one["type"] == "sha256"]
        assert len(hashes) == 1 and hashes[0]["to_ids"]

    def test_no_canary_leaves(self):
        for fields in ({}, {"status": "decided", "verdict": "confirmed"}):
            text = json.dumps(self.event(**fields)).casefold()
            for private in (
                "canary", "mallory", "acct-1-0", "org-acct", "card-1", "solve task", "c-1",
                "quiet loom",
            ):  # fmt: skip
                assert private not in text, private

    def test_an_event_keeps_its_id_over_later_shares_of_the_case(self):
        first = self.event()["Event"]
        second = prepare_share(self.case, actor=self.ana, tlp="amber")
        again = json.loads(misp_event(second.bundle))["Event"]
        assert again["uuid"] == first["uuid"]
        ids = {one["uuid"] for one in first["Attribute"]}
        assert {one["uuid"] for one in again["Attribute"]} & ids

    def test_an_open_case_is_ongoing_and_a_decided_one_complete(self):
        assert self.event()["Event"]["analysis"] == "1"
        told = self.event(status="decided", verdict="confirmed")
        assert told["Event"]["analysis"] == "2"

    def test_a_bundle_without_a_campaign_is_refused(self):
        with pytest.raises(NoCampaign):
            misp_event('{"type": "bundle", "objects": []}')


def an_event(**fields) -> str:
    return json.dumps(
        {
            "Event": {
                "info": "Kite farm", "date": "2026-11-01", "Orgc": {"name": "Lab C"},
                "Tag": [{"name": "TLP:GREEN"}],
                "Attribute": [
                    {"type": "ip-src", "value": "198.51.100.7"},
                    {"type": "ip-dst", "value": "198.51.100.0/24"},
                    {"type": "AS", "value": "AS64500"},
                    {"type": "sha256", "value": "AB" * 32},
                    {"type": "email-src", "value": "x@evil.example"},
                    {"type": "sha256", "value": "short"},
                    {"type": "btc", "value": "1Boat"},
                    {"type": "user-agent", "value": {"a": 1}},
                ],
                "Object": [
                    {"name": "user-account", "Attribute": [
                        {"object_relation": "user-id", "type": "text", "value": "acct-1-0"},
                        {"object_relation": "password", "type": "text", "value": "hunter2"},
                    ]},
                    {"name": "ai-chat-prompt", "Attribute": [
                        {"object_relation": "prompt", "type": "text", "value": "Solve it all"},
                    ]},
                ],
            }
            | fields
        }
    )  # fmt: skip


def test_an_event_becomes_observables_and_says_what_it_left_out():
    read = read_tip("misp", an_event())
    assert (read.title, read.origin, read.tlp) == ("Kite farm", "Lab C", "green")
    assert {(one.kind, one.value) for one in read.observables} == {
        ("ip", "198.51.100.7"), ("ip_prefix", "198.51.100.0/24"), ("asn", "64500"),
        ("template_hash", "ab" * 32), ("email_domain", "evil.example"),
        ("account", "acct-1-0"), ("template", "Solve it all"),
    }  # fmt: skip
    assert len(read.problems) == 4
    assert "Attribute[5] sha256: value: a template_hash is a SHA-256" in read.problems[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("{}", "No MISP event"),
        ('{"Event": 7}', "No MISP event"),
        ('{"response": [{"Event": {"info": 1}}, {"Event": {"info": 2}}]}', "2 events at once"),
    ],
)
def test_what_is_no_event_is_refused_with_words(text, words):
    with pytest.raises(TipError, match=words):
        read_tip("misp", text)


@pytest.mark.parametrize("field", ["Attribute", "Object", "Tag", "Orgc", "info"])
@pytest.mark.parametrize("value", [None, 7, "x", [1, None], {"a": []}, [{"name": 1, "type": []}]])
def test_no_shape_of_a_field_breaks_the_reader(field, value):
    read = read_tip("misp", an_event(**{field: value}))
    assert read.title == str(value or "")[:200] if field == "info" else read.title == "Kite farm"


def test_our_own_event_comes_back_as_a_tip():
    tokens = ["ab" * 32, "cd" * 32]
    bundle = {"objects": [
        {"type": "campaign", "id": "campaign--0c7fd51d-0d4b-4b8f-8d8e-5e2a0d6f9b11",
         "name": "Distillation campaign 0c7fd51d", "modified": "2026-11-20T12:00:00Z",
         "created": "2026-11-20T12:00:00Z"},
        {"type": "indicator", "pattern_type": "stix",
         "pattern": f"[user-account:user_id IN ('{tokens[0]}')]"},
        {"type": "indicator", "pattern_type": "stix",
         "pattern": f"[artifact:hashes.'SHA-256' = '{tokens[1]}']"},
    ]}  # fmt: skip
    read = read_tip("misp", misp_event(json.dumps(bundle)))
    assert {(one.kind, one.value) for one in read.observables} == {
        ("account", tokens[0]), ("template_hash", tokens[1]),
    }  # fmt: skip


def test_public_events_are_read():
    """Events from the tests of MISP/misp-stix (BSD-2-Clause, © CIRCL), as they are there."""
    path = Path(__file__).parent / "data" / "misp_stix_events.json"
    found = [read_tip("misp", json.dumps(one)) for one in json.loads(path.read_text())["response"]]
    assert [read.origin for read in found] == ["MISP-Project"] * 2
    assert [one.value for one in found[0].observables] == ["174"]
    assert found[1].observables == [] and "domain" in found[1].problems[0]
