"""What a score is worth: fitted out of fold, bounded by how many accounts were reviewed."""

import numpy as np
from django.test import SimpleTestCase

from cases.calibration import FEWEST, ISOTONIC, PLATT, Curve, curve, fit, folds, measure
from cases.grouping.membership import Scorer
from cases.grouping.rarity import ALONE_CAP, CAPS, FAMILIES
from cases.grouping.tables import Facts
from cases.grouping.witnesses import witnesses
from cases.sampling import wilson


def drawn(p_of, size=2000, seed=1):
    """Scores, classes drawn by p_of(score), and names."""
    rng = np.random.default_rng(seed)
    x = np.round(rng.uniform(0.02, 0.98, size), 3)
    return x, rng.uniform(size=size) < p_of(x), [f"acct-{i}" for i in range(size)]


class FitTest(SimpleTestCase):
    def test_below_fifty_of_either_class_nothing_is_fitted(self):
        x, y = np.linspace(0.1, 0.9, 200), np.arange(200) < FEWEST - 1
        names = [str(i) for i in range(200)]
        for classes in (y, ~y):
            few = fit(x, classes, names)
            self.assertIsNone(few.curve)
            self.assertEqual((few.method, few.measured), ("prior", {}))
        y[FEWEST - 1] = True
        self.assertIsNotNone(fit(x, y, names).curve)

    def test_what_is_a_sigmoid_is_found_by_platt_and_what_is_a_step_by_isotonic(self):
        smooth = fit(*drawn(lambda x: 1 / (1 + ((1 - x) / x) ** 1.5 * 3)))
        self.assertEqual(smooth.method, PLATT)
        step = fit(*drawn(lambda x: np.where(x > 0.31, np.where(x > 0.36, 0.55, 0.97), 0.05)))
        self.assertEqual(step.method, ISOTONIC)
        best = min((PLATT, ISOTONIC), key=lambda name: step.measured[name].brier)
        self.assertEqual(step.method, best)

    def test_the_curve_finds_the_probabilities_that_were_planted(self):
        x, y, names = drawn(lambda x: 0.1 + 0.8 * x, size=20_000)
        found = fit(x, y, names)
        for score in (0.2, 0.5, 0.8):
            p = float(found.curve.probability(np.array([score]))[0])
            self.assertAlmostEqual(p, 0.1 + 0.8 * score, delta=0.06)
        self.assertLess(found.measured[found.method].ece, 0.03)
        self.assertLess(found.measured[found.method].brier, found.measured["base rate"].brier)

    def test_a_likelihood_ratio_does_not_depend_on_how_many_of_a_class_were_reviewed(self):
        x, y, _ = drawn(lambda x: x, size=40_000)
        every = curve(x, y, PLATT).bits(np.array([0.3, 0.7]))
        keep = ~y | (np.arange(len(y)) % 8 == 0)
        eighth = curve(x[keep], y[keep], PLATT).bits(np.array([0.3, 0.7]))
        np.testing.assert_allclose(every, eighth, atol=0.25)
        self.assertLess(every[0], 0)
        self.assertGreater(every[1], 0)

    def test_a_score_that_tells_nothing_is_worth_nothing_and_a_falling_one_is_not_believed(self):
        x, y, _ = drawn(lambda x: np.full(len(x), 0.3))
        falling = drawn(lambda x: 1 - x)
        for method in (PLATT, ISOTONIC):
            self.assertLess(np.abs(curve(x, y, method).bits(np.array([0.2, 0.5, 0.8]))).max(), 0.8)
            bits = curve(falling[0], falling[1], method).bits(np.linspace(0, 1, 50))
            self.assertTrue((np.diff(bits) >= -1e-9).all())

    def test_no_score_is_worth_more_than_the_number_of_accounts_can_show(self):
        x = np.concatenate([np.full(60, 0.1), np.full(63, 0.9)])
        y, names = x > 0.5, [str(i) for i in range(123)]
        for method in (PLATT, ISOTONIC):
            bits = curve(x, y, method).bits(np.array([0.0, 0.1, 0.9, 1.0]))
            self.assertTrue(np.isfinite(bits).all())
            self.assertLessEqual(np.abs(bits).max(), np.log2(61) + 1e-9)
        self.assertTrue(np.isfinite(fit(x, y, names).measured[ISOTONIC].brier))

    def test_a_fit_is_the_same_whatever_the_order_of_the_accounts(self):
        x, y, names = drawn(lambda x: x, size=300)
        turn = np.random.default_rng(2).permutation(300)
        again = fit(x[turn], y[turn], [names[i] for i in turn])
        first = fit(x, y, names)
        self.assertEqual(first.curve, again.curve)
        for method in (PLATT, ISOTONIC):
            one, other = first.measured[method].brier, again.measured[method].brier
            self.assertAlmostEqual(one, other, places=12)

    def test_an_account_is_measured_by_a_curve_that_never_saw_it(self):
        # noise: a curve that saw an account's own class would do better than the base rate
        x, y, names = drawn(lambda x: np.full(len(x), 0.5), size=400)
        x = np.arange(400) / 400
        found = fit(x, y, names)
        self.assertGreater(found.measured[ISOTONIC].brier, found.measured["base rate"].brier)
        fold = folds(names, y)
        counts = np.bincount(fold[y], minlength=5)
        self.assertLessEqual(counts.max() - counts.min(), 1)

    def test_the_calibration_error_is_that_of_the_bins(self):
        p, y = np.repeat([0.2, 0.8], 50), np.repeat([False, True], 50)
        told = measure(p, y)
        self.assertAlmostEqual(told.brier, 0.04)
        self.assertAlmostEqual(told.ece, 0.2)
        self.assertEqual(sum(one["accounts"] for one in told.bins), 100)

    def test_wilsons_interval(self):
        low, high = wilson(8, 10)
        self.assertAlmostEqual(low, 0.4902, places=4)
        self.assertAlmostEqual(high, 0.9433, places=4)
        self.assertEqual(wilson(0, 5)[0], 0.0)
        self.assertEqual(wilson(5, 5)[1], 1.0)


class WordTest(SimpleTestCase):
    """How grouping counts a calibrated score."""

    def alone(self, family, p, group, bits):
        count = len(p)
        facts = Facts.from_columns(
            account=[1], party=[1], aggregate=[0], attribute=[], kind=[], carriers=[],
            population=[], networks=lambda ids: ids, use_account=[], use_attribute=[],
            use_first=[], use_last=[], signal_account=[1] * count,
            signal_family=[FAMILIES.index(family)] * count, signal_p=p, signal_group=group,
            signal_bits=bits,
        )  # fmt: skip
        scorer = Scorer(facts, witnesses(facts), prior=0.01)
        return scorer.alone(np.array([0]))[0, FAMILIES.index(family)]

    def test_a_calibrated_score_takes_the_place_of_the_p_value(self):
        nan = float("nan")
        self.assertEqual(self.alone("volume", [1e-9], [0], [nan]), ALONE_CAP)
        self.assertAlmostEqual(self.alone("volume", [1e-9], [0], [0.7]), 0.7)
        self.assertAlmostEqual(self.alone("volume", [nan], [0], [0.7]), 0.7)

    def test_of_several_the_best_counts_those_about_a_cluster_among_them(self):
        self.assertAlmostEqual(self.alone("behaviour", [0.5] * 3, [0, -7, 0], [1, 4.5, -1]), 4.5)

    def test_it_may_weigh_against_and_is_capped_both_ways(self):
        self.assertAlmostEqual(self.alone("behaviour", [0.5], [0], [-1.5]), -1.5)
        self.assertEqual(self.alone("behaviour", [0.5], [0], [-20.0]), -ALONE_CAP)
        self.assertEqual(self.alone("behaviour", [0.5], [0], [20.0]), CAPS["behaviour"])

    def test_a_mark_never_counts(self):
        for bits in (5.0, -5.0):
            self.assertEqual(self.alone("watermark", [1e-9], [0], [bits]), 0)

    def test_an_unknown_method_is_an_error(self):
        with self.assertRaisesMessage(ValueError, "no curve: prior"):
            Curve("prior", {}).bits(np.array([0.5]))
