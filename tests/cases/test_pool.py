"""The pooled test of a case: asked for, done once by a worker, told and stored."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

from django.test import TestCase, override_settings

from cases.errors import CaseError
from cases.models import Member, PoolTest, TimelineEvent
from cases.services import pool
from ingest.detectors.mmd import Pooled
from ingest.detectors.pool import PoolAnswer
from ingest.models import Job, Signal
from ingest.services.pool import ask_log
from tests.base import DeskTestCase, make_case

FOUND = Pooled(0.0123, 0.0004, 9999, 5, 55, 300, 2900)


class PoolServiceTest(DeskTestCase):
    def setUp(self):
        self.case = make_case(7, accounts=6)

    def ask(self):
        return pool.request_pool_test(self.case, actor=self.ana)

    def run_with(self, answer):
        with mock.patch("cases.services.pool.ask_log", return_value=answer) as asked:
            self.assertTrue(pool.run_waiting())
        return asked

    def test_the_answer_is_told_to_the_case_and_stored_for_each_account_once(self):
        test = self.ask()
        asked = self.run_with(PoolAnswer(FOUND, embedding="n-grams", wordings=2))
        names = {f"acct-7-{n}" for n in range(6)}
        self.assertEqual(set(asked.call_args.args[0]), names)
        self.assertLessEqual(names, set(asked.call_args.kwargs["others"]))
        test.refresh_from_db()
        self.assertEqual((test.p, test.accounts, test.prompts), (0.0004, 5, 55))
        self.assertEqual(test.job.state, Job.State.DONE)
        signals = Signal.objects.filter(detector__slug=pool.SLUG)
        self.assertEqual(signals.count(), 6)
        self.assertEqual(set(signals.values_list("group_key", flat=True)), {f"pool-{test.pk}"})
        kinds = list(self.case.events.order_by("seq").values_list("kind", flat=True))[-2:]
        self.assertEqual(kinds, ["pool_test_requested", "pool_tested"])
        self.assertFalse(pool.run_waiting(), "done once")

    def test_its_signals_raise_nobody_s_membership(self):
        self.ask()
        self.run_with(PoolAnswer(FOUND))
        for signal in Signal.objects.filter(detector__slug=pool.SLUG):
            self.assertIsNone(signal.p_value, "without one it is worth nothing until calibrated")
            self.assertLessEqual(signal.score, pool.HIGHEST_SCORE)
            self.assertEqual(signal.evidence["p"], 0.0004)

    def test_possible_members_and_those_judged_out_are_not_pooled(self):
        first, second = self.case.members.order_by("pk")[:2]
        Member.objects.filter(pk=first.pk).update(verdict="out")
        self.assertEqual(pool.pooled_members(self.case).count(), 5)
        Member.objects.filter(pk=second.pk).update(tier="possible", probability=0.6)
        with self.assertRaisesMessage(CaseError, "too few to pool"):
            self.ask()

    def test_not_tested_is_an_answer_and_no_signal(self):
        test = self.ask()
        self.run_with(PoolAnswer(None, "the log does not record prompts"))
        test.refresh_from_db()
        self.assertEqual(test.not_tested, "the log does not record prompts")
        self.assertTrue(test.is_told)
        self.assertFalse(Signal.objects.filter(detector__slug=pool.SLUG).exists())
        event = self.case.events.order_by("-seq").first()
        self.assertEqual(event.kind, TimelineEvent.Kind.POOL_TESTED)

    def test_a_second_one_is_refused_while_the_first_is_at_work(self):
        self.ask()
        with self.assertRaisesMessage(CaseError, "at work already"):
            self.ask()
        self.run_with(PoolAnswer(FOUND))
        self.ask()

    def test_a_stopped_test_is_not_done_and_can_be_asked_for_anew(self):
        test = self.ask()
        pool.cancel_pool_test(test, actor=self.ana)
        self.assertFalse(pool.run_waiting())
        with self.assertRaisesMessage(CaseError, "over already"):
            pool.cancel_pool_test(test, actor=self.ana)
        self.ask()

    def test_a_test_that_was_stopped_while_it_was_read_stores_nothing(self):
        test = self.ask()

        def stopped(*args, **kwargs):
            Job.objects.filter(pk=test.job_id).update(cancel_asked_at=datetime.now(UTC))
            return PoolAnswer(FOUND)

        with mock.patch("cases.services.pool.ask_log", side_effect=stopped):
            pool.run_waiting()
        test.refresh_from_db()
        self.assertEqual((test.job.state, test.p), (Job.State.STOPPED, None))
        self.assertFalse(Signal.objects.filter(detector__slug=pool.SLUG).exists())

    def test_a_broken_run_says_so(self):
        test = self.ask()
        with (
            mock.patch("cases.services.pool.ask_log", side_effect=RuntimeError("disk")),
            self.assertRaises(RuntimeError),
        ):
            pool.run_waiting()
        test.job.refresh_from_db()
        self.assertEqual((test.job.state, test.job.error), ("failed", "RuntimeError: disk"))

    def test_discoveries_are_counted_over_the_newest_test_of_every_case(self):
        for number, ps in ((7, (0.9, 0.01)), (8, (0.02,)), (9, (0.5,)), (10, (0.8,))):
            case = self.case if number == 7 else make_case(number, accounts=1)
            for p in ps:
                job = Job.objects.create(kind=pool.KIND, state="done")
                PoolTest.objects.create(case=case, job=job, requested_by=self.ana, p=p)
        newest = self.case.pool_tests.order_by("-pk").first()
        with self.assertNumQueries(1):
            q, tests = pool.discovery_rate(newest)
        self.assertEqual((round(q, 6), tests), (0.04, 4))


class AskLogTest(TestCase):
    nobody = {"since": None, "until": None, "wordings": (), "others": (), "tell": lambda s: None}

    def test_without_a_log_it_is_not_tested(self):
        self.assertIn("set DETECT_LOGS", ask_log(["a"], **self.nobody).why_not)

    def test_a_log_that_is_gone_or_locked_is_not_tested_and_says_why(self):
        with override_settings(DETECT_LOGS="/nowhere/at/all.parquet"):
            self.assertTrue(ask_log(["a"], **self.nobody).why_not)
        with override_settings(DETECT_LOGS="requests", DETECT_LOCKED=True):
            self.assertIn("may not leave", ask_log(["a"], **self.nobody).why_not)

    def test_an_encoder_that_is_not_installed_is_said_and_nothing_is_tested_by_another(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "log.jsonl")
            ask = '{"at": "2026-11-20T10:00:00Z", "account_id": "%s", "prompt": "%s"}\n'
            path.write_text(
                "".join(
                    ask % (f"u{n % 30}", f"Tell me a little more about the matter of number {n}.")
                    for n in range(3000)
                )
            )
            accounts = [f"u{n}" for n in range(6)]
            with (
                override_settings(DETECT_LOGS=str(path), DETECT_ENCODER=True),
                mock.patch("importlib.util.find_spec", return_value=None),
            ):
                told = ask_log(accounts, **self.nobody)
        self.assertIn("requirements-encoder.txt", told.why_not)
        self.assertIsNone(told.found)

    def test_a_log_without_prompts_is_not_tested(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "log.jsonl")
            path.write_text('{"at": "2026-11-20T10:00:00Z", "account_id": "a"}\n')
            with override_settings(DETECT_LOGS=str(path)):
                told = ask_log(["a"], **self.nobody)
        self.assertEqual(told.why_not, "the log does not record prompts")
