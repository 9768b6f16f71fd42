"""Keys and tests of suspects as rows: sealed, settled beforehand, resumable, stoppable."""

import json
from datetime import timedelta
from unittest import mock

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import TestCase
from django.utils import timezone

from ingest.models import Job, SuspectResult, SuspectTest, WatermarkKey
from ingest.services import jobs, suspect_run, suspect_sample
from ingest.services.suspects import cancel_test, request_outputs_test
from ingest.services.watermark import (
    WatermarkError,
    key_by_ref,
    make_key,
    open_key,
    processor_for,
    retire_key,
)
from ingest.watermark.lines import Line, read_lines
from ingest.watermark.tokenizers import words
from tests.base import make_account, make_user
from tests.ingest.suspects import GREEN, as_lines, make_test_key, run, spoken


def ask(texts, **fields) -> SuspectTest:
    fields = {"actor": None, "name": "heron-8b"} | fields
    test = request_outputs_test(outputs=as_lines(texts), **fields)
    SuspectTest.objects.filter(pk=test.pk).update(control_keys=200, seed=7)
    return test


class KeyTest(TestCase):
    def test_a_key_is_sealed_and_opens_to_its_scheme(self):
        key = make_test_key()
        scheme, secret = open_key(key)
        self.assertEqual((scheme.name, len(secret)), ("green-list", 32))
        self.assertNotIn(secret, bytes(key.sealed_secret))
        self.assertNotEqual(secret, open_key(make_test_key())[1])
        key.refresh_from_db()
        self.assertEqual(open_key(key)[1], secret)

    def test_a_row_that_was_changed_behind_our_back_no_longer_opens(self):
        key, other = make_test_key(), make_test_key()
        for change in (
            {"parameters": GREEN | {"gamma": 0.5}},
            {"tokenizer": "file:other"},
            {"scheme": "gumbel"},
            {"sealed_secret": other.sealed_secret},
        ):
            with self.subTest(change=list(change)), transaction.atomic():
                WatermarkKey.objects.filter(pk=key.pk).update(**change)
                with self.assertRaisesRegex(WatermarkError, "cannot be opened"):
                    open_key(WatermarkKey.objects.get(pk=key.pk))
                transaction.set_rollback(True)

    def test_bad_input_is_refused_with_what_to_mend(self):
        make_account("acct-1")
        good = {"actor": None, "issued_for": "x", "scheme": "gumbel", "parameters": {}}
        for change, said in (
            ({"issued_for": " "}, "whom the key is issued for"),
            ({"scheme": "secret"}, "use one of"),
            ({"parameters": {"width": 99}}, "width is 99"),
            ({"tokenizer_name": "gpt"}, "tokenizer 'gpt' is not known"),
            ({"accounts": ["acct-1", "acct-2"]}, "Not known: acct-2"),
            ({"accounts": ["a\0b"]}, "null byte"),
        ):
            with self.subTest(said), self.assertRaisesRegex(WatermarkError, said):
                make_key(**(good | change))
        self.assertFalse(WatermarkKey.objects.exists())

    def test_a_retired_key_marks_nothing_more_and_retires_once(self):
        key, lea = make_test_key(), make_user("lea")
        processor_for(key.ref)
        retire_key(key, actor=lea)
        with self.assertRaisesRegex(WatermarkError, "retired"):
            processor_for(key.ref)
        with self.assertRaisesRegex(WatermarkError, "retired already"):
            retire_key(key, actor=lea)
        for ref in ("K-0", "K-x", "12; drop", "K-" + "9" * 30, "K-١"):
            with self.assertRaises(WatermarkError):
                key_by_ref(ref)


class SuspectTestTest(TestCase):
    def test_the_key_that_was_learnt_is_found_and_no_other(self):
        learnt, *others = [make_test_key(f"campaign {i}") for i in range(4)]
        gumbel = make_test_key(scheme="gumbel", parameters={"width": 2})
        test = run(ask(spoken(learnt)))
        self.assertEqual((test.job.state, test.is_sound), ("done", True))
        findings = dict(test.results.values_list("key", "finding"))
        self.assertEqual(findings[learnt.pk], "found")
        self.assertEqual({findings[k.pk] for k in [*others, gumbel]}, {"not_found"})
        result = test.results.get(key=learnt)
        self.assertLess(result.log10_corrected, -6)
        self.assertGreater(result.log10_corrected, result.log10_p)
        self.assertEqual(result.trace[-1][0], result.rows)
        self.assertGreaterEqual(result.windows, result.rows)
        self.assertEqual(test.controls.count(), 2)  # one a scheme
        for control in test.controls.all():
            self.assertEqual(len(control.ps), 200)

    def test_a_clean_model_is_not_flagged(self):
        for i in range(5):
            make_test_key(f"campaign {i}")
        test = run(ask(spoken(None)))
        self.assertEqual(set(test.results.values_list("finding", flat=True)), {"not_found"})
        strength = test.results.first().detectable
        self.assertTrue(0.26 < strength < 0.5, strength)

    def test_a_model_that_repeats_itself_is_scored_once_for_each_pair(self):
        make_test_key()
        few = spoken(None, outputs=3)
        test = run(ask(few * 40))
        result = test.results.get()
        self.assertEqual(result.windows, 40 * 3 * 58)
        self.assertLessEqual(result.rows, 3 * 58)
        self.assertTrue(test.is_sound)

    def test_without_de_duplication_the_control_would_say_so_and_nothing_is_concluded(self):
        make_test_key()
        with mock.patch("ingest.watermark.windows.unique_rows", lambda rows: rows):
            test = run(ask(spoken(None, outputs=3) * 40))
        self.assertFalse(test.is_sound)
        self.assertNotIn("found", test.results.values_list("finding", flat=True))

    def test_what_the_model_copied_from_its_prompt_is_not_held_against_it(self):
        key = make_test_key()
        marked = spoken(key)
        echoed = ({"text": text, "prompt": f"Repeat: {text}"} for text in marked)
        lines = list(read_lines(json.dumps(line).encode() for line in echoed))
        test = request_outputs_test(actor=None, name="parrot", outputs=lines)
        test = run(test)
        self.assertEqual(test.job.state, "failed")
        self.assertIn("no pair of context and token", test.job.error)

    def test_with_marked_text_only_its_contexts_are_scored(self):
        key, other = make_test_key(), make_test_key("another")
        marked = spoken(key, seed=3)
        texts = marked[:6] + spoken(None, outputs=60, seed=4)
        test = run(ask(texts, marked=as_lines(marked, key=key.ref)))
        own, unfiltered = test.results.get(key=key), test.results.get(key=other)
        self.assertTrue(own.filtered)
        self.assertFalse(unfiltered.filtered)
        self.assertLess(own.rows, unfiltered.rows / 5)
        self.assertEqual(own.finding, "found")
        plain = run(ask(texts)).results.get(key=key)
        self.assertLess(own.log10_p, plain.log10_p)
        self.assertEqual(sorted(test.controls.values_list("rows", flat=True)),
                         sorted([own.rows, unfiltered.rows]))  # fmt: skip

    def test_token_ids_are_tested_with_the_keys_of_their_tokenizer_alone(self):
        key = make_test_key()
        ids = [Line(i, None, words(t), None, None) for i, t in enumerate(spoken(key), 1)]
        with self.assertRaisesRegex(WatermarkError, "name the tokenizer"):
            request_outputs_test(actor=None, name="m", outputs=ids)
        test = request_outputs_test(actor=None, name="m", outputs=ids, tokenizer="words-v1")
        SuspectTest.objects.update(control_keys=50)
        foreign = make_test_key("foreign")
        SuspectResult.objects.create(test=test, key=foreign)
        WatermarkKey.objects.filter(pk=foreign.pk).update(tokenizer="file:none")
        test = run(test)
        self.assertEqual(test.results.get(key=key).finding, "found")
        told = test.results.get(key=foreign)
        self.assertEqual(told.finding, "untested")
        self.assertIn("cannot be opened", told.problem)  # its row was changed

    def test_what_cannot_be_asked_for_says_why(self):
        with self.assertRaisesRegex(WatermarkError, "no active key"):
            ask(["a b c d"])
        key = make_test_key()
        for change, said in (
            ({"name": " "}, "Name the model"),
            ({"marked": as_lines(["x"], key="K-999")}, "line 1: K-999 is not among"),
            ({"keys": []}, "no active key"),
        ):
            with self.subTest(said), self.assertRaisesRegex(WatermarkError, said):
                ask(["a b c d"], **change)
        with self.assertRaisesRegex(WatermarkError, "There is no output"):
            ask([])
        retire_key(key, actor=None)
        with self.assertRaisesRegex(WatermarkError, "no active key"):
            ask(["a b c d"])
        self.assertEqual(ask(["a b c d"], with_retired=True).results.get().key, key)
        self.assertFalse(Job.objects.exclude(suspect_test__isnull=False).exists())

    def test_a_short_text_is_untested_not_innocent(self):
        make_test_key()
        test = run(ask(["one two"]))
        self.assertEqual((test.job.state, test.is_sound), ("failed", None))
        self.assertIn("too short", test.job.error)


class ResumeTest(TestCase):
    def test_keys_are_settled_before_and_a_later_one_is_not_slipped_in(self):
        first = make_test_key()
        test = ask(spoken(None))
        make_test_key("later")
        test = run(test)
        self.assertEqual([r.key for r in test.results.all()], [first])

    def test_a_slice_ends_and_the_next_goes_on_to_the_same_result(self):
        keys = [make_test_key(f"c{i}") for i in range(3)]
        texts = spoken(keys[0])
        whole = run(ask(texts, keys=keys))
        with mock.patch.object(suspect_run, "SLICE", 0.0):  # reading alone takes longer
            sliced = ask(texts, keys=keys)
            suspect_run.run_waiting()
            job = Job.objects.get(pk=sliced.job_id)
            self.assertEqual(job.state, "waiting")
            sliced = run(sliced, slices=500)
        self.assertEqual(sliced.job.state, "done")
        same = ("key", "log10_p", "log10_corrected", "finding", "trace", "rows")
        self.assertEqual(
            list(sliced.results.order_by("key").values(*same)),
            list(whole.results.order_by("key").values(*same)),
        )
        self.assertEqual(
            list(sliced.controls.values("name", "ps", "zs", "below")),
            list(whole.controls.values("name", "ps", "zs", "below")),
        )

    def test_what_a_dead_worker_left_is_taken_again_but_not_for_ever(self):
        make_test_key()
        test = ask(spoken(None))
        Job.objects.filter(pk=test.job_id).update(state="running", beat_at=timezone.now())
        self.assertFalse(suspect_run.run_waiting(), "its worker lives")
        long_ago = timezone.now() - 2 * jobs.SILENT
        for death in range(1, jobs.GIVEN_UP + 1):
            Job.objects.filter(pk=test.job_id).update(state="running", beat_at=long_ago)
            with mock.patch.object(suspect_run._Work, "go_on", side_effect=SystemExit):
                if death < jobs.GIVEN_UP:
                    with self.assertRaises(SystemExit):
                        suspect_run.run_waiting()
                else:
                    suspect_run.run_waiting()
        test = SuspectTest.objects.get(pk=test.pk)
        self.assertEqual(test.job.state, "failed")
        self.assertIn("5 workers died", test.job.error)

    def test_one_test_runs_at_a_time_and_the_others_wait(self):
        make_test_key()
        first, second = ask(spoken(None)), ask(spoken(None))
        Job.objects.filter(pk=first.job_id).update(state="running", beat_at=timezone.now())
        self.assertFalse(suspect_run.run_waiting())
        Job.objects.filter(pk=first.job_id).update(state="done")
        self.assertTrue(suspect_run.run_waiting())
        self.assertEqual(Job.objects.get(pk=second.job_id).state, "done")

    def test_a_worker_that_was_taken_for_dead_changes_nothing(self):
        make_test_key()
        test = ask(spoken(None))
        job, _ = jobs.take(Job.objects.all(), "suspect")
        slow = jobs.Hold(job)
        Job.objects.filter(pk=job.pk).update(beat_at=timezone.now() - 2 * jobs.SILENT)
        run(test)
        for move in (slow.beat, slow.finish, slow.release, lambda: slow.fail("x"), slow.stop):
            with self.assertRaises(jobs.Superseded):
                move()
        self.assertEqual(Job.objects.get(pk=job.pk).state, "done")

    def test_a_person_stops_it_waiting_or_running(self):
        ana, _ = make_user("ana"), make_test_key()
        waiting, running = ask(spoken(None)), ask(spoken(None))
        cancel_test(waiting, actor=ana)
        self.assertEqual(Job.objects.get(pk=waiting.job_id).state, "stopped")
        with self.assertRaisesRegex(WatermarkError, "over already"):
            cancel_test(waiting, actor=ana)

        def then_asked(work):
            cancel_test(running, actor=ana)
            work._tell("scoring keys", 1, at_once=True)

        with mock.patch.object(suspect_run._Work, "go_on", then_asked):
            suspect_run.run_waiting()
        running = SuspectTest.objects.get(pk=running.pk)
        self.assertEqual((running.job.state, running.tested_at), ("stopped", None))
        self.assertIsNotNone(running.job.finished_at)

    def test_a_fault_of_ours_is_written_down_and_raised(self):
        make_test_key()
        test = ask(spoken(None))
        with (
            mock.patch.object(suspect_run, "score", side_effect=MemoryError("12 GiB")),
            self.assertRaises(MemoryError),
        ):
            suspect_run.run_waiting()
        self.assertIn("MemoryError: 12 GiB", Job.objects.get(pk=test.job_id).error)

    def test_the_budget_is_held_by_the_database_too(self):
        make_test_key()
        test = ask(spoken(None))
        with self.assertRaises(IntegrityError), transaction.atomic():
            SuspectTest.objects.filter(pk=test.pk).update(requests_spent=1)
        connection.check_constraints()


@pytest.mark.parametrize(
    ("log10", "sound", "finding"),
    [(-3.1, True, "found"), (-3.0, True, "found"), (-2.9, True, "weak"), (-1.3, True, "not_found"),
     (-1.31, True, "weak"), (-300.0, False, "void"), (0.0, False, "not_found")],
)  # fmt: skip
def test_what_a_corrected_p_is_called(log10, sound, finding):
    assert suspect_run.finding_of(log10, sound) == finding


def test_a_worker_speaks_up_more_often_than_it_is_taken_for_dead():
    assert timedelta(seconds=suspect_sample.SECONDS + 5) < jobs.SILENT
