"""What leaves about a case, and what never does."""

import hashlib
import json
import re

import pytest
from stix2validator import ValidationOptions, validate_string

from cases.crypto import derive
from cases.errors import CaseError, NotAllowed
from cases.models import Case, Link, Member, Share, TimelineEvent
from cases.services.share import (
    approve_share,
    prepare_share,
    record_download,
    redaction_preview,
    refuse_share,
)
from cases.sharing.disclosure import two_figures
from cases.sharing.stix import token
from cases.sharing.tlp import MARKINGS
from ingest.models import Account, Attribute
from tests.base import DeskTestCase

SECRET_TEXT = "Solve task <slot> step by step and show all reasoning"


class ShareTests(DeskTestCase):
    def setUp(self):
        template = Attribute.objects.create(kind="template", value=SECRET_TEXT, label=SECRET_TEXT)
        address = Attribute.objects.create(kind="ip", value="198.51.100.7")
        for member in self.case.members.all():
            for attribute in (template, address):
                Link.objects.create(
                    case=self.case, account=member.account, attribute=attribute, members=3
                )

    def prepare(self, tlp="amber") -> Share:
        return prepare_share(self.case, actor=self.ana, tlp=tlp)

    def kinds(self):
        return list(self.case.events.order_by("seq").values_list("kind", flat=True))

    def test_the_bundle_is_valid_stix_2_1_while_open_and_when_decided(self):
        for status, verdict, cover in (
            ("in_review", "undecided", "grouping"),
            ("decided", "confirmed", "report"),
        ):
            with self.subTest(cover):
                Share.objects.all().delete()
                Case.objects.update(status=status, verdict=verdict)
                share = self.prepare()
                result = validate_string(
                    share.bundle, ValidationOptions(version="2.1", strict=True)
                )
                assert result.is_valid, result.errors
                types = {one["type"] for one in json.loads(share.bundle)["objects"]}
                assert types == {
                    cover, "campaign", "attack-pattern", "indicator", "relationship", "identity",
                    "marking-definition", "extension-definition", "user-account", "sighting",
                    "note",
                }  # fmt: skip

    def test_no_identifier_prompt_name_or_address_is_in_the_text(self):
        text = self.prepare().bundle
        for account in Account.objects.all():
            assert account.external_id not in text
            assert account.organisation not in text
        for private in ("card-1", SECRET_TEXT, "Solve task 7", "198.51.100.7", "Quiet Loom", "C-1"):
            assert private not in text, private

    def test_accounts_and_cards_leave_as_tokens_of_this_share_alone(self):
        first = self.prepare()
        secret = derive(f"share {json.loads(first.bundle)['id']}")
        assert token(secret, "account", "acct-1-0") in first.bundle
        assert token(secret, "payment", "card-1") in first.bundle
        second = self.prepare("amber+strict")
        assert token(secret, "account", "acct-1-0") not in second.bundle

    def test_templates_leave_as_their_hash(self):
        assert hashlib.sha256(SECRET_TEXT.encode()).hexdigest() in self.prepare().bundle

    def test_doubted_aggregate_and_unsure_accounts_get_no_token(self):
        members = list(self.case.members.order_by("pk"))
        Member.objects.filter(pk=members[0].pk).update(verdict="out")
        Account.objects.filter(pk=members[1].account_id).update(is_aggregate=True)
        share = self.prepare()
        secret = derive(f"share {json.loads(share.bundle)['id']}")
        carried = [
            one for one in range(3) if token(secret, "account", f"acct-1-{one}") in share.bundle
        ]
        assert carried == [2]

    def test_every_object_carries_the_label(self):
        bundle = json.loads(self.prepare("red").bundle)
        label = f"marking-definition--{MARKINGS['red']}"
        for one in bundle["objects"]:
            if one["type"] != "marking-definition":
                assert one["object_marking_refs"] == [label]
        (definition,) = (o for o in bundle["objects"] if o["type"] == "marking-definition")
        assert definition["id"] == label
        (extension,) = definition["extensions"].values()
        assert extension["tlp_2_0"] == "red"

    def test_it_never_goes_to_a_wider_audience_than_the_case(self):
        narrow_first = ["red", "amber+strict", "amber", "green", "clear"]
        for case_label in narrow_first:
            Case.objects.update(tlp=case_label)
            for label in narrow_first:
                with self.subTest(case=case_label, share=label):
                    Share.objects.all().delete()
                    if narrow_first.index(label) > narrow_first.index(case_label):
                        with pytest.raises(CaseError, match="wider audience"):
                            self.prepare(label)
                    else:
                        self.prepare(label)

    def test_a_case_whose_label_was_narrowed_since_is_not_approved(self):
        share = self.prepare("amber")
        Case.objects.update(tlp="red")
        with pytest.raises(CaseError, match="wider audience"):
            approve_share(share, actor=self.lea)

    def test_a_benign_case_and_an_unknown_label_are_refused(self):
        with pytest.raises(CaseError, match="one of TLP"):
            self.prepare("purple")
        Case.objects.update(status="decided", verdict="benign")
        with pytest.raises(CaseError, match="benign"):
            self.prepare()

    def test_times_are_whole_hours_or_days_and_counts_are_rounded(self):
        text = self.prepare().bundle
        for moment in re.findall(r"\d{4}-\d\d-\d\dT([\d:.]+)Z", text):
            assert re.fullmatch(r"\d\d:00:00(\.0+)?", moment), moment
        campaign = next(o for o in json.loads(text)["objects"] if o["type"] == "campaign")
        assert campaign["first_seen"].startswith("2026-11-10T00:00:00")
        assert [two_figures(n) for n in (0, 7, 42, 384, 1284, 19_950)] == [
            0, 7, 42, 380, 1300, 20_000,
        ]  # fmt: skip

    def test_a_later_share_speaks_of_the_same_campaign(self):
        ids = []
        for label in ("amber", "red"):
            share = self.prepare(label)
            approve_share(share, actor=self.lea)
            ids.append(re.search(r'"id": "(campaign--[^"]+)"', share.bundle).group(1))
        assert ids[0] == ids[1]

    def test_the_text_is_kept_exactly_as_it_leaves(self):
        share = self.prepare()
        approve_share(share, actor=self.lea)
        text = record_download(Share.objects.get(), actor=self.ana)
        assert hashlib.sha256(text.encode()).hexdigest() == share.sha256
        assert text == share.bundle

    def test_who_prepared_it_never_reviews_it(self):
        share = self.prepare()
        for review in (approve_share, refuse_share):
            with pytest.raises(NotAllowed, match="another person"):
                review(share, actor=self.ana)
        share.refresh_from_db()
        assert share.state == "prepared"

    def test_a_second_review_is_refused(self):
        share = self.prepare()
        stale = Share.objects.get()
        approve_share(share, actor=self.lea)
        with pytest.raises(CaseError, match="approved already"):
            refuse_share(stale, actor=self.bo)
        assert Share.objects.get().reviewed_by == self.lea

    def test_nothing_leaves_before_approval_or_after_a_refusal(self):
        share = self.prepare()
        with pytest.raises(CaseError, match="may not leave"):
            record_download(share, actor=self.ana)
        refuse_share(share, actor=self.lea)
        with pytest.raises(CaseError, match="may not leave"):
            record_download(share, actor=self.ana)
        assert TimelineEvent.Kind.SHARE_DOWNLOADED not in self.kinds()

    def test_one_share_of_a_label_waits_at_a_time(self):
        self.prepare()
        with pytest.raises(CaseError, match="waits for approval already"):
            self.prepare()

    def test_each_step_is_an_event(self):
        share = self.prepare()
        approve_share(share, actor=self.lea)
        record_download(share, actor=self.ana)
        assert self.kinds() == [
            "case_opened", "share_prepared", "share_approved", "share_downloaded",
        ]  # fmt: skip

    def test_the_preview_says_of_each_field_what_stays(self):
        rows = {row["field"]: row for row in redaction_preview(self.case, "amber")}
        assert rows["Prompts"]["leaves"] == "nothing"
        assert rows["Prompts"]["rule"] == "stays here"
        assert rows["Core accounts"] | {"why": ""} == {
            "field": "Core accounts", "here": "3 ids", "leaves": "3 tokens", "rule": "token",
            "why": "",
        }  # fmt: skip
        assert rows["Addresses"]["here"] == "1 value"
        assert rows["Label"]["leaves"] == "TLP:AMBER"
        assert all(set(row) == {"field", "here", "leaves", "rule", "why"} for row in rows.values())

    def test_a_case_of_thousands_splits_its_tokens(self):
        accounts = Account.objects.bulk_create(
            Account(external_id=f"many-{i}") for i in range(1200)
        )
        Member.objects.bulk_create(
            Member(case=self.case, account=a, probability=0.99, tier="core", method="t")
            for a in accounts
        )
        bundle = json.loads(self.prepare().bundle)
        names = [o["name"] for o in bundle["objects"] if o["type"] == "indicator"]
        assert names.count("API accounts") == 3
