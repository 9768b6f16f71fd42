"""The arithmetic of samples, against published figures and against itself; no database."""

import random
from unittest import TestCase

from cases.agreement import brier, krippendorff_alpha
from cases.sampling import (
    Stratum,
    allocate,
    choose,
    digest,
    heads,
    mixed,
    weighted,
    wilson,
)


class WilsonTest(TestCase):
    def test_it_gives_newcombes_published_limits(self):
        # Newcombe, Stat. Med. 17 (1998) 857, table I, method 3
        for hits, drawn, low, high in (
            (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718), (29, 29, 0.8830, 1.0),
        ):  # fmt: skip
            found = wilson(hits, drawn)
            self.assertAlmostEqual(found[0], low, 4)
            self.assertAlmostEqual(found[1], high, 4)

    def test_none_wrong_in_thirty_still_allows_some_570_of_5000(self):
        interval = heads(Stratum(5_000, 30, 0, 0))
        self.assertEqual((interval.at_least, interval.at_most), (0, 568))

    def test_who_was_all_read_is_known_and_nobody_read_is_unknown(self):
        self.assertEqual(heads(Stratum(12, 12, 2, 3))[1:3], (2.0, 3.0))
        self.assertEqual(wilson(0, 0), (0.0, 1.0))

    def test_the_finite_population_narrows_it_from_one_in_twenty_on(self):
        self.assertEqual(wilson(0, 30, of=600), wilson(0, 30))
        self.assertLess(wilson(0, 31, of=600)[1], wilson(0, 31)[1])
        self.assertLess(wilson(5, 50, of=60)[1] - wilson(5, 50, of=60)[0], 0.1)

    def test_the_limits_hold_the_truth_as_often_as_they_say(self):
        rng, held = random.Random(7), 0
        for _ in range(600):
            people = [True] * 40 + [False] * 360
            seen = sum(rng.sample(people, 60))
            interval = heads(Stratum(400, 60, seen, seen))
            held += interval.low <= 40 <= interval.high
        self.assertGreater(held / 600, 0.92)

    def test_unsure_widens_only_the_upper_limit(self):
        sure, unsure = heads(Stratum(900, 40, 2, 2)), heads(Stratum(900, 40, 2, 5))
        self.assertEqual(sure.low, unsure.low)
        self.assertGreater(unsure.high, sure.high)


class WeightedTest(TestCase):
    def test_of_one_stratum_it_is_that_stratum(self):
        one = Stratum(5_000, 60, 1, 1)
        for mine, its in zip(weighted([one]), heads(one), strict=True):
            self.assertAlmostEqual(mine, its)

    def test_a_large_stratum_weighs_as_much_as_it_holds(self):
        found = weighted([Stratum(4_000, 40, 0, 0), Stratum(1_000, 40, 20, 20)])
        self.assertAlmostEqual(found.estimate, 500)
        self.assertTrue(350 < found.low < 500 < found.high < 1_000)

    def test_nobody_wrong_is_still_an_interval(self):
        found = weighted([Stratum(2_500, 30, 0, 0), Stratum(2_500, 30, 0, 0)])
        self.assertEqual(found.low, 0)
        # sqrt(2) · 2,500 · 0.1135
        self.assertEqual(found.at_most, 402)

    def test_it_holds_the_truth_as_often_as_it_says(self):
        rng, held = random.Random(3), 0
        sizes = {"core": (600, 12), "likely": (500, 60), "possible": (300, 150)}
        for _ in range(500):
            strata = []
            for of, wrong in sizes.values():
                seen = sum(rng.sample([True] * wrong + [False] * (of - wrong), 25))
                strata.append(Stratum(of, 25, seen, seen))
            found = weighted(strata)
            held += found.low <= 222 <= found.high
        self.assertGreater(held / 500, 0.93)

    def test_nobody_read_says_nothing(self):
        self.assertEqual(weighted([Stratum(50, 0, 0, 0)])[1:3], (0.0, 50.0))


class DrawTest(TestCase):
    def test_the_same_seed_and_list_draw_the_same_whatever_the_order(self):
        keys = list(range(1, 400))
        drawn = choose("5eed", "core", keys, 20)
        self.assertEqual(drawn, choose("5eed", "core", reversed(keys), 20))
        self.assertNotEqual(drawn, choose("5eee", "core", keys, 20))
        self.assertNotEqual(drawn, choose("5eed", "likely", keys, 20))
        self.assertEqual(sorted(mixed("5eed", keys)), keys)

    def test_everybody_is_drawn_equally_often(self):
        counts = dict.fromkeys(range(20), 0)
        for seed in range(2_000):
            for key in choose(str(seed), "core", range(20), 5):
                counts[key] += 1
        self.assertTrue(all(420 < count < 580 for count in counts.values()), counts)

    def test_tiers_get_their_share_and_small_ones_a_floor(self):
        self.assertEqual(
            allocate({"core": 412, "likely": 538, "possible": 334}, 60),
            {"core": 19, "likely": 25, "possible": 16},
        )
        self.assertEqual(allocate({"core": 5_000, "likely": 9}, 60), {"core": 51, "likely": 9})
        self.assertEqual(allocate({"core": 4, "possible": 3}, 60), {"core": 4, "possible": 3})
        self.assertEqual(sum(allocate({"a": 90, "b": 90, "c": 90}, 2).values()), 2)
        self.assertEqual(allocate({"core": 0}, 60), {"core": 0})

    def test_the_digest_tells_frames_apart(self):
        self.assertNotEqual(
            digest([("core", [1, 2]), ("likely", [3])]), digest([("core", [1]), ("likely", [2, 3])])
        )


class AgreementTest(TestCase):
    def test_alpha_is_krippendorffs_published_figure_with_missing_data(self):
        # Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), example C: nominal .743
        # for four observers and twelve units, dots missing
        observers = ("1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3",
                     ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 .")  # fmt: skip
        rows = [line.split() for line in observers]
        units = [[v for v in unit if v != "."] for unit in zip(*rows, strict=True)]
        self.assertAlmostEqual(krippendorff_alpha(units), 0.743, 3)

    def test_alpha_is_one_when_all_agree_and_nothing_when_nothing_can_be_told(self):
        self.assertEqual(krippendorff_alpha([["in", "in"], ["out", "out"]]), 1)
        self.assertIsNone(krippendorff_alpha([["in", "in"], ["in", "in"]]))
        self.assertIsNone(krippendorff_alpha([["in"], ["out"]]))
        self.assertLess(krippendorff_alpha([["in", "out"], ["out", "in"]]), 0)

    def test_brier_is_the_mean_square_and_its_base_always_says_the_share(self):
        found = brier([(0.9, True), (0.8, False), (0.5, True)])
        self.assertAlmostEqual(found.score, (0.01 + 0.64 + 0.25) / 3)
        self.assertAlmostEqual(found.base, 2 / 9)
        self.assertEqual(found.count, 3)
        self.assertIsNone(brier([]))
