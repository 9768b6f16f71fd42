"""Kinds, targets and how they are chosen; what one person may order alone."""

from datetime import timedelta

import pytest
from django.utils import timezone

from cases.errors import CaseError, NotAllowed
from cases.kinds import clean_parameters, clean_stages, holds
from cases.models import (
    Case,
    Enforcement,
    EnforcementItem,
    Member,
    Notice,
    NoticeVersion,
    Protected,
)
from cases.services.blast_radius import preview
from cases.services.contact import record_contact
from cases.services.enforce import (
    approve_enforcement,
    change_enforcement,
    request_enforcement,
)
from cases.services.order_plan import watch_due
from cases.services.reverse import request_reversal
from cases.services.targets import Choice, named_lines
from ingest.models import Account, AccountPart
from tests.base import make_account, make_case
from tests.cases.orders import OrderCase


class KindTests(OrderCase):
    def test_parameters_and_stages_that_cannot_be_meant_are_refused(self):
        assert clean_parameters("limit", {"tpm": 5, "rpm": None}) == {"tpm": 5}
        for kind, asked in (
            ("limit", {"rps": 1}), ("suspend", {"rpm": 1}), ("limit", {"rpm": -1}),
            ("limit", {"rpm": True}), ("limit", {"rpm": 1.5}), ("limit", {"rpm": 10**10}),
        ):  # fmt: skip
            with self.subTest(asked), pytest.raises(ValueError):
                clean_parameters(kind, asked)
        assert clean_stages([1, 10, 100]) == [1, 10, 100]
        for stages in ([], [10, 1, 100], [1, 10], [0, 100], [1, 1, 100], list(range(1, 12))):
            with self.subTest(stages), pytest.raises(ValueError):
                clean_stages(stages)

    def test_what_is_stricter_already_needs_no_order_and_only_active_is_reinstated(self):
        assert holds("limit", "suspended") and holds("verify", "limited")
        assert not holds("suspend", "limited") and not holds("limit", "verify")
        assert holds("reinstate", "active") and not holds("reinstate", "limited")
        assert not holds("watch", "suspended") and not holds("limit", "?")

    def test_a_watch_runs_at_once_by_one_person_and_leaves_by_no_connector(self):
        order = request_enforcement(self.case, actor=self.ana, kind="watch", reason="look closer")
        assert (order.state, order.second_person, order.reviewed_by) == ("running", False, None)
        assert order.approved_hash == order.content_hash and order.reviewed_at
        assert watch_due() == 3 and self.states(order) == ["done"] * 3
        assert watch_due() == 0

    def test_customers_count_as_contacted_when_a_person_says_so(self):
        with pytest.raises(CaseError, match="Choose the notice"):
            request_enforcement(self.case, actor=self.ana, kind="contact", reason="ask them")
        order = request_enforcement(
            self.case, actor=self.ana, kind="contact", reason="ask", notice="Dear customer"
        )
        approve_enforcement(order, actor=self.lea)
        watch_due()
        assert self.states(order) == ["waiting"] * 3
        first = order.items.first()
        assert record_contact(order, actor=self.bo, items=[first.pk], note="by post") == 1
        assert record_contact(order, actor=self.bo, items=[first.pk]) == 0
        assert record_contact(order, actor=self.bo) == 2
        assert self.states(order) == ["done"] * 3
        with pytest.raises(CaseError, match="changed nothing at the platform"):
            request_reversal(order, actor=self.ana, reason="r")

    def test_limits_carry_requests_and_tokens_a_minute(self):
        order = self.request("limit", parameters={"rpm": 10, "tpm": 5000})
        assert order.parameters == {"rpm": 10, "tpm": 5000}
        with pytest.raises(CaseError, match="Only a limit has"):
            self.request("suspend", parameters={"rpm": 10})


class TargetTests(OrderCase):
    def accounts(self):
        return [m.account for m in self.case.members.select_related("account").order_by("pk")]

    def test_a_key_that_stands_for_many_is_reached_only_when_named_one_by_one(self):
        crowd = self.accounts()[0]
        Account.objects.filter(pk=crowd.pk).update(is_aggregate=True)
        assert self.request("limit").items.filter(account=crowd).count() == 0
        named = self.request("limit", choice=named_lines(crowd.external_id, "account"))
        assert [item.account for item in named.items.all()] == [crowd]
        approve_enforcement(named, actor=self.lea)
        assert self.states(named) == ["waiting"]

    def test_keys_of_members_are_targets_of_their_own(self):
        first, second, _ = self.accounts()
        for account, key, crowd in ((first, "k1", 0), (first, "k2", 0), (second, "k1", 1)):
            AccountPart.objects.create(
                account=account, kind="key", external_id=key, is_aggregate=bool(crowd)
            )
        AccountPart.objects.create(account=first, kind="end_user", external_id="k1")
        order = self.request("revoke", choice=Choice("key"))
        assert order.blast_radius["targets"] == 2 and order.blast_radius["accounts"] == 3
        assert [(i.account, i.target) for i in order.items.order_by("target")] == [
            (first, "k1"), (first, "k2"),
        ]  # fmt: skip
        lines = f"{second.external_id} k1\n  {first.external_id}   k2 \n\n"
        named = self.request("revoke", choice=named_lines(lines, "key"))
        assert set(named.items.values_list("account", "target")) == {
            (second.pk, "k1"), (first.pk, "k2"),
        }  # fmt: skip

    def test_an_organisation_is_one_target_and_says_whom_it_reaches_besides(self):
        first, second, third = self.accounts()
        Account.objects.filter(pk__in=[first.pk, second.pk]).update(organisation="acme")
        Account.objects.filter(pk=third.pk).update(organisation="")
        make_account("bystander", organisation="acme")
        found = preview(self.case, kind="limit", choice=Choice("organisation"))
        assert (found["targets"], found["accounts"], found["beyond"]) == (1, 2, 1)
        assert {"why": "no organisation is known", "accounts": 1} in found["left_out"]
        order = self.request("limit", choice=Choice("organisation"))
        assert list(order.items.values_list("account", "target")) == [(first.pk, "acme")]

    def test_a_query_narrows_the_tiers_and_is_kept_with_the_order(self):
        first = self.accounts()[0]
        Account.objects.filter(pk=first.pk).update(plan="scale")
        choice = Choice(by="query", query={"plan": "scale", "least": 0.9})
        order = self.request("limit", choice=choice)
        assert list(order.items.values_list("account", flat=True)) == [first.pk]
        assert order.selection == {"by": "query", "query": {"plan": "scale", "least": 0.9}}
        with pytest.raises(CaseError, match="no field of a query"):
            self.request("limit", choice=Choice(by="query", query={"colour": "red"}))

    def test_the_choice_is_frozen_when_the_order_is_asked_for(self):
        order = self.request("limit")
        late = make_account("late")
        Member.objects.create(
            case=self.case, account=late, probability=0.99, tier="core", method="test"
        )
        approve_enforcement(order, actor=self.lea)
        assert not order.items.filter(account=late).exists()

    def test_who_is_named_must_be_a_member_and_not_judged_out(self):
        first = self.accounts()[0]
        with pytest.raises(CaseError, match="acct-9: no member of C-1"):
            self.request("limit", choice=named_lines(f"{first.external_id}\nacct-9", "account"))
        with pytest.raises(CaseError, match="has told of no such key"):
            self.request("revoke", choice=named_lines(f"{first.external_id} nokey", "key"))
        with pytest.raises(CaseError, match="account and then its key"):
            named_lines(first.external_id, "key")
        Member.objects.filter(account=first).update(verdict="out")
        with pytest.raises(CaseError, match="no account"):
            self.request("limit", choice=named_lines(first.external_id, "account"))

    def test_a_kind_that_cannot_be_done_to_the_target_is_refused(self):
        for kind, target in (("revoke", "account"), ("suspend", "key"), ("verify", "key")):
            with self.subTest(kind), pytest.raises(CaseError, match="is for"):
                self.request(kind, choice=Choice(target))

    def test_who_is_protected_is_left_out_even_when_named(self):
        first, second, third = self.accounts()
        Protected.objects.create(
            kind="account", value=first.external_id, reason="hospital", added_by=self.lea
        )
        Protected.objects.create(
            kind="organisation", value=second.organisation, reason="press", added_by=self.lea
        )
        order = self.request()
        assert list(order.items.values_list("account", flat=True)) == [third.pk]
        assert order.blast_radius["protected"] == 2
        with pytest.raises(CaseError, match="no account"):
            self.request(choice=named_lines(first.external_id, "account"))
        watched = request_enforcement(self.case, actor=self.ana, kind="watch", reason="r")
        assert watched.items.count() == 3

    def test_who_is_protected_after_the_asking_is_skipped_at_the_approval(self):
        order = self.request()
        first = self.accounts()[0]
        Protected.objects.create(
            kind="account", value=first.external_id, reason="hospital", added_by=self.lea
        )
        approve_enforcement(order, actor=self.lea)
        assert order.items.get(account=first).last_error == "on the protected list since"

    def test_what_others_reinstated_is_not_suspended_again_unless_named(self):
        first = self.accounts()[0]
        old = self.request("limit")
        Enforcement.objects.filter(pk=old.pk).update(state="done", approved_hash=old.content_hash,
                                                     reviewed_by=self.lea)  # fmt: skip
        old.items.update(
            state="done", state_after="limited", finished_at=timezone.now() - timedelta(hours=2)
        )
        Account.objects.filter(pk=first.pk).update(
            state="active", state_actor="support desk", state_at=timezone.now()
        )
        found = preview(self.case, kind="suspend", tiers=["core"])
        assert {"why": "reinstated by others since", "accounts": 1} in found["left_out"]
        assert first.pk not in self.request().items.values_list("account", flat=True)
        named = self.request(choice=named_lines(first.external_id, "account"))
        assert named.items.count() == 1
        # our own reversal is nobody else's
        Account.objects.filter(pk=first.pk).update(state_actor="O-77")
        assert preview(self.case, kind="suspend", tiers=["core"])["accounts"] == 3

    def test_it_says_which_detector_the_order_would_give_away(self):
        found = preview(self.case, kind="suspend", tiers=["core"])["reveals"]
        assert found == [
            {"detector": "volume", "name": "Volume", "family": "volume", "accounts": 3, "alone": 3}
        ]

    def test_spend_needs_prices_and_is_not_nought_without_them(self):
        assert preview(self.case, kind="limit", tiers=["core"])["spend"] is None
        with self.settings(PRICE_INPUT=2, PRICE_OUTPUT=10):
            spend = preview(self.case, kind="limit", tiers=["core"])["spend"]
        assert spend == round((6 * 3000 * 2 + 6 * 9000 * 10) / 1e6, 2)


class ApprovalTests(OrderCase):
    def test_below_the_threshold_of_its_kind_one_person_is_enough(self):
        with self.settings(ORDER_ALONE={"limit": 3}):
            assert self.request("limit").state == "running"
            assert self.request("suspend").state == "requested"
        with self.settings(ORDER_ALONE={"limit": 2}):
            Enforcement.objects.all().update(state="cancelled")
            assert self.request("limit").state == "requested"

    def test_a_large_order_cannot_be_cut_into_small_ones(self):
        names = list(self.case.members.values_list("account__external_id", flat=True))
        with self.settings(ORDER_ALONE={"limit": 2}):
            states = [
                self.request("limit", choice=named_lines(name, "account")).state for name in names
            ]
        assert states == ["running", "running", "requested"]

    def test_alone_only_a_notice_of_the_library_is_sent(self):
        with self.settings(ORDER_ALONE={"limit": 9}):
            with pytest.raises(CaseError, match="notice of the library"):
                self.request("limit", notice="my own words")
            notice = Notice.objects.create(slug="limit", title="Limit", kinds=["limit"])
            version = NoticeVersion.objects.create(
                notice=notice, version=1, text="Dear customer", written_by=self.ana
            )
            with pytest.raises(CaseError, match="is not approved"):
                self.request("limit", notice_version=version)
            NoticeVersion.objects.update(approved_by=self.lea, approved_at=timezone.now())
            version.refresh_from_db()
            order = self.request("limit", notice_version=version)
            assert (order.state, order.notice) == ("running", "Dear customer")
        with pytest.raises(CaseError, match="not for this kind"):
            self.request("suspend", notice_version=version)

    def test_an_order_that_changed_since_it_was_opened_is_not_approved(self):
        order = self.request()
        seen = order.content_hash
        with pytest.raises(NotAllowed, match="Only who asked"):
            change_enforcement(order, actor=self.bo, reason="other")
        change_enforcement(order, actor=self.ana, reason="rule 5")
        with pytest.raises(CaseError, match="changed since you opened it"):
            approve_enforcement(order, actor=self.lea, seen=seen)
        approve_enforcement(order, actor=self.lea, seen=order.content_hash)
        assert Enforcement.objects.get().approved_hash == order.content_hash != seen
        with pytest.raises(CaseError, match="not changed any more"):
            change_enforcement(order, actor=self.ana, reason="late")

    def test_rows_that_were_tampered_with_are_not_approved(self):
        for tamper in (
            lambda o: Enforcement.objects.filter(pk=o.pk).update(reason="other"),
            lambda o: Enforcement.objects.filter(pk=o.pk).update(parameters={"rpm": 1}),
            lambda o: o.items.first().delete(),
            lambda o: EnforcementItem.objects.filter(pk=o.items.first().pk).update(target="x"),
        ):
            order = self.request("limit")
            tamper(order)
            with pytest.raises(CaseError, match="not what was asked for"):
                approve_enforcement(order, actor=self.lea)
            Enforcement.objects.filter(pk=order.pk).update(state="cancelled")

    def test_an_approval_that_comes_too_late_is_refused(self):
        order = self.request()
        Enforcement.objects.update(approve_by=timezone.now())
        with pytest.raises(CaseError, match="not approved in time"):
            approve_enforcement(order, actor=self.lea)

    def test_possible_members_are_reached_only_when_asked_for(self):
        case = make_case(2)
        Case.objects.filter(pk=case.pk).update(verdict="confirmed", status="decided")
        Member.objects.filter(case=case).update(tier="possible")
        with pytest.raises(CaseError, match="no account"):
            request_enforcement(
                case, actor=self.ana, kind="limit", connector=self.connector, reason="r"
            )
