"""Appeals: who may review them, what a granted one restores, corrects, lists and marks."""

from datetime import timedelta

import pytest
from django.utils import timezone

from cases.errors import CaseError, NotAllowed
from cases.models import Appeal, Decision, EvidencePacket, Link, Member, Share
from cases.services.appeal import (
    decide_appeal,
    file_appeal,
    granted_about,
    overturn_rate,
    take_appeal,
)
from cases.services.deliver import deliver_due
from ingest.models import Account, Attribute, Job
from tests.base import make_user
from tests.cases.orders import GatewayCase, effects


class AppealCase(GatewayCase):
    def setUp(self):
        super().setUp()
        self.cy = make_user("cy", "lead")
        with self.gateway():
            self.order = self.running("suspend")
            deliver_due()
        self.order.refresh_from_db()
        self.name = self.order.items.select_related("account").first().account.external_id

    def filed(self, **fields) -> Appeal:
        return file_appeal(
            self.order, account=self.name, text="We are a school.", actor=self.bo, **fields
        )

    def decided(self, outcome="granted") -> Appeal:
        appeal = take_appeal(self.filed(), actor=self.cy)
        return decide_appeal(appeal, actor=self.cy, outcome=outcome, rationale="it is a school")


class FilingTests(AppealCase):
    def test_the_clock_runs_from_the_filing_and_one_is_open_at_a_time(self):
        filed = timezone.now() - timedelta(days=2)
        appeal = self.filed(filed_at=filed)
        assert appeal.due_at == filed + timedelta(days=14)
        with pytest.raises(CaseError, match=f"{appeal.ref} of this account is open already"):
            self.filed()
        assert self.case.events.last().kind == "appeal_filed"

    def test_only_what_an_order_did_can_be_appealed(self):
        for account, fields, says in (
            ("acct-9", {}, "did nothing to acct-9"),
            (self.name, {"text": "  "}, "what the customer says"),
            (self.name, {"filed_at": timezone.now() + timedelta(hours=1)}, "in the future"),
        ):
            fields = {"text": "x", "actor": self.bo} | fields
            with self.subTest(says), pytest.raises(CaseError, match=says):
                file_appeal(self.order, account=account, **fields)


class ReviewTests(AppealCase):
    def test_whoever_had_a_part_in_it_does_not_review_it(self):
        appeal = self.filed()
        Decision.objects.create(
            case=self.case, outcome="confirmed", rationale="r", decided_by=self.bo
        )
        judge = make_user("judge", "lead")
        Member.objects.filter(account=appeal.item.account).update(verdict="in", verdict_by=judge)
        for who, says in (
            (self.ana, "You asked for O-"), (self.lea, "You approved O-"),
            (self.bo, "You decided C-1"), (judge, "You judged this account"),
        ):  # fmt: skip
            with self.subTest(says), pytest.raises(NotAllowed, match=says):
                take_appeal(appeal, actor=who)
            with self.subTest(says), pytest.raises(NotAllowed, match=says):
                decide_appeal(appeal, actor=who, outcome="granted", rationale="r")
        take_appeal(appeal, actor=self.cy)
        assert Appeal.objects.get().reviewer == self.cy

    def test_it_is_taken_once_and_decided_once_by_its_reviewer(self):
        appeal, dee = self.filed(), make_user("dee", "lead")
        with pytest.raises(NotAllowed, match="Take A-"):
            decide_appeal(appeal, actor=self.cy, outcome="granted", rationale="r")
        take_appeal(appeal, actor=self.cy)
        with pytest.raises(CaseError, match="is with cy"):
            take_appeal(appeal, actor=dee)
        with pytest.raises(CaseError, match="Say why"):
            decide_appeal(appeal, actor=self.cy, outcome="denied", rationale=" ")
        decide_appeal(appeal, actor=self.cy, outcome="denied", rationale="no school")
        with pytest.raises(CaseError, match="decided already"):
            decide_appeal(appeal, actor=self.cy, outcome="granted", rationale="r")

    def test_a_denied_one_changes_nothing_else(self):
        self.decided("denied")
        assert self.order.reversals.count() == 0
        assert not Member.objects.filter(verdict="out").exists()

    def test_a_granted_one_restores_the_recorded_state_and_corrects_the_label(self):
        account = Account.objects.get(external_id=self.name)
        with self.gateway():
            appeal = self.decided()
            deliver_due()
        back = appeal.restored_by
        assert [item.account for item in back.items.all()] == [account]
        last = effects(self.file)[-1]
        assert (last["account"], last["state"]) == (self.name, "active")
        member = Member.objects.get(account=account)
        assert (member.verdict, member.verdict_alone, member.verdict_by) == ("out", True, self.cy)
        assert Account.objects.get(pk=account.pk).state == "active"

    def test_it_lists_who_else_was_caught_by_the_same_evidence_and_marks_what_left(self):
        share = Share.objects.create(
            case=self.case, tlp="amber", bundle="{}", sha256="0" * 64, prepared_by=self.ana
        )
        refused = Share.objects.create(
            case=self.case, tlp="amber", bundle="{}", sha256="0" * 64, prepared_by=self.ana,
            state="refused",
        )  # fmt: skip
        job = Job.objects.create(kind="packet")
        packet = EvidencePacket.objects.create(
            case=self.case, job=job, as_of=timezone.now(), requested_by=self.ana,
            sealed_at=timezone.now(),
        )  # fmt: skip
        # one of the three is tied by something else, too common to count
        other = Attribute.objects.create(kind="asn", value="64500")
        third = self.order.items.order_by("-account__external_id").first().account
        Link.objects.filter(account=third).update(attribute=other, bits=None)
        appeal = self.decided()
        assert appeal.affected["others"] == 1 and len(appeal.affected["names"]) == 1
        assert third.external_id not in appeal.affected["names"]
        assert (appeal.affected["shares"], appeal.affected["packets"]) == ([share.pk], [packet.pk])
        assert granted_about("shares", share.pk) == [appeal] == granted_about("packets", packet.pk)
        assert granted_about("shares", refused.pk) == []

    def test_the_overturn_rate_counts_the_decided_and_says_how_sure(self):
        assert overturn_rate()["share"] is None
        self.decided()
        rate = overturn_rate()
        assert (rate["decided"], rate["granted"], rate["open"], rate["share"]) == (1, 1, 0, 1.0)
        assert 0 < rate["low"] < 1
        self.filed()
        Appeal.objects.filter(outcome="").update(due_at=timezone.now() - timedelta(days=1))
        assert overturn_rate()["late"] == 1
