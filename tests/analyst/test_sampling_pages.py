"""Confirm by sample through the URLs: draw, read blind by keyboard or without scripts, results."""

import re

from django.db import connection
from django.test.utils import CaptureQueriesContext

from cases.models import Member, Reading, Sample, SampleAnswer
from cases.services.sample import answer_item, assign_reading, draw_sample, finish_reading
from ingest.models import Signal
from tests.base import DeskTestCase, make_case

HOSTILE = "<img src=x onerror=alert(1)>\u202e"


class SamplePages(DeskTestCase):
    base = "/cases/C-1/sample/"

    def get(self, path="", user=None):
        self.client.force_login(user or self.ana)
        return self.client.get(self.base + path)

    def post(self, path="", data=None, user=None):
        self.client.force_login(user or self.ana)
        return self.client.post(self.base + path, data or {})

    def drawn(self, size=3):
        return draw_sample(self.case, actor=self.ana, size=size)

    def answer_all(self, reader=None, answer="in"):
        reader = reader or self.ana
        reading = Reading.objects.get(reader=reader)
        for place in range(1, reading.sample.size + 1):
            answer_item(reading, actor=reader, place=place, answer=answer)
        return reading


class DrawPageTest(SamplePages):
    data = {"size": "3", "tiers": ["core", "likely"]}

    def test_it_is_drawn_and_the_first_account_is_shown(self):
        response = self.post(data=self.data)
        self.assertRedirects(response, self.base + "read/")
        self.assertContains(self.get("read/"), "Account 1 of 3")
        self.assertEqual(Sample.objects.get().drawn_by, self.ana)

    def test_strangers_find_nothing_and_onlookers_may_not(self):
        for path in ("", "read/"):
            self.assertEqual(self.get(path, user=self.stranger).status_code, 404)
            self.assertEqual(self.get(path, user=self.aud).status_code, 403)
        for path in ("", "read/", "finish/", "second/", "stop/", "read/prompts/"):
            self.assertEqual(self.post(path, self.data, user=self.stranger).status_code, 404)
            self.assertEqual(self.post(path, self.data, user=self.aud).status_code, 403)
        self.assertFalse(Sample.objects.exists())

    def test_wrong_numbers_and_tiers_are_named(self):
        for wrong in ({"size": "0"}, {"size": "x"}, {"size": "401"}, {"tiers": []},
                      {"tiers": ["rumour"]}):  # fmt: skip
            response = self.post(data=self.data | wrong)
            self.assertContains(response, "errorlist", status_code=422)
        self.assertFalse(Sample.objects.exists())

    def test_a_second_one_is_refused_with_the_way_out(self):
        self.drawn()
        response = self.post(data=self.data)
        self.assertEqual(response.status_code, 422)
        self.assertContains(self.get(), "A sample is being read")
        self.post("stop/", {"reason": "too few"})
        self.assertEqual(Sample.objects.get().state, "cancelled")
        self.assertContains(self.get(), "Draw a sample of C-1")


class ReadPageTest(SamplePages):
    def test_reading_goes_on_where_it_stopped_and_finishes(self):
        self.drawn()
        for place in (1, 2, 3):
            page = self.get("read/")
            self.assertContains(page, f"Account {place} of 3")
            response = self.post("read/", {"place": place, "answer": "in"})
            self.assertRedirects(response, self.base + "read/", fetch_redirect_response=False)
        self.assertContains(self.get("read/"), "All 3 are answered")
        response = self.post("finish/")
        self.assertRedirects(response, "/cases/C-1/#sample", fetch_redirect_response=False)
        page = self.client.get("/cases/C-1/")
        self.assertContains(page, "All 3 read blind: 0 wrong.")
        self.assertContains(page, Sample.objects.get().seed)

    def test_every_answer_has_its_key_and_a_button_that_needs_no_script(self):
        self.drawn()
        page = self.get("read/").content.decode()
        for key, value in (("i", "in"), ("o", "out"), ("u", "unsure"), ("a", "other")):
            self.assertRegex(page, rf'name="answer" value="{value}" data-key="{key}"')
        self.assertEqual(len(set(re.findall(r'data-key="(.)"', page))),
                         len(re.findall(r'data-key="(.)"', page)))  # fmt: skip

    def test_it_is_blind(self):
        Member.objects.filter(case=self.case).update(
            probability=0.8642, tier="likely", verdict="out", verdict_by=self.bo
        )
        sample = draw_sample_of_judged(self.case, self.ana)
        assign_reading(sample, actor=self.ana, reader=self.lea)
        for place in range(1, sample.size + 1):
            answer_item(sample.readings.get(reader=self.ana), actor=self.ana, place=place,
                        answer="out")  # fmt: skip
        finish_reading(sample.readings.get(reader=self.ana), actor=self.ana)
        page = self.get("read/", user=self.lea).content.decode()
        main = page[page.index('<section class="head"') :]
        for told in ("0.86", "likely", "core", "0.9", "1e-06", "B. Lind", "aria-pressed"):
            self.assertNotIn(told, main, told)
        self.assertNotRegex(main, r'title="\d+: (in|out|unsure|other)"')
        panel = self.client.get("/cases/C-1/").content.decode()
        panel = panel[panel.index('id="sample"') : panel.index('id="members"')]
        self.assertIn("You read 3 accounts blind: 0 done", panel)
        self.assertNotIn("wrong", panel)

    def test_a_second_reader_is_asked_from_the_page_and_reads_the_same_accounts(self):
        self.drawn()
        self.answer_all()
        self.post("finish/")
        self.assertContains(self.get(), "Second blind reading by")
        self.post("second/", {"reader": "bo"})
        self.assertContains(self.get("read/", user=self.bo), "Account 1 of 3")
        self.answer_all(self.bo)
        self.post("finish/", user=self.bo)
        self.assertContains(self.client.get("/cases/C-1/"), "Of 3 read twice")
        for wrong in ("nobody", "aud", "\0"):
            self.post("second/", {"reader": wrong})
        self.assertEqual(Reading.objects.count(), 2)

    def test_wrong_answers_and_places_are_named_and_store_nothing(self):
        self.drawn()
        for data in ({}, {"place": "1", "answer": "perhaps"}, {"place": "9", "answer": "in"},
                     {"place": "x", "answer": "in"}):  # fmt: skip
            response = self.post("read/", data)
            self.assertContains(response, 'role="alert"', status_code=422)
        self.assertFalse(SampleAnswer.objects.exists())
        for odd in ("0", "99", "-1", "x", "9" * 30, "²"):
            self.assertEqual(self.get(f"read/?place={odd}").status_code, 200)

    def test_an_unfinished_one_is_refused_with_what_is_missing(self):
        self.drawn()
        response = self.post("finish/")
        self.assertRedirects(response, self.base + "read/", fetch_redirect_response=False)
        self.assertContains(self.get("read/"), "3 of 3 accounts have no answer yet")

    def test_without_a_reading_one_is_sent_back_to_the_case(self):
        for path, do in (("read/", self.get), ("finish/", self.post), ("read/prompts/", self.post)):
            self.assertEqual(do(path).status_code, 302)

    def test_prompts_are_masked_until_a_reason_is_written_down(self):
        sample = self.drawn()
        account = sample.items.get(place=1).member.account
        Signal.objects.filter(account=account).update(samples=[{"text": HOSTILE}], summary=HOSTILE)
        page = self.get("read/")
        self.assertNotContains(page, "<img")
        self.assertNotContains(page, "\u202e")
        response = self.post("read/prompts/", {"place": "1", "reason": " "})
        self.assertContains(response, "Say why", status_code=422)
        response = self.post("read/prompts/", {"place": "1", "reason": "is it a course?"})
        self.assertContains(response, "&lt;img src=x")
        self.assertEqual(response["Cache-Control"], "no-store")
        event = self.case.events.order_by("seq").last()
        self.assertEqual(
            (event.kind, event.content.body["reason"], event.content.body["account"]),
            ("content_revealed", "is it a course?", account.external_id),
        )


class QueriesTest(SamplePages):
    def count(self, path):
        self.client.force_login(self.ana)
        self.client.get(path)
        with CaptureQueriesContext(connection) as queries:
            self.assertEqual(self.client.get(path).status_code, 200)
        return len(queries)

    def test_the_cost_does_not_grow_with_the_sample(self):
        make_case(2, accounts=40)
        counts = []
        for case, size in ((self.case, 2), (type(self.case).objects.get(number=2), 40)):
            draw_sample(case, actor=self.ana, size=size)
            page, own = f"/cases/{case.ref}/", f"/cases/{case.ref}/sample/"
            before = [self.count(page), self.count(own), self.count(own + "read/")]
            reading = Reading.objects.get(sample__case=case)
            for place in range(1, size + 1):
                answer_item(reading, actor=self.ana, place=place, answer="in")
            finish_reading(reading, actor=self.ana)
            counts.append([*before, self.count(page)])
        self.assertEqual(counts[0], counts[1])

    def test_the_case_page_asks_once_more_and_no_oftener(self):
        self.client.force_login(self.ana)
        with CaptureQueriesContext(connection) as queries:
            self.client.get("/cases/C-1/")
        about = [q for q in queries.captured_queries if "cases_sample" in q["sql"]]
        self.assertEqual(len(about), 1)


def draw_sample_of_judged(case, actor):
    """A sample of members whom others have judged: unsure ones are drawn."""
    Member.objects.filter(case=case).update(verdict="unsure")
    return draw_sample(case, actor=actor, size=3)
