"""A calibration that counts moves members, is said where its bits stand, and is taken back."""

import numpy as np
from django.test import TestCase

from cases.grouping.rarity import ALONE_CAP, probability
from cases.models import Case, Member
from cases.services.calibrate import (
    activate_calibration,
    fit_calibrations,
    fit_families,
    state_priors,
)
from cases.services.group import group_new_signals
from cases.services.labels import scored_labels
from ingest.services.withdraw import apply_withdrawal, propose_withdrawal
from tests.base import make_case, make_detector, make_user
from tests.cases.test_calibrate import make_reviewed
from tests.cases.test_group_service import flag, make_accounts, make_campaign, make_census, share


class CalibratedGroupingTest(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.ana, cls.lea = make_user("ana", "analyst"), make_user("lea", "lead")
        make_census()
        cls.campaign = make_campaign()
        flag(cls.campaign, "volume")  # at a score of 0.9
        other = make_case(99, accounts=1, status="decided", verdict="confirmed")
        make_reviewed(other, make_detector(), "in", [0.99] * 60, "bad")
        make_reviewed(other, make_detector(), "out", [0.9] * 60, "good")
        group_new_signals()

    def activate(self):
        (row,) = fit_calibrations(actor=self.ana, families=["volume"])
        activate_calibration(row, actor=self.lea, reason="enough")
        return group_new_signals()

    def member(self):
        return Member.objects.exclude(case__number=99).get(account=self.campaign[0])

    def volume(self):
        return next(entry for entry in self.member().evidence if entry["family"] == "volume")

    def test_what_was_found_innocent_at_such_a_score_weighs_against_a_member(self):
        self.assertEqual(self.volume()["bits"], ALONE_CAP)
        before = self.member().probability
        self.activate()
        self.assertEqual(self.volume()["bits"], -ALONE_CAP)
        self.assertIn("commoner among reviewed accounts that are innocent", self.volume()["why"])
        after = self.member()
        self.assertLess(after.probability, before)
        total = sum(entry["bits"] for entry in after.evidence)
        self.assertAlmostEqual(after.probability, float(probability(total)), places=4)

    def test_the_case_says_what_its_bits_rest_on(self):
        case = Case.objects.exclude(number=99).get()
        self.client.force_login(self.ana)
        self.assertEqual(case.explanation["calibrated"], [])
        self.assertContains(self.client.get(f"/cases/{case.ref}/"), "Cold start: too few accounts")
        self.activate()
        case.refresh_from_db()
        self.assertEqual(case.explanation["calibrated"], ["volume"])
        response = self.client.get(f"/cases/{case.ref}/")
        self.assertContains(response, "What scores of volume are worth was fitted to accounts")

    def test_news_and_a_run_from_scratch_agree_under_a_calibration(self):
        self.activate()
        late = make_accounts("late", 2)
        share(late, "device", "d-1", others=3)
        flag([*late, self.campaign[3]], "volume")
        self.assertFalse(group_new_signals().whole)
        self.assertEqual(group_new_signals(full=True).report["difference"], {})

    def test_back_at_the_stated_priors_the_members_are_as_before(self):
        before = self.member().probability
        self.activate()
        back = state_priors("volume", actor=self.lea)
        activate_calibration(back, actor=self.lea, reason="doubts")
        self.assertTrue(group_new_signals().whole)
        self.assertAlmostEqual(self.member().probability, before)

    def test_a_withdrawn_release_teaches_nothing_and_has_no_record(self):
        detector = make_detector()
        self.assertEqual(len(scored_labels(detector.pk)), 120)
        row = propose_withdrawal(actor=self.lea, detector=detector, version="", reason="a bug")
        apply_withdrawal(row, actor=self.lea)
        self.assertEqual(scored_labels(detector.pk), [])
        self.assertEqual(fit_families(["volume"]), [])

    def test_the_curve_is_finite_where_the_classes_part(self):
        (fitted,) = fit_families(["volume"])
        bits = fitted.fit.curve.bits(np.array([0.0, 0.9, 0.99, 1.0]))
        self.assertTrue(np.isfinite(bits).all())
