from unittest.mock import patch

from django.contrib.auth.models import Group
from django.core.signals import got_request_exception
from django.db import OperationalError
from django.test import Client

from cases.models import Case, TimelineEvent
from tests.analyst.api import READS, WRITES, ApiTestCase
from tests.base import make_detector


class DoorsTest(ApiTestCase):
    def each(self, routes):
        for path in routes:
            with self.subTest(path=path):
                yield path

    def test_nobody_logged_in_is_asked_to_log_in(self):
        for path in self.each(READS):
            response = self.get(path)
            self.assertRefused(response, 401, "Log in")
            self.assertIn("/login/", response["WWW-Authenticate"])
        for path in self.each(WRITES):
            self.assertRefused(self.post(path, WRITES[path]), 401)

    def test_a_detectors_token_opens_nothing(self):
        detector = make_detector()
        token = detector.issue_token()
        detector.save()
        bearer = {"Authorization": f"Bearer {token}"}
        for path in self.each(READS):
            response = self.client.get(f"/api/v1/cases/{path}", headers=bearer)
            self.assertRefused(response, 401)
        for path in self.each(WRITES):
            self.assertRefused(self.post(path, WRITES[path], **bearer), 401)

    def test_a_person_without_a_role_finds_nothing(self):
        self.client.force_login(self.stranger)
        for path in self.each(READS):
            self.assertRefused(self.get(path), 404)
        for path in self.each(WRITES):
            self.assertRefused(self.post(path, WRITES[path]), 404)

    def test_an_auditor_reads_all_and_changes_nothing(self):
        self.client.force_login(self.aud)
        for path in self.each(READS):
            self.assertEqual(self.get(path).status_code, 200)
        for path in self.each(WRITES):
            self.assertRefused(self.post(path, WRITES[path]), 403, "Analysts and leads")
        self.assertEqual(TimelineEvent.objects.count(), 1)
        self.assertEqual(Case.objects.get().status, "new")

    def test_a_restricted_case_is_not_there_for_who_is_not_on_its_list(self):
        Case.objects.update(restricted=True)
        self.client.force_login(self.ana)
        self.assertEqual(self.results(""), [])
        for path in self.each(READS[1:]):
            self.assertRefused(self.get(path), 404)
        for path in self.each(WRITES):
            self.assertRefused(self.post(path, WRITES[path]), 404)
        self.case.readers.add(self.ana)
        self.assertEqual(len(self.results("")), 1)
        self.assertEqual(self.post("C-1/claim/").status_code, 200)

    def test_who_left_is_out_at_once(self):
        self.client.force_login(self.ana)
        self.ana.is_active = False
        self.ana.save()
        self.assertRefused(self.get("C-1/"), 401)

    def test_a_role_taken_away_is_gone_at_once(self):
        self.client.force_login(self.ana)
        self.ana.groups.set([Group.objects.get(name="auditor")])
        self.assertRefused(self.post("C-1/claim/"), 403)

    def test_changes_need_the_csrf_token(self):
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(self.ana)
        url, kind = "/api/v1/cases/C-1/claim/", "application/json"
        self.assertRefused(strict.post(url, {}, content_type=kind), 403, "CSRF")
        strict.get("/login/")
        strict.force_login(self.ana)
        strict.cookies["csrftoken"] = "a" * 32
        token = {"X-CSRFToken": "a" * 32}
        answer = strict.post(url, {}, content_type=kind, headers=token)
        self.assertEqual(answer.status_code, 200, answer.content)

    def test_answers_are_kept_by_no_cache(self):
        self.client.force_login(self.ana)
        for path in self.each(READS):
            self.assertEqual(self.get(path)["Cache-Control"], "no-store")

    def test_times_are_iso_in_utc(self):
        self.client.force_login(self.ana)
        self.assertEqual(self.get("C-1/").json()["last_activity_at"], "2026-11-20T12:00:00Z")

    def test_other_addresses_and_methods_are_refused_in_json(self):
        self.client.force_login(self.ana)
        self.assertRefused(self.client.get("/api/v1/nothing/"), 404)
        self.assertRefused(self.client.get("/api/"), 404)
        self.assertRefused(self.client.post("/api/v1/cases"), 404, "end with a slash")
        for path in self.each(READS):
            self.assertRefused(self.client.delete(f"/api/v1/cases/{path}"), 405)
            self.assertRefused(self.client.options(f"/api/v1/cases/{path}"), 405)
        for path in self.each(["C-1/claim/", "C-1/reopen/"]):
            self.assertRefused(self.get(path), 405)

    def test_whatever_a_browser_accepts_it_gets_json(self):
        self.client.force_login(self.ana)
        response = self.client.get("/api/v1/cases/C-1/", headers={"Accept": "text/html"})
        self.assertEqual(response["Content-Type"], "application/json")
        self.assertEqual(response.status_code, 200)

    def test_a_fault_of_ours_is_told_in_json_and_to_whoever_watches(self):
        self.client.force_login(self.ana)
        self.client.raise_request_exception = False
        heard = []

        def hear(**about):
            heard.append(about["request"].path)

        got_request_exception.connect(hear)
        self.addCleanup(got_request_exception.disconnect, hear)
        with (
            patch("analyst.api.cases.claim", side_effect=ZeroDivisionError("secret")),
            self.assertLogs("analyst.api.errors", "ERROR") as logs,
        ):
            response = self.post("C-1/claim/")
        self.assertRefused(response, 500)
        self.assertNotIn("secret", response.text)
        self.assertIn("ZeroDivisionError", logs.output[0])
        self.assertEqual(heard, ["/api/v1/cases/C-1/claim/"])

    def test_a_database_that_is_away_is_a_503_that_says_when_to_come_back(self):
        self.client.force_login(self.ana)
        with patch("analyst.api.cases.claim", side_effect=OperationalError("gone")):
            response = self.post("C-1/claim/")
        self.assertRefused(response, 503)
        self.assertTrue(response["Retry-After"])
