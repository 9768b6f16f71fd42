"""From a partner's object to a signal, and what a signal of partners alone may never do."""

import hashlib
from datetime import timedelta

import msgspec
import pytest
from django.utils import timezone

from cases.errors import CaseError
from cases.models import Case, Enforcement, Member, PartnerExchange
from cases.services.arrivals import read_arrivals
from cases.services.collections import keep_objects
from cases.services.decide import record_decision
from cases.services.hearsay import rests_on_hearsay
from cases.services.order_create import create_order
from cases.services.partner import start_epoch, token_key
from cases.services.share import approve_share, prepare_share
from cases.sharing.disclosure import disclosure
from cases.sharing.extension import extended
from cases.sharing.patterns import told_by
from cases.sharing.stix import campaign_of, token
from cases.sharing.stixcheck import read_head
from ingest.models import Account, Attribute, AttributeUse, Signal
from tests.base import NOON, make_account, make_case
from tests.cases.stix_samples import indicator
from tests.cases.taxii import TaxiiTestCase

ROOT = "campaign--11111111-1111-4111-8111-111111111111"
OTHER = "campaign--22222222-2222-4222-8222-222222222222"


class ArrivalTests(TaxiiTestCase):
    def arrive(self, number=1, *, partner=None, kind="account", values=("acct-1-0",), epoch=1,
               **fields) -> int:  # fmt: skip
        partner = partner or self.north
        key = token_key(partner, epoch)
        paths = {"account": "user-account:user_id", "payment": "x-payment-method:token"}
        listed = ", ".join(f"'{token(key, kind, value)}'" for value in values)
        ours = {"root_ref": ROOT, "hops": 0, "token_epoch": epoch} | fields.pop("ours", {})
        one = indicator(
            number, pattern=f"[{paths[kind]} IN ({listed})]", extensions=extended(ours), **fields
        )
        return self.keep(one, partner)

    def keep(self, one: dict, partner=None) -> int:
        inbox = (partner or self.north).collections.get(way="in")
        keep_objects(inbox, [read_head(msgspec.json.encode(one))])
        return read_arrivals()

    def told(self):
        return Signal.objects.filter(detector__family="partner").order_by("pk")

    def test_a_token_of_an_account_becomes_a_signal_with_where_it_comes_from(self):
        assert self.arrive(confidence=80) == 1
        (signal,) = self.told()
        assert signal.account.external_id == "acct-1-0"
        assert signal.detector == self.north.detector
        told = signal.evidence
        assert (told["told_by"], told["root"], told["hops"]) == ("North Lab", ROOT, 1)
        assert signal.score == pytest.approx(told["weight"] * 0.8, abs=1e-3)
        assert PartnerExchange.objects.filter(kind="signals_written", objects_count=1).exists()
        assert read_arrivals() == 0, "what was read is not read again"

    def test_cards_and_templates_match_too_and_strangers_do_not(self):
        Attribute.objects.create(kind="template", value="Solve <n>", accounts=1, population=9999)
        AttributeUse.objects.create(
            account=Account.objects.get(external_id="acct-1-1"),
            attribute=Attribute.objects.get(kind="template"), first_at=NOON, last_at=NOON,
        )  # fmt: skip
        assert self.arrive(1, kind="payment", values=["card-1"]) == 3
        assert self.arrive(2, kind="payment", values=["card-9"], ours={"root_ref": OTHER}) == 0
        digest = hashlib.sha256(b"Solve <n>").hexdigest()
        assert self.keep(indicator(3, pattern=f"[artifact:hashes.'SHA-256' = '{digest}']")) == 1
        assert self.told().last().account.external_id == "acct-1-1"

    def test_what_many_carry_and_hubs_point_at_nobody(self):
        Attribute.objects.filter(kind="payment").update(accounts=500, population=10_000)
        assert self.arrive(1, kind="payment", values=["card-1"]) == 0
        Attribute.objects.filter(kind="payment").update(accounts=3, hub="reseller")
        assert self.arrive(2, kind="payment", values=["card-1"]) == 0

    def test_the_same_root_through_two_partners_counts_once(self):
        assert self.arrive(1) == 1
        assert self.arrive(2, partner=self.south, ours={"hops": 1}) == 0
        assert self.arrive(3) == 0, "nor twice through the same"
        assert self.arrive(4, partner=self.south, ours={"root_ref": OTHER}) == 1
        assert self.told().count() == 2

    def test_our_own_finding_that_comes_back_is_no_signal(self):
        share = prepare_share(
            self.case, actor=self.ana, tlp="amber", partner=self.south, legal_basis="MoU"
        )
        approve_share(share, actor=self.lea)
        own = campaign_of(share.bundle)["id"]
        assert self.arrive(1, ours={"root_ref": own, "hops": 1}) == 0

    def test_tokens_of_the_epoch_before_still_match_and_older_ones_do_not(self):
        north = start_epoch(self.north, actor=self.lea)
        assert self.arrive(1, partner=north, epoch=1) == 1
        start_epoch(north, actor=self.lea)
        assert self.arrive(2, partner=north, epoch=1, values=["acct-1-1"]) == 0

    def test_what_is_revoked_expired_or_negated_tells_nothing(self):
        past = f"{timezone.now() - timedelta(days=1):%Y-%m-%dT%H:%M:%S.000Z}"
        assert self.arrive(1, revoked=True) == 0
        assert self.arrive(2, valid_until=past) == 0
        assert PartnerExchange.objects.filter(kind="objects_revoked").count() == 1
        for pattern in (
            "[user-account:user_id NOT IN ('a')]", "[user-account:user_id != 'a']",
            "[user-account:user_id LIKE 'a%']", "[process:name = 'NOT']", "x" * 100,
        ):  # fmt: skip
            assert told_by(pattern) == [], pattern
        assert told_by("[user-account:user_id = 'NOT \\' x' OR ipv4-addr:value = '192.0.2.1']") == [
            ("account", "NOT ' x"), ("ip", "192.0.2.1"),
        ]  # fmt: skip

    def test_hostile_fields_of_the_extension_break_nothing(self):
        for number, ours in enumerate(
            ({"root_ref": 7}, {"root_ref": "x" * 500}, {"hops": -1}, {"hops": "many"},
             {"token_epoch": 2**40}, {"token_epoch": "1"}), start=1,
        ):  # fmt: skip
            with self.subTest(ours):
                self.arrive(number, ours=ours)
        assert all(0 < one.evidence["hops"] < 101 for one in self.told())


class HearsayTests(TaxiiTestCase):
    """Alone it can never cause an order or a confirmed case."""

    def setUp(self):
        Signal.objects.all().delete()
        self.keep = ArrivalTests.keep.__get__(self)
        ArrivalTests.arrive(self, values=["acct-1-0", "acct-1-1", "acct-1-2"])
        Case.objects.update(status="in_review", owner=None)
        self.case.refresh_from_db()

    def confirm(self):
        return record_decision(
            self.case, actor=self.ana, outcome="confirmed", rationale="they told us"
        )

    def order(self, kind="limit"):
        return create_order(self.case, None, {}, actor=self.ana, kind=kind)

    def test_it_confirms_no_case(self):
        assert rests_on_hearsay(self.case)
        with pytest.raises(CaseError, match="what partners told alone"):
            self.confirm()
        assert Case.objects.get(pk=self.case.pk).verdict == "undecided"

    def test_it_causes_no_order_of_any_kind(self):
        for kind in Enforcement.Kind.values:
            if kind != Enforcement.Kind.REINSTATE:
                with self.subTest(kind), pytest.raises(CaseError, match="partners told alone"):
                    self.order(kind)
        assert not Enforcement.objects.exists()

    def test_two_partners_are_no_more_than_one(self):
        ArrivalTests.arrive(self, 2, partner=self.south, ours={"root_ref": OTHER})
        with pytest.raises(CaseError, match="partners told alone"):
            self.confirm()

    def test_a_judgement_or_a_signal_of_ours_opens_the_way(self):
        Member.objects.filter(account__external_id="acct-1-0").update(verdict="in")
        assert not rests_on_hearsay(self.case)
        Member.objects.update(verdict="")
        assert rests_on_hearsay(self.case)
        make_case(2)
        own = Signal.objects.exclude(detector__family="partner").first()
        Signal.objects.filter(pk=own.pk).update(account=Account.objects.get(external_id="acct-1-1"))
        assert not rests_on_hearsay(self.case)
        assert self.confirm().outcome == "confirmed"

    def test_a_case_with_no_signal_at_all_is_a_persons_own(self):
        Signal.objects.all().delete()
        make_account("stranger-1")
        assert not rests_on_hearsay(self.case)

    def test_it_leaves_under_the_root_it_came_with(self):
        assert disclosure(self.case, "amber").root == (ROOT, 1)
        make_case(2)
        own = Signal.objects.exclude(detector__family="partner").first()
        Signal.objects.filter(pk=own.pk).update(account=Account.objects.get(external_id="acct-1-1"))
        assert disclosure(self.case, "amber").root is None
