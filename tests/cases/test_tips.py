"""Tips by hand, what they point at, and how right who told them was so far."""

import hashlib
from math import isclose

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cases.errors import CaseError
from cases.models import Case, Member, Tip
from cases.services.partner import set_up_partner
from cases.services.partner_record import Record, records_of, weight_of
from cases.services.tip import enter_tip, look_again, preview_tip, set_aside
from ingest.models import Account, Attribute, Signal
from tests.base import DeskTestCase, make_account, make_case


class TipTestCase(DeskTestCase):
    def setUp(self):
        self.partner = set_up_partner("north", actor=None, name="North")

    def enter(self, text="saw acct-1-0 again", form="text", **fields):
        fields = {"told_by": "North", "title": "a tip", "partner": self.partner} | fields
        return enter_tip(form, text, actor=self.ana, **fields)


class TipTests(TipTestCase):
    def test_what_matches_becomes_signals_with_where_they_are_from(self):
        tip = self.enter(origin="East", hops=2, tlp="green")
        signal = Signal.objects.get(detector=self.partner.detector)
        assert (signal.account.external_id, tip.state, tip.batch) == (
            "acct-1-0", "taken", signal.batch,
        )  # fmt: skip
        assert signal.detector.family == "partner" and signal.p_value is None
        said = signal.evidence
        assert (said["told_by"], said["origin"], said["hops"], said["tlp"]) == (
            "North", "East", 2, "green",
        )  # fmt: skip

    def test_what_matches_nothing_stays_a_tip_and_is_looked_up_again(self):
        tip = self.enter("saw acct-later")
        assert (tip.state, tip.batch) == ("open", None)
        assert not Signal.objects.filter(detector=self.partner.detector).exists()
        make_account("acct-later")
        assert look_again(tip, actor=self.ana).state == "taken"
        with pytest.raises(CaseError, match="signals written already"):
            look_again(tip, actor=self.ana)

    def test_the_same_root_through_another_writes_no_second_signal(self):
        self.enter(told_by="North", origin="East", hops=2)
        self.enter("East told us of acct-1-0", told_by="South", origin="East", hops=2, partner=None)
        assert Signal.objects.filter(detector__family="partner").count() == 1
        self.enter("we saw acct-1-0 ourselves", told_by="South", partner=None)
        assert Signal.objects.filter(detector__family="partner").count() == 2

    def test_the_same_text_from_the_same_source_is_entered_once(self):
        self.enter()
        with pytest.raises(CaseError, match="was entered before"):
            self.enter()

    def test_values_templates_by_hash_and_ids_are_found_and_common_values_point_at_nobody(self):
        template = "solve <slot> step by step for me"
        card = Attribute.objects.get(kind="payment", value="card-1")
        common = Attribute.objects.create(
            kind="ip", value="198.51.100.7", accounts=2_000, population=10_000
        )
        hub = Attribute.objects.create(kind="ip", value="198.51.100.8", hub="vpn")
        text = Attribute.objects.create(kind="template", value=template)
        for name, attribute in (("a", common), ("b", hub), ("c", text)):
            account = make_account(name)
            account.uses.create(attribute=attribute)
        lines = [
            f"payment,{card.value}", "ip,198.51.100.7", "ip,198.51.100.8",
            f"template_hash,{hashlib.sha256(template.encode()).hexdigest()}", "account,acct-1-2",
        ]  # fmt: skip
        found = preview_tip("csv", "kind,value\n" + "\n".join(lines), told_by="x", user=self.ana)
        assert {one.account.external_id for one in found.matches} == {
            "acct-1-0", "acct-1-1", "acct-1-2", "c",
        }  # fmt: skip
        assert [row[:2] for row in found.common] == [("ip", "198.51.100.7"), ("ip", "198.51.100.8")]
        last = next(one for one in found.matches if one.account.external_id == "acct-1-2")
        assert [kind for kind, _ in last.by] == ["account", "payment"]
        assert last.cases == [self.case]

    def test_a_preview_stores_nothing_and_names_no_case_that_the_person_may_not_see(self):
        found = preview_tip("text", "acct-1-0", told_by="x", user=self.stranger)
        assert len(found.matches) == 1
        assert preview_tip("text", "acct-1-0", told_by="x").matches[0].cases == []
        assert not Tip.objects.exists()

    def test_the_number_of_queries_does_not_grow_with_the_tip(self):
        numbers = []
        for size in (3, 60):
            for i in range(size):
                make_account(f"many-{size}-{i}")
            text = " ".join(f"many-{size}-{i}" for i in range(size))
            with CaptureQueriesContext(
                connection,
            ) as captured:
                self.enter(text)
            numbers.append(len(captured))
        assert numbers[0] == numbers[1], numbers

    def test_a_hand_over_needs_a_hop_more(self):
        with pytest.raises(CaseError, match="hops: 1 is who saw it"):
            self.enter(origin="East", hops=1)

    def test_setting_aside_takes_a_reason_and_only_what_is_open(self):
        tip = set_aside(self.enter("nothing"), actor=self.lea, reason="a phone number")
        assert (tip.state, tip.settled_by, tip.reason) == ("aside", self.lea, "a phone number")
        with pytest.raises(CaseError, match="set aside"):
            set_aside(tip, actor=self.lea, reason="again")

    def test_a_tip_alone_changes_no_membership_and_confirms_nothing(self):
        before = list(Member.objects.values_list("account", "probability"))
        self.enter()
        assert list(Member.objects.values_list("account", "probability")) == before
        assert Case.objects.get().verdict == "undecided"


class RecordTests(TipTestCase):
    def judge(self, *verdicts):
        members = list(self.case.members.order_by("pk"))
        for member, verdict in zip(members, verdicts, strict=False):
            Member.objects.filter(pk=member.pk).update(verdict=verdict)

    def record(self):
        return records_of([self.partner])[self.partner.pk][0]

    def test_nothing_judged_is_a_coin_with_a_wide_interval(self):
        record = self.record()
        assert (record.named, record.judged, record.mean) == (0, 0, 0.5)
        assert isclose(record.interval[0], 0.025) and isclose(record.interval[1], 0.975)
        assert weight_of(None) == weight_of(self.partner) == 0.025

    def test_the_interval_is_that_of_the_beta_posterior(self):
        low, high = Record("", 41, 29, 5).interval
        assert (round(low, 2), round(high, 2)) == (0.70, 0.93)
        assert round(Record("", 41, 29, 5).mean, 2) == 0.83

    def test_members_verdicts_count_before_the_case_s(self):
        self.enter("acct-1-0 acct-1-1 acct-1-2")
        assert (self.record().named, self.record().judged) == (3, 0)
        self.judge("in", "out")
        assert (self.record().right, self.record().wrong) == (1, 1)
        Case.objects.update(verdict="confirmed", status="decided")
        assert (self.record().right, self.record().wrong) == (2, 1)
        Case.objects.update(verdict="benign")
        assert (self.record().right, self.record().wrong) == (1, 2)

    def test_an_account_in_two_cases_counts_once(self):
        self.enter("acct-1-0")
        other = make_case(2)
        Member.objects.create(
            case=other, account=Account.objects.get(external_id="acct-1-0"), probability=0.5,
            tier="possible", method="t", verdict="in",
        )  # fmt: skip
        self.judge("in")
        assert (self.record().named, self.record().right) == (1, 1)

    def test_each_kind_has_its_record_and_weighs_its_next_signal(self):
        self.enter("kind,value\npayment,card-1\n", form="csv")
        self.judge("in", "in", "in")
        kinds = {one.kind: one for one in records_of([self.partner])[self.partner.pk]}
        assert (kinds["payment"].right, kinds["payment"].wrong) == (3, 0)
        assert weight_of(self.partner, "payment") == weight_of(self.partner) > 0.35
        make_account("acct-new")
        self.enter("acct-new")
        signal = Signal.objects.get(account__external_id="acct-new")
        assert signal.score == weight_of(self.partner)

    def test_records_of_many_partners_take_one_query(self):
        partners = [self.partner, set_up_partner("south", actor=None, name="South")]
        with self.assertNumQueries(1):
            records_of(partners)
