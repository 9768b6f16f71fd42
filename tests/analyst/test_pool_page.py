from django.db import connection
from django.test.utils import CaptureQueriesContext

from cases.models import PoolTest
from cases.services import pool
from ingest.models import Job
from tests.base import DeskTestCase, make_case


class PoolPageTest(DeskTestCase):
    def setUp(self):
        self.case = make_case(7, accounts=6)
        self.url = "/cases/C-7/pool/"
        self.client.force_login(self.ana)

    def told(self, **fields):
        job = Job.objects.create(kind=pool.KIND, state="done")
        return PoolTest.objects.create(case=self.case, job=job, requested_by=self.ana, **fields)

    def part(self):
        return self.client.get(self.url, headers={"HX-Request": "true"})

    def test_the_button_asks_for_a_test_and_the_page_shows_its_progress(self):
        self.assertContains(self.client.get("/cases/C-7/"), "Test the pool")
        self.assertRedirects(self.client.post(self.url), "/cases/C-7/#pool")
        test = PoolTest.objects.get()
        self.assertEqual(test.requested_by, self.ana)
        self.assertContains(self.part(), "Waits for a worker")
        Job.objects.update(state="running", step="reading held-out prompts", done=2)
        page = self.part()
        self.assertContains(page, "Reading held-out prompts: step 2 of 5")
        self.assertContains(page, 'hx-trigger="every 2s"')
        self.assertContains(page, "Stop the test")

    def test_the_answer_is_one_line_with_p_and_q(self):
        self.told(p=0.0004, statistic=0.01, permutations=9999, accounts=5, prompts=55,
                  reference_accounts=300, reference_prompts=2900, wordings=2)  # fmt: skip
        page = self.part()
        self.assertContains(
            page,
            "55 held-out prompts of 5 accounts, pooled, are unlike accounts of no case "
            "(300 of them, 2,900 prompts): p 0.0004, q 0.0004 the only test.",
        )
        self.assertNotContains(page, "hx-trigger")

    def test_not_tested_says_why_and_a_failure_too(self):
        self.told(not_tested="the log does not record <b>prompts</b>")
        self.assertContains(self.part(), "Not tested: the log does not record &lt;b&gt;")
        job = Job.objects.create(kind=pool.KIND, state="failed", error="<i>disk</i>")
        PoolTest.objects.create(case=self.case, job=job, requested_by=self.ana)
        self.assertContains(self.part(), "The last test failed: &lt;i&gt;disk")

    def test_a_second_is_refused_with_a_reason(self):
        self.client.post(self.url)
        page = self.client.post(self.url, follow=True)
        self.assertContains(page, "at work already")
        self.assertEqual(PoolTest.objects.count(), 1)

    def test_it_can_be_stopped(self):
        self.client.post(self.url)
        self.client.post("/cases/C-7/pool/stop/")
        self.assertEqual(Job.objects.get().state, "stopped")
        page = self.client.post("/cases/C-7/pool/stop/", follow=True)
        self.assertContains(page, "over already")

    def test_a_stranger_finds_nothing_and_an_onlooker_may_not_ask(self):
        self.client.force_login(self.stranger)
        for url in (self.url, "/cases/C-7/pool/stop/"):
            self.assertEqual(self.client.post(url).status_code, 404)
        self.client.force_login(self.aud)
        self.assertEqual(self.client.post(self.url).status_code, 403)
        self.assertNotContains(self.client.get("/cases/C-7/"), "Test the pool")

    def test_the_part_takes_as_many_queries_whatever_was_tested(self):
        counts = []
        for _ in range(2):
            self.told(p=0.3, accounts=5, prompts=50, reference_accounts=30, reference_prompts=300)
            for number in range(3):
                case = make_case(20 + number + 10 * len(counts), accounts=1)
                job = Job.objects.create(kind=pool.KIND, state="done")
                PoolTest.objects.create(case=case, job=job, requested_by=self.ana, p=0.2)
            with CaptureQueriesContext(connection) as captured:
                self.part()
            counts.append(len(captured))
        self.assertEqual(counts[0], counts[1])
