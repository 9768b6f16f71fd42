"""From verdicts on single accounts to a calibration that counts: who is a label, and from when."""

from io import StringIO

import numpy as np
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import TestCase
from django.test.utils import CaptureQueriesContext

from cases.calibration import FEWEST
from cases.errors import CaseError, NotAllowed
from cases.models import Activation, Calibration, Case, Constraint, GroupingRun, Member, Reshaping
from cases.services.calibrate import (
    activate_calibration,
    fit_calibrations,
    fit_families,
    in_force,
    state_priors,
)
from cases.services.group import group_new_signals
from cases.services.group_read import Tables, read_facts
from cases.services.judge import judge_members, undo_judgement
from cases.services.labels import Label, reviewed_labels
from cases.services.split import split_case
from ingest.models import Account, Batch, Signal
from tests.base import NOON, make_account, make_case, make_detector, make_user


def make_reviewed(case, detector, word, scores, name):
    """Accounts of the case, each judged by itself, and one signal of the detector about each."""
    batch = Batch.objects.create(detector=detector, door=Batch.Door.API)
    for i, score in enumerate(scores):
        account = make_account(f"{name}-{i}")
        Signal.objects.create(
            detector=detector, ref=f"{name}-{i}", account=account, batch=batch,
            body_digest="0" * 64, window_start=NOON, window_end=NOON, score=score, summary="odd",
        )  # fmt: skip
        Member.objects.create(
            case=case, account=account, probability=0.8, tier="likely", method="test",
            verdict=word, verdict_alone=True,
        )  # fmt: skip


class LabelTest(TestCase):
    def setUp(self):
        self.ana = make_user("ana", "analyst")
        self.case = make_case(accounts=4)
        self.members = list(self.case.members.order_by("pk"))

    def judge(self, verdict, *members, case=None):
        return judge_members(
            case or self.case, actor=self.ana, members=[m.pk for m in members], verdict=verdict
        )

    def confirm(self, verdict=Case.Verdict.CONFIRMED):
        Case.objects.update(verdict=verdict)

    def labels(self):
        return [reviewed_labels().get(member.account_id) for member in self.members]

    def test_only_a_word_on_one_account_is_a_label_never_a_selection(self):
        self.confirm()
        self.judge("in", *self.members[:3])
        self.assertEqual(self.labels(), [None] * 4)
        self.judge("in", self.members[0])  # the same word again, after a look at it
        self.judge("out", self.members[3])
        self.assertEqual(self.labels(), [Label.ABUSE, None, None, Label.INNOCENT])

    def test_a_selection_of_which_one_row_changes_is_still_a_selection(self):
        self.confirm()
        self.judge("in", *self.members[:3])
        self.assertEqual(self.judge("in", *self.members), 1)
        self.assertEqual(self.labels(), [None] * 4)

    def test_a_selection_does_not_undo_a_review_that_says_the_same(self):
        self.confirm()
        self.judge("in", self.members[0])
        self.judge("in", *self.members)
        self.assertEqual(self.labels(), [Label.ABUSE, None, None, None])
        self.judge("out", *self.members)
        self.assertEqual(self.labels(), [None] * 4)

    def test_a_verdict_of_the_case_alone_makes_no_label(self):
        self.confirm()
        self.assertEqual(self.labels(), [None] * 4)

    def test_in_counts_as_what_its_case_was_found_to_be(self):
        self.judge("in", self.members[0])
        self.judge("unsure", self.members[1])
        for verdict, label in (
            ("undecided", None), ("inconclusive", None), ("confirmed", Label.ABUSE),
            ("benign", Label.INNOCENT), ("other_abuse", Label.OTHER),
        ):  # fmt: skip
            self.confirm(verdict)
            self.assertEqual(self.labels(), [label, None, None, None], verdict)

    def test_whoever_belongs_to_a_campaign_anywhere_is_no_false_positive(self):
        second = make_case(2, accounts=1)
        account = self.members[0].account
        there = Member.objects.create(
            case=second, account=account, probability=0.9, tier="likely", method="test"
        )
        self.judge("out", self.members[0])
        self.judge("in", there, case=second)
        self.assertEqual(reviewed_labels()[account.pk], Label.INNOCENT)
        self.confirm()
        self.assertEqual(reviewed_labels()[account.pk], Label.ABUSE)

    def test_a_word_taken_back_or_undone_is_a_label_no_more(self):
        self.confirm()
        self.judge("in", self.members[0])
        self.judge("out", self.members[0])
        undo_judgement(Reshaping.objects.latest("pk"), actor=self.ana)
        self.assertEqual(self.labels()[0], Label.ABUSE)
        self.judge("out", *self.members)
        undo_judgement(Reshaping.objects.latest("pk"), actor=self.ana)
        self.assertEqual(self.labels(), [Label.ABUSE, None, None, None])
        self.judge("", self.members[0])
        self.assertEqual(self.labels(), [None] * 4)

    def test_a_review_goes_along_when_its_case_is_split(self):
        self.judge("in", self.members[0])
        lead = make_user("lea", "lead")
        moved = [m.pk for m in self.members[:2]]
        part = split_case(self.case, actor=lead, members=moved, reason="two stories")
        here = Member.objects.current().get(case=part, account=self.members[0].account)
        self.assertTrue(here.verdict_alone)
        self.members[0].refresh_from_db()
        self.assertFalse(self.members[0].verdict_alone)
        self.assertTrue(Constraint.objects.exists())


class CalibrateTest(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.ana, cls.lea = make_user("ana", "analyst"), make_user("lea", "lead")
        cls.case = make_case(accounts=1, verdict="confirmed")
        cls.volume = make_detector()
        rng = np.random.default_rng(5)
        high, low = rng.uniform(0.4, 1, FEWEST + 10), rng.uniform(0, 0.6, FEWEST + 5)
        make_reviewed(cls.case, cls.volume, "in", high.round(3).tolist(), "bad")
        make_reviewed(cls.case, cls.volume, "out", low.round(3).tolist(), "good")

    def made(self):
        (one,) = fit_calibrations(actor=self.ana)
        return one

    def test_a_family_is_fitted_to_its_best_score_of_each_account(self):
        other = make_detector("volume-eu", "volume")
        batch = Batch.objects.create(detector=other, door=Batch.Door.API)
        bad = Account.objects.get(external_id="bad-0")
        Signal.objects.create(
            detector=other, ref="again", account=bad, batch=batch, body_digest="0" * 64,
            window_start=NOON, window_end=NOON, score=1.0, summary="odd", group_key="g",
        )  # fmt: skip
        with CaptureQueriesContext(connection) as queries:
            (fitted,) = fit_families()
        self.assertEqual((fitted.fit.abusive, fitted.fit.innocent), (FEWEST + 10, FEWEST + 5))
        self.assertLess(len(queries), 5)  # one for each source of labels and two more
        self.assertIn(fitted.fit.method, ("platt", "isotonic"))

    def test_other_abuse_is_in_neither_class(self):
        resale = make_case(2, accounts=1, verdict="other_abuse")
        make_reviewed(resale, self.volume, "in", [0.9, 0.8], "resale")
        row = self.made()
        self.assertEqual((row.abusive, row.innocent, row.other_abuse), (60, 55, 2))
        self.assertAlmostEqual(row.base_rate, 60 / 115)

    def test_a_mark_is_never_calibrated(self):
        mark = make_detector("mark", "watermark")
        make_reviewed(self.case, mark, "in", [0.9] * 3, "mark")
        self.assertEqual([fitted.family for fitted in fit_families()], ["volume"])

    def test_a_version_is_stored_when_something_changed_and_only_then(self):
        self.assertEqual(self.made().version, 1)
        self.assertEqual(fit_calibrations(actor=self.ana), [])
        Member.objects.filter(account__external_id="bad-1").update(verdict="out")
        second = self.made()
        self.assertEqual((second.version, second.abusive), (2, FEWEST + 9))

    def test_a_version_and_an_activation_are_never_changed(self):
        row = self.made()
        activate_calibration(row, actor=self.lea, reason="120 accounts reviewed")
        for rows in (Calibration.objects.all(), Activation.objects.all()):
            with self.assertRaises(IntegrityError), transaction.atomic():
                rows.update(**{rows.model._meta.fields[-1].attname: None})
            with self.assertRaises(IntegrityError), transaction.atomic():
                rows._raw_delete(using="default")

    def test_a_fit_counts_only_once_it_is_activated_by_a_lead_who_says_why(self):
        row = self.made()
        self.assertEqual(in_force().curves, {})
        with self.assertRaisesMessage(NotAllowed, "A lead or an administrator activates"):
            activate_calibration(row, actor=self.ana, reason="mine")
        with self.assertRaisesMessage(CaseError, "Say why"):
            activate_calibration(row, actor=self.lea, reason=" ")
        activate_calibration(row, actor=self.lea, reason="enough were reviewed")
        with self.assertRaisesMessage(CaseError, "volume v1 counts already"):
            activate_calibration(row, actor=self.lea, reason="again")
        self.assertEqual(set(in_force().curves), {"volume"})
        self.assertEqual(in_force().activation.activated_by, self.lea)

    def test_the_stated_priors_can_be_gone_back_to(self):
        with self.assertRaisesMessage(CaseError, "counts by the stated priors already"):
            activate_calibration(
                state_priors("volume", actor=self.lea), actor=self.lea, reason="why not"
            )
        activate_calibration(self.made(), actor=self.lea, reason="enough")
        back = state_priors("volume", actor=self.lea)
        preview = in_force().with_calibration(back)
        self.assertEqual((set(in_force().curves), preview.curves), ({"volume"}, {}))
        activate_calibration(back, actor=self.lea, reason="a bad release was reviewed")
        self.assertEqual(in_force().curves, {})
        self.assertEqual(self.made().version, 4)

    def test_too_few_make_a_version_that_says_so_and_counts_for_nothing(self):
        Member.objects.filter(verdict="out").exclude(account__external_id__endswith="1").delete()
        row = self.made()
        self.assertEqual((row.method, row.brier, row.parameters), ("prior", None, {}))

    def test_grouping_reads_what_counts_whole_or_in_part_alike(self):
        row = self.made()
        plain = read_facts(in_force().curves)
        self.assertTrue(np.isnan(plain.signal_bits).all())
        activate_calibration(row, actor=self.lea, reason="enough")
        curves = in_force().curves
        facts = read_facts(curves)
        self.assertFalse(np.isnan(facts.signal_bits).any())
        best = Signal.objects.get(ref="bad-0")
        place = np.flatnonzero(facts.account[facts.signal_account] == best.account_id)
        (expected,) = curves["volume"].bits(np.array([best.score]))
        self.assertAlmostEqual(facts.signal_bits[place][0], expected)
        with transaction.atomic():
            part = Tables(curves).signals(np.array([best.account_id]))
            self.assertAlmostEqual(part[4][0], expected)
            self.assertEqual(len(Tables(curves).observers(np.zeros(0, dtype=np.int64))), 5)

    def test_a_new_calibration_is_a_new_epoch_and_groups_everything(self):
        row = self.made()
        self.assertTrue(group_new_signals().whole)
        self.assertIsNone(group_new_signals())
        activation = activate_calibration(row, actor=self.lea, reason="enough")
        run = group_new_signals()
        self.assertTrue(run.whole)
        self.assertEqual(run.activation, activation)
        self.assertNotIn("difference", run.report)
        self.assertIsNone(group_new_signals())
        self.assertEqual(GroupingRun.objects.count(), 2)

    def call(self, *arguments):
        out = StringIO()
        call_command("calibrate", *arguments, stdout=out)
        return out.getvalue()

    def test_the_command_fits_shows_and_activates(self):
        said = self.call("--dry-run")
        self.assertIn("60 abusive and 55 innocent accounts reviewed", said)
        self.assertIn("base rate: Brier", said)
        self.assertFalse(Calibration.objects.exists())
        self.assertIn("volume v1", self.call())
        self.assertIn("No verdict or score changed", self.call("volume"))
        said = self.call("volume", "--activate", "1", "--actor", "lea", "--reason", "enough")
        self.assertIn("counts from the next grouping run on", said)
        said = self.call("volume", "--stated-priors", "--actor", "lea", "--reason", "doubts")
        self.assertIn("volume v2 (stated priors)", said)

    def test_the_command_refuses_in_words(self):
        for arguments, words in (
            (["volumes"], "No family volumes: choose of volume"),
            (["volume", "--activate", "7", "--actor", "lea"], "volume has no version 7"),
            (["--activate", "1", "--actor", "lea"], "Name the one family"),
            (["volume", "--activate", "1"], "--actor: say who"),
            (["--actor", "nobody"], "nobody active is called nobody"),
            (["volume", "--dry-run", "--stated-priors"], "go one at a time"),
            (["volume", "--stated-priors", "--actor", "ana", "--reason", "x"], "A lead or an"),
        ):
            with self.assertRaisesMessage(CommandError, words):
                self.call(*arguments)
        self.assertFalse(Activation.objects.exists())
        self.assertFalse(Calibration.objects.exists())
