"""The detectors page: who is silent, what was stored, what was rejected and why."""

from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from ingest.models import Batch, Detector, Rejection
from tests.base import DeskTestCase, make_detector

URL = "/detectors/"


class DetectorsPageTest(DeskTestCase):
    def setUp(self):
        self.client.force_login(self.ana)
        self.detector = Detector.objects.get(slug="volume")

    def heard(self, ago: timedelta | None, expected: timedelta | None) -> str:
        self.detector.last_heard_at = ago if ago is None else timezone.now() - ago
        self.detector.expected_interval = expected
        self.detector.save()
        (shown,) = self.client.get(URL).context["detectors"]
        return shown.standing

    def test_each_person_gets_what_their_role_sees(self):
        self.client.logout()
        self.assertRedirects(
            self.client.get(URL), f"/login/?next={URL}", fetch_redirect_response=False
        )
        self.client.force_login(self.stranger)
        self.assertEqual(self.client.get(URL).status_code, 404)
        self.client.force_login(self.aud)
        self.assertContains(self.client.get(URL), "Volume")
        self.assertEqual(self.client.post(URL).status_code, 405)

    def test_a_detector_is_silent_when_its_interval_has_passed(self):
        minute, hour = timedelta(minutes=1), timedelta(hours=1)
        self.assertEqual(self.heard(59 * minute, hour), "heard")
        self.assertEqual(self.heard(61 * minute, hour), "silent")
        self.assertEqual(self.heard(900 * hour, None), "heard")
        self.assertEqual(self.heard(None, hour), "never")

    def test_silence_is_a_warning_that_names_the_detector_and_the_interval(self):
        self.heard(timedelta(hours=5), timedelta(minutes=90))
        response = self.client.get(URL)
        self.assertContains(response, "was last heard 5 h ago, expected every 1.5 h")
        Detector.objects.update(enabled=False)
        self.assertNotContains(self.client.get(URL), "was last heard")

    def test_it_counts_what_was_stored_repeated_and_rejected(self):
        Batch.objects.create(
            detector=self.detector, door="file", stored=1200, repeated=34, rejected=2
        )
        response = self.client.get(URL)
        (shown,) = response.context["detectors"]
        self.assertEqual((shown.sums["stored"], shown.sums["repeated"]), (1203, 34))
        self.assertEqual(shown.trend[-1], 1203)
        self.assertContains(response, "1,203")

    def test_a_rejected_line_is_named_with_its_field_and_reason_as_text(self):
        other = make_detector("template", "template")
        for detector in (self.detector, other):
            batch = Batch.objects.create(detector=detector, door="api", rejected=1)
            Rejection.objects.create(
                batch=batch, line=7, field="score<b>", reason=f"{detector} \u202e<script>alert(1)",
                body=b'{"prompt": "secret"}',
            )  # fmt: skip
        response = self.client.get(URL)
        self.assertContains(response, "score&lt;b&gt;")
        self.assertContains(response, "template ‹U+202E›&lt;script&gt;")
        self.assertNotContains(response, "<script>alert")
        self.assertNotContains(response, "secret")
        chosen = self.client.get(URL, {"detector": "volume"}).context["rejections"]
        self.assertEqual([rejection.batch.detector for rejection in chosen], [self.detector])
        self.assertEqual(len(self.client.get(URL, {"detector": "x\0"}).context["rejections"]), 2)

    def test_without_a_detector_it_says_how_one_comes(self):
        Rejection.objects.all().delete()
        self.case.members.all().delete()
        self.case.links.all().delete()
        for account in (signal.account for signal in self.detector.signals.all()):
            account.signals.all().delete()
        Batch.objects.all().delete()
        Detector.objects.all().delete()
        self.assertContains(self.client.get(URL), "No detector yet")

    def test_the_number_of_queries_does_not_grow_with_the_detectors(self):
        self.client.get(URL)
        with CaptureQueriesContext(connection) as few:
            self.client.get(URL)
        for i in range(30):
            batch = Batch.objects.create(detector=make_detector(f"d-{i}"), door="api", rejected=1)
            Rejection.objects.create(batch=batch, line=i, reason="no", body=b"")
        with self.assertNumQueries(len(few)):
            self.client.get(URL)
