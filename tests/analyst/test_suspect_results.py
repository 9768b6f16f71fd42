"""What the result of a suspect model's test says, and what it does not prove."""

import csv
import io
from unittest import mock

from django.db import connection
from django.test.utils import CaptureQueriesContext

from cases.services.findings import attach_findings
from ingest.models import Job, SuspectResult, SuspectTest, WatermarkKey
from tests.analyst.test_suspects import KEYS, LIST, NEW, SuspectsTest
from tests.base import make_case
from tests.ingest.suspects import make_test_key


class ResultTest(SuspectsTest):
    def setUp(self):
        self.client.force_login(self.ana)

    def test_progress_is_polled_and_ends_with_the_whole_page(self):
        test = self.asked()
        waiting = self.page(test)
        self.assertContains(waiting, "Waits for a worker")
        self.assertContains(waiting, 'hx-trigger="every 2s"')
        part = self.page(test, part="progress")
        self.assertNotContains(part, "<html")
        self.assertNotIn("HX-Refresh", part)
        Job.objects.update(state="running", step="scoring keys", done=1200, total=4800)
        part = self.page(test, part="progress")
        self.assertContains(part, "Scoring keys: 1,200 of 4,800 steps")
        self.assertContains(part, 'width="25%"')
        Job.objects.update(state="failed", error="its <b>end</b>")
        part = self.page(test, part="progress")
        self.assertEqual(part["HX-Refresh"], "true")
        self.assertContains(part, "its &lt;b&gt;end")
        self.assertNotContains(part, "every 2s")

    def test_a_hit_names_the_key_the_p_the_control_and_what_it_does_not_prove(self):
        for i in range(3):
            make_test_key(f"other {i}")
        page = self.page(self.finished())
        self.assertContains(page, "one key found")
        self.assertContains(page, "after correction for the 4 keys tried")
        self.assertContains(page, "The control is clean")
        self.assertContains(page, "Not shown by this:")
        self.assertContains(page, "who collected the text")
        self.assertContains(page, "core of &lt;b&gt;C-1&lt;/b&gt;")
        self.assertContains(page, "heron &lt;i&gt;8b")
        self.assertNotContains(page, "<i>8b")
        best = page.context["page"].strongest
        self.assertEqual(best.key, self.key)
        self.assertContains(page, best.p_corrected)
        self.assertContains(page, "of 100 keys below 0.05")
        self.assertContains(page, "prompts are not known, so it cannot be ruled out")
        self.assertContains(page, 'class="chart"', 2)

    def test_no_hit_clears_nobody_and_says_what_could_have_been_seen(self):
        page = self.page(self.finished(marked=False))
        self.assertContains(page, "no key found")
        self.assertContains(page, "This clears nobody")
        self.assertContains(page, page.context["page"].strongest.could_see)
        self.assertNotContains(page, "Cases that hold the key")

    def test_where_the_control_is_off_nothing_is_concluded(self):
        test = self.finished()
        SuspectTest.objects.update(is_sound=False)
        SuspectResult.objects.filter(finding="found").update(finding="void")
        page = self.page(test)
        self.assertContains(page, "Nothing can be concluded")
        self.assertContains(page, "control is off")
        self.assertNotContains(page, "very probably trained")

    def test_a_hit_leads_to_the_cases_that_hold_the_key_but_not_to_hidden_ones(self):
        hidden = make_case(2, restricted=True)
        self.key.accounts.add(hidden.members.first().account)
        test = self.finished()
        attach_findings()
        page = self.page(test)
        self.assertContains(page, 'href="/cases/C-1/"')
        self.assertNotContains(page, "C-2")
        self.assertContains(page, "raises no account’s membership")
        timeline = self.client.get("/cases/C-1/")
        self.assertContains(timeline, f"{self.key.ref} found in suspect model {test.ref}")
        hidden.readers.add(self.ana)
        self.assertContains(self.page(test), "C-2")

    def test_ten_keys_are_shown_and_all_on_request(self):
        for i in range(14):
            make_test_key(f"other {i}")
        test = self.finished()
        self.assertEqual(len(self.page(test).context["page"].rows), 10)
        self.assertContains(self.page(test), "10 strongest of 15")
        self.assertEqual(len(self.page(test, keys="all").context["page"].rows), 15)

    def test_the_csv_holds_every_key_and_no_formula(self):
        WatermarkKey.objects.filter(pk=self.key.pk).update(issued_for="=cmd()")
        test = self.finished()
        response = self.client.get(f"/suspects/{test.ref}/keys.csv")
        rows = list(csv.DictReader(io.StringIO(response.content.decode())))
        self.assertEqual([row["key"] for row in rows], [self.key.ref])
        self.assertEqual(rows[0]["issued_for"], "'=cmd()")
        self.assertEqual(rows[0]["law"], "green-list, δ 3, γ 0.25, width 2")
        self.assertLess(float(rows[0]["log10_p_corrected"]), -3)
        self.assertEqual(response["X-Content-Type-Options"], "nosniff")

    def test_sampling_that_ended_early_says_so_beside_the_result(self):
        test = self.finished()
        Job.objects.filter(pk=test.job_id).update(error="The endpoint answered 403.")
        self.assertContains(self.page(test), "Sampling ended early: The endpoint answered 403.")

    def test_the_number_of_queries_does_not_grow(self):
        few = self.finished()
        urls = (LIST, KEYS)
        for url in (*urls, f"/suspects/{few.ref}/"):
            self.client.get(url)
        counted = []
        for url in (*urls, f"/suspects/{few.ref}/"):
            with CaptureQueriesContext(connection) as queries:
                self.client.get(url)
            counted.append(len(queries))
        for i in range(12):
            make_test_key(f"other {i}")
        many = [self.finished(name=f"m{i}") for i in range(3)][-1]
        for url, number in zip((*urls, f"/suspects/{many.ref}/"), counted, strict=True):
            with self.subTest(url), self.assertNumQueries(number):
                self.client.get(url)

    def test_lists_are_paged_by_key(self):
        for i in range(3):
            self.asked(name=f"m{i}")
            make_test_key(f"other {i}")
        with mock.patch("analyst.suspects.PAGE", 2):
            for url, name in ((LIST, "tests"), (KEYS, "keys")):
                first = self.client.get(url).context
                second = self.client.get(url, {"after": first["following"]}).context
                self.assertEqual(len(first[name]), 2)
                self.assertFalse({o.pk for o in first[name]} & {o.pk for o in second[name]})
                for odd in ("x", "-1", "9" * 30, "١"):
                    self.assertEqual(self.client.get(url, {"after": odd}).status_code, 200)

    def test_the_menu_leads_here(self):
        for url in (LIST, KEYS, NEW):
            page = self.client.get(url)
            self.assertContains(page, "Suspect models")
            here = [link["label"] for link in page.context["navigation"] if link["current"]]
            self.assertEqual(here, ["Suspect models"])
