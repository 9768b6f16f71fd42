"""A share to one partner: its policy, its tokens, a second person, and taking it back."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from cases.errors import CaseError, NotAllowed
from cases.models import (
    Case,
    Link,
    Partner,
    PartnerExchange,
    Push,
    Share,
    SharedObject,
    TimelineEvent,
)
from cases.services.partner import (
    change_policy,
    set_server,
    set_up_partner,
    start_epoch,
    token_key,
)
from cases.services.share import (
    approve_share,
    end_shares,
    prepare_share,
    recall_share,
    record_download,
    redaction_preview,
    what_each_learns,
)
from cases.sharing.extension import read_extension
from cases.sharing.stix import token
from ingest.models import Attribute
from tests.base import DeskTestCase

BASIS = "MoU of 2026-03-01"


class PartnerShareTests(DeskTestCase):
    def setUp(self):
        self.north = set_up_partner("north", actor=self.lea, name="North Lab", legal_basis=BASIS)
        self.south = set_up_partner("south", actor=self.lea, name="South Lab", legal_basis=BASIS)
        template = Attribute.objects.create(kind="template", value="Solve <n>", label="Solve <n>")
        for member in self.case.members.all():
            Link.objects.create(
                case=self.case, account=member.account, attribute=template, members=3
            )

    def prepare(self, partner=None, tlp="amber", **fields) -> Share:
        partner = partner or self.north
        return prepare_share(self.case, actor=self.ana, tlp=tlp, partner=partner, **fields)

    def out(self, partner=None, tlp="amber") -> Share:
        return approve_share(self.prepare(partner, tlp), actor=self.lea)

    def there(self, partner=None) -> dict[str, dict]:
        """What the partner finds in its collections: newest versions by id."""
        found = SharedObject.objects.filter(
            collection__partner=partner or self.north, is_last=True, removed_at=None
        )
        return {row.stix_id: json.loads(row.body) for row in found}

    def types(self, share) -> list[str]:
        return sorted({one["type"] for one in json.loads(share.bundle)["objects"]})

    def campaign(self, share) -> dict:
        return next(o for o in json.loads(share.bundle)["objects"] if o["type"] == "campaign")

    def test_tokens_are_under_the_secret_of_the_pair_and_its_epoch(self):
        share = self.prepare()
        mine = token(token_key(self.north), "account", "acct-1-0")
        assert mine in share.bundle and share.epoch == 1
        assert mine not in self.prepare(self.south).bundle
        later = start_epoch(self.north, actor=self.lea)
        assert token(token_key(later), "account", "acct-1-0") != mine

    def test_accounts_are_objects_by_token_and_patterns_hold_them(self):
        share = self.prepare()
        tokens = {token(token_key(self.north), "account", f"acct-1-{n}") for n in range(3)}
        objects = json.loads(share.bundle)["objects"]
        assert {o["user_id"] for o in objects if o["type"] == "user-account"} == tokens
        patterns = " ".join(o["pattern"] for o in objects if o["type"] == "indicator")
        assert all(one in patterns for one in tokens)

    def test_the_extension_says_whose_finding_it_is(self):
        share = self.prepare()
        campaign = self.campaign(share)
        told = read_extension(campaign)
        assert told["root_ref"] == campaign["id"] and told["hops"] == 0
        assert told["token_epoch"] == 1 and told["legal_basis"] == BASIS
        assert told["expires_at"].endswith(":00:00Z")

    def test_the_policy_keeps_each_field_here(self):
        everything = set(self.north.fields)
        signs = {
            "accounts": token(token_key(self.north), "account", "acct-1-0"),
            "payment": token(token_key(self.north), "payment", "card-1"),
            "templates": "artifact:hashes",
            "size": "About 3 API",
            "window": "first_seen",
            "verdict": "Verdict of a person",
        }
        Case.objects.update(status="decided", verdict="confirmed")
        for field, sign in signs.items():
            with self.subTest(field):
                partner = change_policy(
                    self.north, actor=self.lea, fields=sorted(everything - {field})
                )
                Share.objects.all().delete()
                assert sign not in self.prepare(partner).bundle
                partner = change_policy(self.north, actor=self.lea, fields=sorted(everything))
                Share.objects.all().delete()
                assert sign in self.prepare(partner).bundle

    def test_the_preview_tells_what_each_recipient_would_learn(self):
        change_policy(self.south, actor=self.lea, fields=["window"], clearance="green")
        change_policy(self.north, actor=self.lea, fields=["accounts"])
        told = {str(one["partner"]): one for one in what_each_learns(self.case, "amber")}
        rows = {row["field"]: row for row in told["North Lab"]["rows"]}
        assert rows["Core accounts"]["leaves"] == "3 tokens"
        assert rows["Payment cards"]["leaves"] == "nothing"
        assert rows["Case"]["leaves"] == "campaign, without its size"
        assert "South Lab may be sent TLP:GREEN and wider" in told["South Lab"]["refused"]
        self.north.refresh_from_db()
        assert redaction_preview(self.case, "amber", self.north) == told["North Lab"]["rows"]
        with self.assertNumQueries(11):
            what_each_learns(self.case, "amber")

    def test_nothing_goes_to_a_partner_without_a_legal_basis_or_above_its_clearance(self):
        bare = set_up_partner("east", actor=self.lea, name="East", clearance="green")
        with pytest.raises(CaseError, match="Legal basis"):
            prepare_share(self.case, actor=self.ana, tlp="amber", partner=self._cleared(bare))
        bare = change_policy(bare, actor=self.lea, clearance="green")
        with pytest.raises(CaseError, match="TLP:GREEN and wider"):
            self.prepare(bare, legal_basis="x")
        off = change_policy(self.north, actor=self.lea, enabled=False)
        with pytest.raises(CaseError, match="switched off"):
            self.prepare(off)
        assert not Share.objects.exists()

    def _cleared(self, partner):
        return change_policy(partner, actor=self.lea, clearance="amber")

    def test_a_clearance_narrowed_since_stops_the_approval(self):
        share = self.prepare()
        change_policy(self.north, actor=self.lea, clearance="green")
        with pytest.raises(CaseError, match="TLP:GREEN"):
            approve_share(Share.objects.get(), actor=self.lea)
        assert not SharedObject.objects.exists() and share.state == "prepared"

    def test_nothing_is_there_before_a_second_person_approves(self):
        share = self.prepare()
        assert self.there() == {}
        with pytest.raises(NotAllowed):
            approve_share(share, actor=self.ana)
        assert self.there() == {}
        approve_share(share, actor=self.lea)
        assert set(self.there()) == {one["id"] for one in json.loads(share.bundle)["objects"]}
        assert self.there(self.south) == {}

    def test_the_same_campaign_goes_to_two_partners_and_only_one_of_its_labels(self):
        north, south = self.out(), self.out(self.south)
        assert self.campaign(north)["id"] == self.campaign(south)["id"]
        labels = SharedObject.objects.values_list("collection__tlp", flat=True).distinct()
        assert list(labels) == ["amber"]

    def test_a_recall_revokes_what_is_out_and_says_why(self):
        share = self.out()
        with pytest.raises(CaseError, match="say why"):
            recall_share(share, actor=self.lea, reason=" ")
        recall_share(share, actor=self.lea, reason="an appeal was granted")
        found = self.there().values()
        gone = {one["type"] for one in found if one.get("revoked")}
        assert {"campaign", "indicator", "grouping", "relationship", "note", "sighting"} == gone
        assert not [one for one in found if one["type"] == "user-account"]
        with pytest.raises(CaseError, match="recalled"):
            record_download(share, actor=self.ana)
        with pytest.raises(CaseError, match="nothing to recall"):
            recall_share(share, actor=self.lea, reason="again")
        event = self.case.events.get(kind=TimelineEvent.Kind.SHARE_RECALLED)
        assert event.content.body["reason"] == "an appeal was granted"
        assert event.content.body["partner"] == "north"

    def test_after_a_recall_a_new_share_speaks_of_a_new_campaign(self):
        first = self.out()
        recall_share(first, actor=self.lea, reason="wrong")
        second = self.out()
        assert self.campaign(first)["id"] != self.campaign(second)["id"]
        assert not self.there()[self.campaign(second)["id"]].get("revoked")

    def test_a_new_share_takes_the_place_of_the_one_before(self):
        first, second = self.out(), self.out()
        first.refresh_from_db()
        assert first.state == "recalled" and "took its place" in first.end_reason
        there = self.there()
        assert not there[self.campaign(second)["id"]].get("revoked")
        assert self.campaign(second)["modified"] > self.campaign(first)["modified"]
        old = {o["id"] for o in json.loads(first.bundle)["objects"] if o["type"] == "indicator"}
        assert all(there[one]["revoked"] for one in old)
        assert [one for one in there.values() if one["type"] == "user-account"]

    def test_a_share_expires_by_itself_and_a_benign_case_is_taken_back(self):
        expired, benign = self.out(), self.out(self.south)
        assert end_shares() == 0
        Share.objects.filter(pk=expired.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
        with pytest.raises(CaseError, match="expired"):
            record_download(Share.objects.get(pk=expired.pk), actor=self.ana)
        assert end_shares() == 1
        assert self.there()[self.campaign(expired)["id"]]["revoked"]
        assert not self.there(self.south)[self.campaign(benign)["id"]].get("revoked")
        Case.objects.update(status="decided", verdict="benign")
        assert (end_shares(), end_shares()) == (1, 0)
        assert self.there(self.south)[self.campaign(benign)["id"]]["revoked"]
        states = dict(Share.objects.values_list("pk", "state"))
        assert states == {expired.pk: "expired", benign.pk: "recalled"}

    def test_a_partner_with_a_server_gets_it_pushed_and_every_exchange_is_written_down(self):
        set_server(self.north, actor=self.lea, url="https://north.example/api/", login="a:b")
        share = prepare_share(
            self.case,
            actor=self.ana,
            tlp="amber",
            partner=Partner.objects.get(slug="north"),
        )
        approve_share(share, actor=self.lea)
        (push,) = Push.objects.all()
        sent = json.loads(push.body)["objects"]
        assert [one["id"] for one in sent] == [
            one["id"] for one in json.loads(share.bundle)["objects"]
        ]
        recall_share(share, actor=self.lea, reason="wrong")
        assert Push.objects.count() == 2
        kinds = (
            PartnerExchange.objects.filter(way="out").order_by("pk").values_list("kind", "actor")
        )
        assert list(kinds) == [("share_published", self.lea.pk), ("share_revoked", self.lea.pk)]
