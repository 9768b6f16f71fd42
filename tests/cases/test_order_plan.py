"""Stages, pauses and windows: what a sweep does to a running order, and what a person may."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from cases.errors import CaseError
from cases.models import Appeal, Case, Enforcement, EnforcementItem
from cases.services.deliver import deliver_due
from cases.services.enforce import approve_enforcement, cancel_enforcement
from cases.services.order_plan import (
    open_next_stage,
    pause_enforcement,
    resume_enforcement,
    rules_of,
    tend_running,
)
from tests.base import make_case
from tests.cases.orders import GatewayCase, OrderCase, effects


class PlanCase(OrderCase):
    def setUp(self):
        super().setUp()
        self.case = make_case(7, accounts=20, name="Long Ladder")
        Case.objects.update(status="decided", verdict="confirmed")
        for place, member in enumerate(self.case.members.order_by("pk")):
            member.probability = 0.999 - place / 1000
            member.save(update_fields=["probability"])

    def staged(self, stages=(5, 25, 100), **fields) -> Enforcement:
        return self.running("limit", stages=list(stages), **fields)

    def end(self, order, stage, *, failed=0):
        items = list(order.items.filter(stage=stage).values_list("pk", flat=True))
        now = timezone.now()
        EnforcementItem.objects.filter(pk__in=items[:failed]).update(
            state="failed", due_at=None, finished_at=now
        )
        EnforcementItem.objects.filter(pk__in=items[failed:]).update(
            state="done", due_at=None, finished_at=now, state_before="active"
        )

    def now(self, order) -> Enforcement:
        return Enforcement.objects.get(pk=order.pk)


class StageTests(PlanCase):
    def test_the_surest_come_first_and_only_the_first_stage_is_due(self):
        order = self.staged()
        sizes = [order.items.filter(stage=stage).count() for stage in range(3)]
        assert sizes == [1, 4, 15]
        surest = self.case.members.order_by("-probability").first().account
        assert order.items.get(stage=0).account == surest
        assert not order.items.filter(stage__gt=0).exclude(due_at=None).exists()
        assert order.items.get(stage=0).due_at <= timezone.now()

    def test_the_next_stage_opens_by_itself_when_the_last_is_over_and_was_watched(self):
        order = self.staged(stage_minutes=30)
        assert tend_running() == 0
        self.end(order, 0)
        assert tend_running() == 0  # its half hour is not over
        Enforcement.objects.update(stage_opened_at=timezone.now() - timedelta(minutes=31))
        assert tend_running() == 1
        order = self.now(order)
        assert order.stage == 1 and order.items.filter(stage=1, due_at=None).count() == 0
        assert order.items.filter(stage=2).exclude(due_at=None).count() == 0
        assert self.kinds()[-1] == "enforcement_staged"

    def test_a_person_need_not_wait_for_the_time_but_for_the_stage(self):
        order = self.staged(stage_minutes=30)
        with pytest.raises(CaseError, match=r"Stage 1 of .* not over"):
            open_next_stage(order, actor=self.lea)
        self.end(order, 0)
        open_next_stage(order, actor=self.lea)
        stale = self.now(order)
        self.end(order, 1)
        open_next_stage(order, actor=self.lea)
        with pytest.raises(CaseError, match="no further stage"):
            open_next_stage(stale, actor=self.lea)

    def test_an_order_in_stages_is_not_done_before_its_last(self):
        order = self.staged()
        self.end(order, 0)
        deliver_due()
        assert self.now(order).state == "running"

    def test_a_cancelled_order_opens_no_stage_and_leaves_the_rest_out(self):
        order = self.staged()
        self.end(order, 0)
        cancel_enforcement(order, actor=self.ana)
        assert tend_running() == 0
        assert self.states(order) == ["done"] + ["skipped"] * 19

    def test_it_starts_at_a_random_moment_of_its_window(self):
        starts = set()
        for _ in range(3):
            order = self.running("limit", window_minutes=60)
            wait = order.begins_at - timezone.now()
            assert timedelta(0) <= wait + timedelta(seconds=5) <= timedelta(minutes=61)
            assert set(order.items.values_list("due_at", flat=True)) == {order.begins_at}
            starts.add(order.begins_at.replace(microsecond=0))
            cancel_enforcement(order, actor=self.ana)
        assert len(starts) > 1
        with pytest.raises(CaseError, match="at most seven days"):
            self.request("limit", window_minutes=20_000)


class RuleTests(PlanCase):
    def paused(self, order) -> str:
        order = self.now(order)
        return order.pause_reason if order.paused_at else ""

    def test_failures_in_a_stage_pause_it(self):
        order = self.staged()
        self.end(order, 0, failed=1)
        tend_running()
        assert self.paused(order) == "Failures in a stage: 100.0% (1 of 1), the limit is 5%"
        assert self.kinds()[-1] == "enforcement_paused"
        assert self.now(order).paused_by is None

    def test_a_few_failures_in_the_middle_are_no_rate_yet(self):
        order = self.running("limit")
        items = list(order.items.all()[:4])
        for item in items[:2]:
            EnforcementItem.objects.filter(pk=item.pk).update(state="failed", due_at=None)
        tend_running()
        assert self.paused(order) == ""
        EnforcementItem.objects.filter(pk=items[2].pk).update(state="failed", due_at=None)
        tend_running()
        assert "3 of 3" in self.paused(order)

    def appeals(self, order, count, **fields):
        for item in order.items.order_by("pk")[:count]:
            Appeal.objects.create(
                order=order, item=item, text="not me", filed_at=timezone.now(),
                due_at=timezone.now(), **fields,
            )  # fmt: skip

    def test_appeals_that_were_overturned_pause_it_and_appeals_filed_do_not(self):
        order = self.staged()
        self.appeals(order, 20)
        tend_running()
        assert self.paused(order) == ""
        granted = {"outcome": "granted", "decided_at": timezone.now(), "reviewer": self.bo}
        Appeal.objects.all().delete()
        self.appeals(order, 3, **granted)
        tend_running()
        assert self.paused(order) == "Appeals overturned: 3, the limit is 3"

    def test_a_fall_of_the_cases_probability_pauses_it(self):
        order = self.staged()
        Case.objects.filter(pk=self.case.pk).update(p_abuse=0.8)
        tend_running()
        assert self.paused(order) == ""
        Case.objects.filter(pk=self.case.pk).update(p_abuse=0.7)
        tend_running()
        assert "0.90 → 0.70" in self.paused(order)

    def test_a_verdict_of_benign_pauses_it_and_it_is_not_resumed(self):
        order = self.staged()
        Case.objects.filter(pk=self.case.pk).update(verdict="benign")
        tend_running()
        assert "found benign" in self.paused(order)
        with pytest.raises(CaseError, match="cancel O-"):
            resume_enforcement(order, actor=self.lea, reason="go on")

    def test_what_paused_it_counts_anew_after_a_person_let_it_go_on(self):
        order = self.staged()
        self.end(order, 0, failed=1)
        tend_running()
        with pytest.raises(CaseError, match="Say why"):
            resume_enforcement(order, actor=self.lea, reason=" ")
        resume_enforcement(order, actor=self.lea, reason="the account was closed by its owner")
        assert self.paused(order) == ""
        assert tend_running() == 1 and self.now(order).stage == 1
        assert self.paused(order) == ""
        self.end(order, 1, failed=1)
        tend_running()
        assert "1 of 4" in self.paused(order)
        rules = {rule["rule"]: rule["trips"] for rule in rules_of(self.now(order), self.case)}
        assert rules["Failures in a stage"] and not rules["Appeals overturned"]

    def test_a_paused_order_is_paused_once_and_says_so(self):
        order = self.staged()
        pause_enforcement(order, actor=self.bo, reason="a customer called")
        with pytest.raises(CaseError, match="is paused already"):
            pause_enforcement(order, actor=self.lea, reason="again")
        with pytest.raises(CaseError, match="no stage is opened"):
            open_next_stage(order, actor=self.lea)
        resume_enforcement(order, actor=self.lea, reason="solved")
        with pytest.raises(CaseError, match="is not paused"):
            resume_enforcement(order, actor=self.lea, reason="again")

    def test_what_is_not_what_was_approved_any_more_does_not_go_on(self):
        order = self.staged()
        self.end(order, 0)
        order.items.filter(stage=2).first().delete()
        with pytest.raises(CaseError, match="not what was approved"):
            open_next_stage(order, actor=self.lea)
        pause_enforcement(order, actor=self.bo, reason="look")
        with pytest.raises(CaseError, match="not what was approved"):
            resume_enforcement(order, actor=self.lea, reason="go")

    def test_the_database_lets_nothing_run_that_was_not_approved(self):
        order = self.request("limit")
        for fields in (
            {"state": "running", "approved_hash": order.content_hash},
            {"state": "running", "reviewed_by": self.lea},
        ):
            with self.subTest(fields), pytest.raises(IntegrityError), transaction.atomic():
                Enforcement.objects.filter(pk=order.pk).update(**fields)


class PausedDeliveryTests(GatewayCase):
    def test_nothing_new_is_sent_while_paused_and_the_rest_after(self):
        with self.gateway():
            order = approve_enforcement(self.request("limit"), actor=self.lea)
            pause_enforcement(order, actor=self.bo, reason="wait")
            assert deliver_due() == 0 and effects(self.file) == []
            resume_enforcement(order, actor=self.lea, reason="go on")
            deliver_due()
            self.one_effect_each()
        assert Enforcement.objects.get().state == "done"
