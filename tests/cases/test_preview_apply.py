"""A preview is applied once, by a person who says why, and not when the facts moved on; and its
worker may die."""

from unittest import mock

from django.test import TestCase
from django.utils import timezone

from cases.errors import CaseError, NotAllowed
from cases.models import Calibration, Case, GroupingTerms, Member, RegroupPreview
from cases.services import preview as engine
from cases.services.decide import record_decision
from cases.services.group import group_new_signals
from cases.services.judge import judge_members
from cases.services.preview_apply import apply_preview
from cases.services.terms import current_prior
from cases.services.triage import claim
from ingest.models import Job
from ingest.services import jobs
from tests.base import make_user
from tests.cases.previews import applied, computed, entry, foretold, stored, withdrawal
from tests.cases.test_group_service import flag, make_accounts, make_campaign, make_census


class ApplyTest(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.lea = make_user("lea", "lead")
        make_census()
        cls.who = make_campaign()
        group_new_signals()
        cls.case = Case.objects.get()

    def refused(self, preview, reason):
        with self.assertRaisesMessage(CaseError, reason):
            applied(self.lea, preview)
        preview.refresh_from_db()
        self.assertIsNone(preview.applied_at)

    def test_applied_twice_is_applied_once(self):
        preview = computed(self.lea, "threshold", prior=1e-6)
        first = applied(self.lea, preview)
        again = applied(make_user("bo", "lead"), preview)
        self.assertEqual((again.applied_by, again.applied_at), (self.lea, first.applied_at))
        self.assertEqual(GroupingTerms.objects.count(), 1)

    def test_nothing_is_applied_without_a_reason(self):
        preview = computed(self.lea, "threshold", prior=1e-6)
        for rationale in ("", "  \n", "\0", "x" * 2001):
            with self.subTest(rationale[:5]), self.assertRaises(CaseError):
                apply_preview(preview, actor=self.lea, rationale=rationale)
        self.assertFalse(GroupingTerms.objects.exists())

    def test_what_is_not_computed_is_not_applied(self):
        preview = engine.request_preview(actor=self.lea, kind="threshold", prior=1e-6)
        self.refused(preview, "not computed")

    def test_it_is_stale_once_grouping_has_moved_accounts(self):
        preview = computed(self.lea, "threshold", prior=1e-6)
        make_campaign("other", 12)
        group_new_signals()
        self.refused(preview, "grouping moved accounts in 1 run")

    def test_signals_that_move_nobody_leave_it_good(self):
        preview = computed(self.lea, "threshold", prior=1e-6)
        flag(make_accounts("lone", 2))
        group_new_signals()
        applied(self.lea, preview)
        self.assertEqual(current_prior(), 1e-6)

    def test_it_is_stale_once_a_person_has_judged_members(self):
        preview = computed(self.lea, "threshold", prior=1e-6)
        claim(self.case, actor=self.lea)
        judge_members(
            self.case, actor=self.lea, members=[self.case.members.first().pk], verdict="out"
        )
        self.refused(preview, "people judged")

    def test_it_is_stale_once_a_case_in_it_is_decided_on(self):
        preview = computed(self.lea, "threshold", prior=1e-9)
        claim(self.case, actor=self.lea)
        record_decision(self.case, actor=self.lea, outcome="benign", rationale="a class")
        self.refused(preview, "a case in it was decided on")

    def test_it_is_stale_after_another_application_and_after_a_census(self):
        preview = computed(self.lea, "threshold", prior=1e-6)
        release = computed(self.lea, "withdraw", withdrawal=withdrawal(self.lea))
        listed = computed(self.lea, "allow", entry=entry(self.lea))
        applied(self.lea, release)
        self.refused(preview, "a release was withdrawn or restored")
        self.refused(listed, "a release was withdrawn or restored")
        preview = computed(self.lea, "threshold", prior=1e-6)
        make_census()
        self.refused(preview, "a new census was taken")

    def test_a_calibration_is_applied_by_a_lead_alone(self):
        flag(self.who, "volume")
        group_new_signals()
        row = Calibration.objects.create(
            family="volume", version=1, method="platt", abusive=9, innocent=9, brier=0.1, ece=0.1,
            parameters={"slope": 1.0, "intercept": -20.0, "base": 0.0, "most": 3.3},
        )  # fmt: skip
        preview = computed(self.lea, "calibration", calibration=row)
        ana = make_user("ana", "analyst")
        with self.assertRaises(NotAllowed):
            applied(ana, preview)
        expected = foretold(preview, stored())
        self.assertGreater(preview.summary["shifted"], 0, "the fit must matter here")
        applied(self.lea, preview)
        self.assertTrue(group_new_signals().whole)
        self.assertEqual(stored(), expected)
        with self.assertRaisesMessage(CaseError, "counts already"):
            engine.request_preview(actor=self.lea, kind="calibration", calibration=row)

    def test_what_makes_no_sense_is_refused_at_once(self):
        release, row = withdrawal(self.lea), entry(self.lea)
        for change, reason in (
            ({"kind": "threshold", "prior": float("nan")}, "from 1e-09 to 0.5"),
            ({"kind": "threshold", "prior": 0.6}, "from 1e-09 to 0.5"),
            ({"kind": "threshold", "prior": current_prior()}, "holds already"),
            ({"kind": "lift", "withdrawal": release}, "not withdrawn"),
            ({"kind": "end", "entry": row}, "does not stand"),
        ):
            with self.subTest(change), self.assertRaisesMessage(CaseError, reason):
                engine.request_preview(actor=self.lea, **change)
        self.assertFalse(RegroupPreview.objects.exists())


class WorkerTest(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.lea = make_user("lea", "lead")
        make_census()
        make_campaign()
        group_new_signals()

    def setUp(self):
        self.preview = engine.request_preview(actor=self.lea, kind="threshold", prior=1e-6)
        self.job = self.preview.job

    def test_a_preview_that_was_stopped_before_a_worker_came_is_not_computed(self):
        engine.cancel_preview(self.preview, actor=self.lea)
        self.assertFalse(engine.run_waiting())
        with self.assertRaisesMessage(CaseError, "over already"):
            engine.cancel_preview(self.preview, actor=self.lea)

    def test_a_preview_is_stopped_between_its_steps(self):
        real = engine.group

        def stopped_meanwhile(*args, **kwargs):
            engine.cancel_preview(self.preview, actor=self.lea)
            return real(*args, **kwargs)

        with mock.patch.object(engine, "group", stopped_meanwhile):
            engine.run_waiting()
        self.job.refresh_from_db()
        self.assertEqual(self.job.state, "stopped")
        self.assertFalse(self.preview.cases.exists())

    def test_a_dead_workers_preview_is_computed_by_the_next(self):
        long_ago = timezone.now() - 2 * jobs.SILENT
        Job.objects.filter(pk=self.job.pk).update(state="running", beat_at=long_ago)
        engine.run_waiting()
        self.job.refresh_from_db()
        self.assertEqual(self.job.state, "done")

    def test_a_preview_on_which_workers_die_again_and_again_is_given_up(self):
        self.preview.stalls = jobs.GIVEN_UP - 1
        self.preview.save(update_fields=["stalls"])
        long_ago = timezone.now() - 2 * jobs.SILENT
        Job.objects.filter(pk=self.job.pk).update(state="running", beat_at=long_ago)
        engine.run_waiting()
        self.job.refresh_from_db()
        self.assertEqual(self.job.state, "failed")
        self.assertIn("Given up", self.job.error)

    def test_it_waits_while_grouping_is_at_work(self):
        with mock.patch.object(engine, "hold_grouping", side_effect=CaseError("at work")):
            self.assertTrue(engine.run_waiting())
        self.job.refresh_from_db()
        self.assertEqual(self.job.state, "waiting")

    def test_a_bug_ends_it_with_its_name(self):
        broken = mock.patch.object(engine, "group", side_effect=ZeroDivisionError("by zero"))
        with broken, self.assertRaises(ZeroDivisionError):
            engine.run_waiting()
        self.job.refresh_from_db()
        self.assertEqual((self.job.state, self.job.error), ("failed", "ZeroDivisionError: by zero"))

    def test_new_signals_are_grouped_before_it_looks(self):
        other = make_campaign("other", 12)
        engine.run_waiting()
        self.preview.refresh_from_db()
        self.assertTrue(Member.objects.current().filter(account=other[0]).exists())
        self.assertEqual(self.preview.basis["waiting"], 0)
        self.assertEqual(self.preview.summary["cases"]["opens"], 0)
