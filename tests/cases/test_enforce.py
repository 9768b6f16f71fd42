"""Asking for orders, reviewing them, and two people at once."""

import json
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.test import TransactionTestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cases.errors import CaseError, NotAllowed
from cases.models import Case, Connector, Enforcement, Member
from cases.services import deliver
from cases.services.blast_radius import preview
from cases.services.deliver import deliver_due
from cases.services.enforce import (
    approve_enforcement,
    cancel_enforcement,
    refuse_enforcement,
    request_enforcement,
)
from ingest.models import Account, ActivityHour
from tests.base import make_case, make_user
from tests.cases.orders import OrderCase, connector_at, effects, gateway_at


class PreviewTests(OrderCase):
    def test_it_counts_whom_it_reaches_and_whom_it_leaves_out_and_why(self):
        case = make_case(2, accounts=6)
        members = list(case.members.order_by("pk"))
        for member, fields in zip(
            members,
            [{"verdict": "out"}, {"verdict": "unsure"}, {}, {"tier": "likely"}, {}, {}],
            strict=True,
        ):
            Member.objects.filter(pk=member.pk).update(**fields)
        Account.objects.filter(pk=members[2].account_id).update(is_aggregate=True)
        Account.objects.filter(pk=members[4].account_id).update(state="suspended")
        found = preview(case, kind="suspend", tiers=["core"])
        assert (found["accounts"], found["organisations"], found["already"]) == (2, 2, 1)
        assert (found["aggregates"], found["aggregates_left_out"]) == (0, 1)
        assert found["expected_innocent"] == pytest.approx(0.06)
        assert found["left_out"] == [
            {"why": "an analyst said out", "accounts": 1},
            {"why": "an analyst is unsure", "accounts": 1},
            {"why": "stands for many people", "accounts": 1},
            {"why": "likely, not ordered", "accounts": 1},
        ]
        assert [t["accounts"] for t in found["tiers"]] == [2, 1, 0]
        assert found["tokens_a_day"] == round(2 * 2 * 9000 / 7)
        json.dumps(found)

    def test_activity_that_was_not_recorded_is_not_nought(self):
        ActivityHour.objects.all().delete()
        assert preview(self.case, kind="limit", tiers=["core"])["tokens_a_day"] is None

    def test_it_changes_nothing(self):
        preview(self.case, kind="suspend", tiers=["core", "likely", "possible"])
        assert not Enforcement.objects.exists() and self.kinds() == []

    def test_a_case_of_any_size_costs_the_same_queries(self):
        counts = []
        for accounts in (3, 30):
            case = make_case(accounts, accounts=accounts)
            with self.assertNumQueries(10):
                counts.append(preview(case, kind="suspend", tiers=["core"])["accounts"])
        assert counts == [3, 30]


class RequestTests(OrderCase):
    def test_it_waits_for_approval_with_its_preview_and_an_item_for_each_account(self):
        order = self.request()
        assert order.state == "requested" and order.tiers == ["core"]
        assert order.blast_radius["accounts"] == 3 == order.items.count()
        assert self.states() == ["waiting"] * 3
        assert not order.items.exclude(due_at=None).exists()
        assert len(set(order.items.values_list("key", flat=True))) == 3
        assert order.ref.startswith("O-") and self.kinds() == ["enforcement_requested"]
        assert deliver_due() == 0

    def test_members_judged_out_or_unsure_and_aggregates_get_no_item(self):
        members = list(self.case.members.order_by("pk"))
        Member.objects.filter(pk=members[0].pk).update(verdict="out")
        Account.objects.filter(pk=members[1].account_id).update(is_aggregate=True)
        order = self.request()
        assert list(order.items.values_list("account", flat=True)) == [members[2].account_id]

    def test_a_suspension_needs_a_confirmed_verdict_and_a_limit_does_not(self):
        for verdict in ("undecided", "inconclusive", "other_abuse", "benign"):
            Case.objects.update(status="in_review", verdict=verdict)
            with pytest.raises(CaseError, match="no confirmed verdict"):
                self.request()
        with pytest.raises(CaseError, match="found benign"):
            self.request("limit")
        Case.objects.update(verdict="undecided")
        assert self.request("limit").state == "requested"

    def test_each_thing_that_stands_against_it_is_said(self):
        soon = timezone.now() + timedelta(days=1)
        for fields, said in (
            ({"kind": "watch"}, "by no connector"),
            ({"kind": "revoke"}, "is for keys"),
            ({"reason": "  "}, "Say why"),
            ({"tiers": ["everybody"]}, "core, likely and possible"),
            ({"tiers": ["possible"]}, "no account"),
            ({"reason": "é" * 3000, "notice": "é" * 4000}, "too long"),
            ({"kind": "reinstate", "expires_at": soon}, "Only a watch"),
            ({"kind": "limit", "expires_at": timezone.now()}, "lie ahead"),
            ({"connector": connector_at("http://127.0.0.1:1/", "off", enabled=False)}, "off"),
            ({"kind": "reinstate"}, "no account"),
        ):
            with self.subTest(said), pytest.raises(CaseError, match=said):
                self.request(**fields)
        assert not Enforcement.objects.exists() and self.kinds() == []

    def test_an_equal_order_that_waits_or_runs_is_named(self):
        first = self.request()
        with pytest.raises(CaseError, match=f"{first.ref} is the same order"):
            self.request()
        approve_enforcement(first, actor=self.lea)
        with pytest.raises(CaseError, match=f"{first.ref} is the same order"):
            self.request()
        cancel_enforcement(first, actor=self.ana)
        self.request()


class ReviewTests(OrderCase):
    def test_a_second_person_approves_and_the_items_are_due(self):
        order = approve_enforcement(self.request(), actor=self.lea, note="seen")
        assert (order.state, order.reviewed_by, order.review_note) == ("running", self.lea, "seen")
        assert order.items.filter(due_at__lte=timezone.now()).count() == 3
        assert self.kinds() == ["enforcement_requested", "enforcement_approved"]

    def test_who_asked_neither_approves_nor_refuses(self):
        order = self.request()
        with pytest.raises(NotAllowed, match="another person"):
            approve_enforcement(order, actor=self.ana)
        with pytest.raises(NotAllowed, match="cancel it instead"):
            refuse_enforcement(order, actor=self.ana, note="no")
        assert Enforcement.objects.get().state == "requested"

    def test_a_second_review_is_refused_with_a_reason(self):
        order, stale = self.request(), Enforcement.objects.get()
        approve_enforcement(order, actor=self.lea)
        for review in (
            lambda: approve_enforcement(stale, actor=self.bo),
            lambda: refuse_enforcement(stale, actor=self.bo, note="no"),
        ):
            with pytest.raises(CaseError, match="being delivered already"):
                review()
        assert Enforcement.objects.get().reviewed_by == self.lea
        assert self.kinds().count("enforcement_approved") == 1

    def test_a_member_judged_out_since_is_skipped(self):
        order = self.request()
        member = self.case.members.first()
        Member.objects.filter(pk=member.pk).update(verdict="out")
        approve_enforcement(order, actor=self.lea)
        assert order.items.get(account=member.account).state == "skipped"
        assert self.case.events.last().content.body["accounts"] == 2

    def test_a_case_reopened_since_is_not_suspended(self):
        order = self.request()
        Case.objects.update(status="reopened", verdict="undecided")
        with pytest.raises(CaseError, match="no confirmed verdict"):
            approve_enforcement(order, actor=self.lea)

    def test_an_end_that_has_passed_or_a_connector_off_is_not_approved(self):
        order = self.request("limit", expires_at=timezone.now() + timedelta(hours=1))
        Enforcement.objects.update(expires_at=timezone.now())
        with pytest.raises(CaseError, match="has passed"):
            approve_enforcement(order, actor=self.lea)
        Enforcement.objects.update(expires_at=None)
        Connector.objects.update(enabled=False)
        with pytest.raises(CaseError, match="switched off"):
            approve_enforcement(Enforcement.objects.get(), actor=self.lea)

    def test_every_step_locks_the_case_before_the_order(self):
        """Or two of them at once wait for each other until the database ends one of them."""
        steps = {
            "approve": lambda o: approve_enforcement(o, actor=self.lea),
            "refuse": lambda o: refuse_enforcement(o, actor=self.lea, note="no"),
            "cancel": lambda o: cancel_enforcement(o, actor=self.ana),
            "finish": deliver._finish,
        }
        for name, step in steps.items():
            with self.subTest(name):
                order = self.request()
                if name == "finish":
                    approve_enforcement(order, actor=self.lea)
                    order.items.update(state="done", due_at=None)
                with CaptureQueriesContext(connection) as queries:
                    step(order)
                sql = [query["sql"] for query in queries]
                locks = [s for s in sql if "FOR UPDATE" in s or s.startswith("UPDATE")]
                assert '"cases_case"' in locks[0] and "FOR UPDATE" in locks[0], locks[0]
                Enforcement.objects.filter(state="running").update(state="done")

    def test_a_refusal_needs_a_reason_and_skips_every_item(self):
        order = self.request()
        with pytest.raises(CaseError, match="Say why"):
            refuse_enforcement(order, actor=self.lea, note=" ")
        refuse_enforcement(order, actor=self.lea, note="too wide")
        assert order.state == "refused" and order.finished_at
        assert self.states() == ["skipped"] * 3
        assert self.kinds() == ["enforcement_requested", "enforcement_refused"]

    def test_cancelling_before_it_runs_ends_it(self):
        order = cancel_enforcement(self.request(), actor=self.ana)
        assert order.state == "cancelled" and order.finished_at
        assert self.states() == ["skipped"] * 3
        with pytest.raises(CaseError, match="cancelled already"):
            cancel_enforcement(order, actor=self.ana)
        with pytest.raises(CaseError, match="cancelled already"):
            approve_enforcement(order, actor=self.lea)


class TogetherTests(TransactionTestCase):
    """Threads with connections of their own, as two browsers or two workers have."""

    @pytest.fixture(autouse=True)
    def _file(self, tmp_path):
        self.file = tmp_path / "gateway.jsonl"

    def setUp(self):
        self.people = [make_user(name) for name in ("ana", "bo", "lea", "max")]
        self.case = make_case(accounts=24, status="decided", verdict="confirmed")

    def together(self, *jobs):
        outcomes, barrier = [], threading.Barrier(len(jobs))

        def run(job):
            barrier.wait()
            try:
                outcomes.append(job())
            except Exception as error:
                outcomes.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        unexpected = [
            e for e in outcomes if isinstance(e, Exception) and not isinstance(e, CaseError)
        ]
        assert unexpected == []
        return outcomes

    def request(self, actor):
        return request_enforcement(
            self.case, actor=actor, kind="suspend", reason="r",
            connector=Connector.objects.get(),
        )  # fmt: skip

    def test_two_who_ask_together_make_one_order(self):
        connector_at("http://127.0.0.1:1/")
        ana, bo, *_ = self.people
        self.together(lambda: self.request(ana), lambda: self.request(bo))
        assert Enforcement.objects.count() == 1

    def test_an_approval_and_a_refusal_together_one_wins(self):
        connector_at("http://127.0.0.1:1/")
        ana, _, lea, other = self.people
        order = self.request(ana)
        self.together(
            lambda: approve_enforcement(Enforcement.objects.get(pk=order.pk), actor=lea),
            lambda: refuse_enforcement(
                Enforcement.objects.get(pk=order.pk), actor=other, note="no"
            ),
        )
        kinds = list(self.case.events.values_list("kind", flat=True))
        reviews = [
            kind for kind in kinds if kind in ("enforcement_approved", "enforcement_refused")
        ]
        assert len(reviews) == 1

    def test_many_sweeps_at_once_have_one_effect_per_account_and_finish_once(self):
        with gateway_at(self.file) as url:
            connector_at(url)
            order = self.request(self.people[0])
            approve_enforcement(order, actor=self.people[2])
            tried = self.together(*[deliver_due] * 4)
            deliver_due()
        assert sum(tried) == 24
        assert len(effects(self.file)) == 24 == len({e["key"] for e in effects(self.file)})
        assert list(order.items.values_list("state", flat=True).distinct()) == ["done"]
        assert self.case.events.filter(kind="enforcement_finished").count() == 1
