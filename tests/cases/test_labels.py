"""Labels drawn by lot: who may be drawn, that nothing marks them, what they are worth."""

import csv
import io
import json
from datetime import timedelta
from unittest import TestCase as Plain
from unittest.mock import patch

from django.core.management import call_command
from django.test import override_settings

from cases.models import Case, LabelDraw, LabelProbe, LabelStratum, Member
from cases.recall import Week, recall
from cases.sampling import choose
from cases.services.decide import record_decision
from cases.services.group import group_new_signals
from cases.services.labels import reviewed_labels
from cases.services.lots import draw_labels, estimate_recall, weighted_labels
from cases.services.sample import answer_item, draw_sample, finish_reading
from cases.services.triage import take_next
from ingest.models import Account, Batch, Signal
from tests.base import NOON, DeskTestCase, make_account, make_detector


class LabelCase(DeskTestCase):
    @classmethod
    def setUpTestData(cls):
        super().setUpTestData()
        cls.detector = make_detector("timing", "timing")
        batch = Batch.objects.create(detector=cls.detector, door=Batch.Door.API, stored=0)
        accounts = [make_account(f"low-{i:02}") for i in range(40)]
        scores = [None] * 20 + [0.3] * 10 + [0.6] * 6 + [0.9] * 4
        Signal.objects.bulk_create(
            Signal(
                detector=cls.detector, ref=f"t-{a.pk}", account=a, batch=batch,
                body_digest="0" * 64, window_start=NOON - timedelta(days=1), window_end=NOON,
                score=score, p_value=0.01, summary="regular", taken_at=NOON,
                group_key="ring" if a.external_id in ("low-36", "low-37") else "",
            )
            for a, score in zip(accounts, scores, strict=True)
            if score is not None
        )  # fmt: skip

    def draw(self, now=NOON, budget=12):
        with override_settings(LABEL_BUDGET=budget):
            return draw_labels(now)

    def decide(self, case, outcome):
        record_decision(case, actor=self.ana, outcome=outcome, rationale="looked")


class DrawTest(LabelCase):
    def test_only_who_is_in_no_case_is_drawn_with_the_chance_that_it_had(self):
        self.draw()
        probes = list(LabelProbe.objects.select_related("stratum"))
        self.assertTrue(probes)
        for probe in probes:
            self.assertEqual(probe.inclusion_probability, probe.stratum.drawn / probe.stratum.size)
        drawn = set(
            Member.objects.filter(case__probe__isnull=False).values_list(
                "account__external_id", flat=True
            )
        )
        self.assertTrue(all(name.startswith("low-") for name in drawn), drawn)
        sizes = dict(LabelStratum.objects.filter(kind="account").values_list("name", "size"))
        self.assertEqual(
            sizes,
            {"never flagged": 20, "below 0.5": 10, "0.5 to 0.8": 6, "0.8 and above": 4},
        )

    def test_the_lot_in_the_database_is_the_one_that_the_seed_gives(self):
        draw = self.draw(budget=8)
        stratum = draw.strata.get(kind="account", name="never flagged")
        never = Account.objects.filter(signals=None, external_id__startswith="low-")
        units = [f"account:{pk}" for pk in never.values_list("pk", flat=True)]
        expected = choose(draw.seed, stratum.name, units, stratum.drawn)
        self.assertEqual(set(stratum.probes.values_list("unit", flat=True)), set(expected))

    def test_a_cluster_below_the_threshold_is_one_entry_with_all_its_accounts(self):
        self.draw()
        probe = LabelProbe.objects.get(stratum__kind="cluster")
        names = probe.case.members.values_list("account__external_id", flat=True)
        self.assertEqual(set(names), {"low-36", "low-37"})

    def test_once_a_week_within_the_budget_and_nobody_twice(self):
        self.draw(budget=10)
        self.assertIsNone(self.draw(NOON + timedelta(days=1)))
        self.assertLessEqual(LabelProbe.objects.count(), 10)
        self.draw(NOON + timedelta(days=7), budget=100)
        self.assertEqual(LabelDraw.objects.count(), 2)
        singles = LabelProbe.objects.filter(stratum__kind="account").values_list("unit", flat=True)
        self.assertEqual(len(singles), len(set(singles)))
        again = self.draw(NOON + timedelta(days=14), budget=100)
        self.assertEqual(sum(again.strata.values_list("drawn", flat=True)), 0)

    def test_a_budget_of_nothing_draws_nothing(self):
        self.assertIsNone(self.draw(budget=0))
        self.assertFalse(LabelDraw.objects.exists())

    def test_nothing_in_the_queue_or_on_the_page_marks_it(self):
        self.draw()
        case = LabelProbe.objects.first().case
        self.client.force_login(self.ana)
        row = next(r for r in self.client.get("/").content.decode().split("<tr") if case.ref in r)
        page = self.client.get(f"/cases/{case.ref}/").content.decode()
        usual = self.client.get("/cases/C-1/").content.decode()
        for mark in ("probe", "by lot", "label draw", "unbiased", "random"):
            self.assertNotIn(mark, row.lower())
            self.assertEqual(page.lower().count(mark), usual.lower().count(mark), mark)
        kinds = list(case.events.values_list("kind", flat=True))
        self.assertEqual(kinds, ["case_opened"])
        self.assertTrue(case.explanation["summary"] and case.due_at and case.reason)

    def test_it_is_due_but_counts_in_no_service_level(self):
        self.draw()
        Case.objects.update(due_at=NOON - timedelta(days=400))
        self.client.force_login(self.ana)
        page = self.client.get("/?view=overdue")
        shown = page.content.decode()
        self.assertIn("C-1<", shown)
        for ref in LabelProbe.objects.values_list("case__number", flat=True):
            self.assertNotIn(f"C-{ref}<", shown)

    def test_grouping_neither_takes_it_over_nor_lets_its_member_go(self):
        self.draw()
        before = list(Member.objects.filter(case__probe__isnull=False).values_list("pk", "left_at"))
        group_new_signals(full=True)
        after = list(Member.objects.filter(case__probe__isnull=False).values_list("pk", "left_at"))
        self.assertEqual(before, after)
        self.assertFalse(Case.objects.exclude(probe=None).exclude(merged_into=None).exists())

    def test_take_next_gives_one_now_and_then_and_else_the_first_of_the_queue(self):
        self.draw()
        with patch("cases.services.triage.secrets.randbelow", return_value=0):
            self.assertTrue(LabelProbe.objects.filter(case=take_next(self.ana)).exists())
        with patch("cases.services.triage.secrets.randbelow", return_value=3):
            self.assertEqual(take_next(self.bo), self.case)


class WorthTest(LabelCase):
    def test_labels_leave_with_their_weight_and_formulas_are_harmless(self):
        self.draw()
        probes = list(
            LabelProbe.objects.filter(stratum__kind="account").select_related("case").order_by("pk")
        )
        self.decide(probes[0].case, "confirmed")
        self.decide(probes[1].case, "benign")
        self.decide(probes[2].case, "inconclusive")
        account = probes[0].case.members.get().account
        type(account).objects.filter(pk=account.pk).update(external_id="=cmd()")
        rows = {row["unit"]: row for row in weighted_labels()}
        self.assertEqual(set(rows), {probes[0].unit, probes[1].unit})
        first = rows[probes[0].unit]
        self.assertEqual((first["label"], rows[probes[1].unit]["label"]), (1, 0))
        self.assertAlmostEqual(first["weight"] * first["inclusion_probability"], 1)
        out = io.StringIO()
        call_command("export_labels", "--format", "csv", stdout=out)
        table = list(csv.DictReader(io.StringIO(out.getvalue())))
        self.assertEqual(table[0]["account"], "'=cmd()")
        out = io.StringIO()
        call_command("export_labels", stdout=out)
        self.assertEqual(
            [json.loads(line)["label"] for line in out.getvalue().splitlines()], [1, 0]
        )

    def test_samples_read_blind_leave_with_theirs(self):
        sample = draw_sample(self.case, actor=self.ana, size=2)
        reading = sample.readings.get()
        answer_item(reading, actor=self.ana, place=1, answer="in")
        answer_item(reading, actor=self.ana, place=2, answer="out")
        finish_reading(reading, actor=self.ana)
        self.assertEqual(list(weighted_labels()), [])  # no verdict yet
        self.decide(self.case, "confirmed")
        rows = list(weighted_labels())
        self.assertEqual([row["label"] for row in rows], [1, 0])
        self.assertAlmostEqual(rows[0]["weight"], 1.5)

    def test_a_decided_entry_is_a_reviewed_account_for_calibration(self):
        self.draw()
        probe = LabelProbe.objects.filter(stratum__kind="account").first()
        self.decide(probe.case, "benign")
        self.assertEqual(reviewed_labels(), {probe.case.members.get().account_id: "innocent"})

    def test_recall_reads_not_estimable_below_ten_positives(self):
        self.draw(budget=44)
        Case.objects.filter(pk=self.case.pk).update(verdict="confirmed", status="decided")
        probes = LabelProbe.objects.filter(stratum__kind="account").order_by("pk")
        for place, probe in enumerate(probes):
            self.decide(probe.case, "confirmed" if place < 9 else "benign")
        found = estimate_recall(now=NOON)
        self.assertIsNone(found.recall)
        self.assertIn("Not estimable: 9 of ", found.says)
        Case.objects.filter(probe=probes[12]).update(verdict="confirmed")
        found = estimate_recall(now=NOON)
        self.assertEqual((found.found, found.positive), (3, 10))
        self.assertTrue(found.low <= found.recall <= found.high)


class RecallTest(Plain):
    def test_each_positive_stands_for_all_that_were_as_unlikely_to_be_drawn(self):
        found = recall([Week("low", 10_000, 100, 2), Week("high", 100, 20, 10)], found=750)
        self.assertAlmostEqual(found.missed.estimate, 250)
        self.assertAlmostEqual(found.recall, 0.75)
        self.assertTrue(found.low < 0.75 < found.high)

    def test_weeks_are_looks_at_one_population_and_not_added_up(self):
        one = recall([Week("low", 1_000, 50, 12)], found=100)
        two = recall([Week("low", 1_000, 25, 6), Week("low", 1_000, 25, 6)], found=100)
        self.assertEqual(one, two)

    def test_nine_positives_are_too_few_and_ten_are_enough(self):
        self.assertIsNone(recall([Week("low", 1_000, 50, 9)], found=100).recall)
        self.assertIsNotNone(recall([Week("low", 1_000, 50, 10)], found=100).recall)
        self.assertIsNone(recall([Week("low", 1_000, 50, 10)], found=0).recall)
        self.assertIn("Not estimable: 0 of 0", recall([], found=5).says)
