"""How far to trust a detector: precision, calibration and cost, on its page and through the API."""

import csv
import io
from datetime import timedelta

from django.db import connection
from django.test import SimpleTestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cases import plots
from cases.models import Calibration, Member
from cases.sampling import wilson
from cases.services.calibrate import activate_calibration, fit_calibrations
from ingest.models import Batch, DetectorCost, DetectorRun
from tests.base import NOON, DeskTestCase, make_case, make_detector
from tests.cases.test_calibrate import make_reviewed

LIST, ONE, API = "/detectors/", "/detectors/volume/", "/api/v1/detectors/"


def make_cost(detector, seconds, requests, hours=1, **fields):
    end = timezone.now() - timedelta(hours=hours)
    run = DetectorRun.objects.create(
        location=f"logs-{detector.slug}-{hours}", window_start=NOON, window_end=NOON, requests=1
    )
    cost = DetectorCost.objects.create(
        run=run, detector=detector, version="1", seconds=seconds, requests=requests, **fields
    )
    DetectorCost.objects.filter(pk=cost.pk).update(finished_at=end)


class RecordTest(DeskTestCase):
    @classmethod
    def setUpTestData(cls):
        super().setUpTestData()
        cls.volume = make_detector()
        cls.case.status, cls.case.verdict = "decided", "confirmed"
        cls.case.save()

    def setUp(self):
        self.client.force_login(self.ana)

    def review(self, abusive, innocent, detector=None):
        detector = detector or self.volume
        make_reviewed(self.case, detector, "in", [0.9] * abusive, f"{detector.slug}-bad")
        make_reviewed(self.case, detector, "out", [0.6] * innocent, f"{detector.slug}-good")

    def fitted(self):
        high = [0.5 + i / 140 for i in range(60)]
        low = [0.1 + i / 100 for i in range(60)]
        make_reviewed(self.case, self.volume, "in", high, "bad")
        make_reviewed(self.case, self.volume, "out", low, "good")
        (row,) = fit_calibrations(actor=self.ana)
        return row

    def shown(self):
        return next(d for d in self.client.get(LIST).context["detectors"] if d.slug == "volume")

    def test_precision_is_not_estimable_from_few(self):
        self.review(6, 3)
        self.assertIsNone(self.shown().record.precision)
        self.assertContains(self.client.get(LIST), "not estimable")
        response = self.client.get(ONE)
        self.assertContains(response, "9 of its accounts reviewed, 10 needed")
        current = [page["name"] for page in response.context["navigation"] if page["current"]]
        self.assertEqual(current, ["detectors"])

    def test_precision_is_of_reviewed_accounts_with_its_interval(self):
        self.review(9, 3)
        resale = make_case(2, accounts=1, status="decided", verdict="other_abuse")
        make_reviewed(resale, self.volume, "in", [0.9] * 5, "resale")
        record = self.shown().record
        self.assertEqual((record.precision, record.other_abuse), (0.75, 5))
        low, high = wilson(9, 12)
        self.assertContains(self.client.get(LIST), f"[{low:.2f}–{high:.2f}]")
        self.assertContains(self.client.get(ONE), f"{low:.2f} to {high:.2f} (95 %, Wilson)")

    def test_a_selection_of_members_tells_nothing_of_a_detector(self):
        self.review(9, 3)
        Member.objects.update(verdict_alone=False)
        self.assertEqual(self.shown().record.reviewed, 0)

    def test_each_detector_has_the_record_of_the_accounts_that_it_told_of(self):
        other = make_detector("volume-eu", "volume")
        self.review(10, 0)
        self.review(1, 12, detector=other)
        found = {d.slug: d.record for d in self.client.get(LIST).context["detectors"]}
        self.assertEqual(found["volume"].precision, 1.0)
        self.assertAlmostEqual(found["volume-eu"].precision, 1 / 13)

    def test_cost_is_time_over_requests_of_the_last_days_without_looks_that_said_nothing(self):
        make_cost(self.volume, seconds=10, requests=500_000, hours=1)
        make_cost(self.volume, seconds=50, requests=1_500_000, hours=2)
        make_cost(self.volume, seconds=9, requests=10, hours=3, not_tested="no prompt")
        make_cost(self.volume, seconds=900, requests=10, hours=24 * 31)
        self.assertEqual(self.shown().cost["per_million"], 30)
        self.assertEqual(self.shown().cost["runs"], 2)
        self.assertContains(self.client.get(ONE), "not tested: no prompt")

    def test_cold_start_is_said_with_how_many_are_needed(self):
        self.assertContains(self.client.get(LIST), "<b>Cold start.</b>")
        response = self.client.get(ONE)
        self.assertContains(response, "Cold start: the stated priors hold.")
        self.assertContains(response, "50 reviewed accounts of either class are needed")
        self.assertContains(response, "1 in 3,000")
        self.assertNotContains(response, 'data-figure-url="/detectors/volume/figures/calibrated')

    def test_a_fit_waits_until_it_is_activated_and_then_counts(self):
        row = self.fitted()
        self.assertContains(self.client.get(ONE), "Version 1 is fitted and waits for a lead")
        self.assertContains(self.client.get(LIST), "v1 waits")
        preview = f"/grouping/calibrations/{row.pk}/"
        self.assertContains(self.client.get(ONE), preview)
        self.client.force_login(self.aud)
        self.assertNotContains(self.client.get(ONE), preview)
        self.client.force_login(self.ana)
        activate_calibration(row, actor=self.lea, reason="enough <b>reviewed</b>")
        response = self.client.get(ONE)
        self.assertContains(response, "Calibrated: scores count by version 1")
        self.assertNotContains(response, preview)
        self.assertContains(response, "60 abusive and 60 innocent accounts")
        self.assertContains(response, "enough &lt;b&gt;reviewed&lt;/b&gt;")
        response = self.client.get(LIST)
        self.assertNotContains(response, "Cold start")
        self.assertContains(response, "calibrated, v1")

    def test_a_mark_is_said_never_to_count(self):
        make_detector("mark", "watermark")
        self.assertContains(self.client.get("/detectors/mark/"), "Never calibrated: a mark proves")

    def test_expected_innocent_stand_beside_those_found(self):
        self.review(4, 2)  # each at probability 0.8
        (row,) = self.client.get(LIST).context["innocent"]
        self.assertEqual((row["tier"], row["reviewed"], row["found"]), ("likely", 6, 2))
        self.assertAlmostEqual(row["expected"], 1.2)

    def test_the_figures_show_scores_and_the_fit_out_of_fold(self):
        row = self.fitted()
        figure = self.client.get(f"{ONE}figures/scores.json").json()
        self.assertEqual(sum(n for _, n in figure["data"][0]["customdata"]), 120)
        fit = self.client.get(f"{ONE}figures/calibrated.json").json()
        told = row.report[row.method]["bins"]
        self.assertEqual(fit["data"][0]["x"], [one["mean"] for one in told])
        rows = list(
            csv.reader(io.StringIO(self.client.get(f"{ONE}figures/scores.csv").content.decode()))
        )
        self.assertEqual(rows[0][:3], ["said_mean", "reviewed", "abusive"])
        self.assertEqual(sum(int(row[1]) for row in rows[1:]), 120)
        self.assertEqual(self.client.get(f"{ONE}figures/heat.json").status_code, 404)

    def test_doors(self):
        for url in (ONE, f"{ONE}figures/scores.json", f"{ONE}figures/scores.csv"):
            self.client.force_login(self.aud)
            self.assertEqual(self.client.get(url).status_code, 200)
            self.assertEqual(self.client.post(url).status_code, 405)
            self.client.force_login(self.stranger)
            self.assertEqual(self.client.get(url).status_code, 404)
        self.client.force_login(self.ana)
        self.assertEqual(self.client.get("/detectors/nobody/").status_code, 404)
        self.assertEqual(self.client.get("/detectors/nobody/figures/scores.json").status_code, 404)

    def test_queries_do_not_grow_with_detectors_labels_and_versions(self):
        urls = (LIST, ONE, API, f"{API}volume/")
        self.review(1, 1)
        fit_calibrations(actor=self.ana)
        few = []
        for url in urls:
            self.client.get(url)
            with CaptureQueriesContext(connection) as queries:
                self.client.get(url)
            few.append(len(queries))
        row = Calibration.objects.get()
        for i in range(12):
            detector = make_detector(f"d-{i}", "volume")
            self.review(2, 1, detector=detector)
            make_cost(detector, 1, 10, hours=i + 1)
            make_cost(self.volume, 1, 10, hours=i + 1)
            Batch.objects.create(detector=detector, door="api")
            Calibration.objects.create(
                family="volume", version=i + 2, method="prior", abusive=1, innocent=1
            )
        activate_calibration(self.fitted(), actor=self.lea, reason="enough")
        self.assertNotEqual(row, Calibration.objects.latest("pk"))
        for url, count in zip(urls, few, strict=True):
            with CaptureQueriesContext(connection) as queries:
                self.assertEqual(self.client.get(url).status_code, 200)
            # once a calibration was ever activated its activations are read too
            self.assertLessEqual(len(queries), count + 1, url)

    def test_the_api_tells_the_same(self):
        activate_calibration(self.fitted(), actor=self.lea, reason="enough")
        make_cost(self.volume, seconds=10, requests=500_000)
        self.volume.last_heard_at = timezone.now() - timedelta(hours=5)
        self.volume.expected_interval = timedelta(hours=1)
        self.volume.save()
        (row,) = self.client.get(API).json()["results"]
        self.assertEqual(row, self.client.get(f"{API}volume/").json())
        self.assertEqual((row["standing"], row["expected_seconds"]), ("silent", 3600))
        self.assertEqual(row["seconds_per_million_requests"], 20)
        self.assertEqual((row["precision"]["value"], row["precision"]["abusive"]), (0.5, 60))
        self.assertEqual((row["counts"]["cold_start"], row["counts"]["version"]), (False, 1))
        self.assertGreater(row["counts"]["brier"], 0)

    def test_the_api_refuses_as_its_other_doors_do(self):
        self.assertEqual(self.client.get(f"{API}nobody/").status_code, 404)
        self.assertEqual(self.client.get(API, {"limit": "x"}).status_code, 400)
        self.client.force_login(self.stranger)
        for url in (API, f"{API}volume/"):
            self.assertEqual(self.client.get(url).status_code, 404)
        self.client.logout()
        self.assertEqual(self.client.get(API).status_code, 401)

    def test_the_api_is_paged(self):
        for i in range(4):
            make_detector(f"d-{i}")
        first = self.client.get(API, {"limit": 3}).json()
        rest = self.client.get(first["next"]).json()
        slugs = [row["slug"] for row in first["results"] + rest["results"]]
        self.assertEqual(slugs, ["d-3", "d-2", "d-1", "d-0", "volume"])
        self.assertIsNone(rest["next"])


class ReliabilityTest(SimpleTestCase):
    def bin(self, said, abusive, accounts):
        return plots.Bin(said, accounts, abusive, *wilson(abusive, accounts))

    def test_it_says_which_bin_lies_farthest_beyond_chance_and_which_way(self):
        good, high = self.bin(0.5, 26, 50), self.bin(0.9, 20, 50)
        figure = plots.reliability([good, high], said="score")
        self.assertIn("1 of 2 bins lie beyond chance; the farthest said 0.90", figure["say"])
        self.assertIn("20 of 50 were abusive (0.40): too sure", figure["say"])
        low = self.bin(0.1, 45, 50)
        self.assertIn("not sure enough", plots.reliability([low, high], said="score")["say"])
        self.assertIn("Within chance", plots.reliability([good], said="score")["say"])
        self.assertIn("No account", plots.reliability([], said="score")["say"])

    def test_the_bars_are_the_interval(self):
        (trace,) = plots.reliability([self.bin(0.5, 8, 10)], said="score")["data"]
        self.assertAlmostEqual(trace["y"][0] + trace["error_y"]["array"][0], 0.9433, places=4)
        self.assertAlmostEqual(trace["y"][0] - trace["error_y"]["arrayminus"][0], 0.4902, places=4)
