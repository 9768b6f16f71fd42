"""Suspect models: who may do what, what an upload is told, what a result says and proves."""

import json
from unittest import mock

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import SimpleTestCase

from analyst import suspect_forms
from analyst.suspect_words import control_chart, p_words, trace_chart, z_bars
from ingest.models import Job, SuspectTest, WatermarkKey
from ingest.services.suspects import request_outputs_test
from ingest.services.watermark import open_key
from tests.base import DeskTestCase, make_user
from tests.ingest.suspects import as_lines, make_test_key, run, spoken

LIST, NEW, KEYS = "/suspects/", "/suspects/new/", "/suspects/keys/"


def upload(*records, name="outputs.jsonl") -> SimpleUploadedFile:
    lines = [r if isinstance(r, bytes) else json.dumps(r).encode() for r in records]
    return SimpleUploadedFile(name, b"\n".join(lines))


class SuspectsTest(DeskTestCase):
    @classmethod
    def setUpTestData(cls):
        super().setUpTestData()
        cls.cou = make_user("cou", "counsel")
        cls.pla = make_user("pla", "platform owner")
        cls.adm = make_user("adm", "administrator")
        cls.key = make_test_key("core of <b>C-1</b>", accounts=["acct-1-0", "acct-1-1"])

    def asked(self, texts=("a b c d e f",), **fields) -> SuspectTest:
        test = request_outputs_test(
            **{"actor": self.ana, "name": "heron <i>8b</i>", "outputs": as_lines(texts)} | fields
        )
        SuspectTest.objects.update(control_keys=100, seed=7)
        return test

    def finished(self, marked=True, **fields) -> SuspectTest:
        return run(self.asked(spoken(self.key if marked else None), **fields))

    def page(self, test, **data):
        return self.client.get(f"/suspects/{test.ref}/", data)


class DoorsTest(SuspectsTest):
    def test_every_reader_reads_and_a_stranger_finds_nothing(self):
        test = self.asked()
        pages = (LIST, KEYS, f"/suspects/{test.ref}/", f"/suspects/{test.ref}/keys.csv")
        for user, status in [
            (self.ana, 200), (self.lea, 200), (self.aud, 200), (self.cou, 200), (self.pla, 200),
            (self.adm, 200), (self.stranger, 404), (None, 302),
        ]:  # fmt: skip
            self.client.logout()
            if user:
                self.client.force_login(user)
            for page in pages:
                with self.subTest(f"{user} {page}"):
                    self.assertEqual(self.client.get(page).status_code, status)

    def test_analysts_and_leads_test_and_others_may_not(self):
        for user, status in [
            (self.ana, 302), (self.lea, 302), (self.aud, 403), (self.cou, 403), (self.pla, 403),
            (self.adm, 403), (self.stranger, 404),
        ]:  # fmt: skip
            self.client.force_login(user)
            with self.subTest(str(user)):
                data = {"source": "upload", "name": "m", "outputs": upload({"text": "a b c"})}
                before = SuspectTest.objects.count()
                self.assertEqual(self.client.post(NEW, data).status_code, status)
                self.assertEqual(SuspectTest.objects.count() - before, status == 302)
                self.assertEqual(self.client.get(NEW).status_code, 200 if status == 302 else status)

    def test_stopping_is_for_those_who_test(self):
        test = self.asked()
        for user, status in [(self.stranger, 404), (self.aud, 403), (self.pla, 403)]:
            self.client.force_login(user)
            self.assertEqual(self.client.post(f"/suspects/{test.ref}/cancel/").status_code, status)
            self.assertEqual(Job.objects.get(pk=test.job_id).state, "waiting")
        self.client.force_login(self.lea)
        self.assertEqual(self.client.get(f"/suspects/{test.ref}/cancel/").status_code, 405)
        self.client.post(f"/suspects/{test.ref}/cancel/")
        self.assertEqual(Job.objects.get(pk=test.job_id).state, "stopped")
        again = self.client.post(f"/suspects/{test.ref}/cancel/", follow=True)
        self.assertContains(again, "is over already")

    def test_keys_are_made_and_retired_by_lead_platform_owner_and_administrator(self):
        data = {"issued_for": "x", "scheme": "gumbel", "width": "3", "tokenizer_name": "words-v1"}
        for user, status in [
            (self.lea, 302), (self.pla, 302), (self.adm, 302), (self.ana, 403), (self.cou, 403),
            (self.aud, 403), (self.stranger, 404),
        ]:  # fmt: skip
            self.client.force_login(user)
            with self.subTest(str(user)):
                before = WatermarkKey.objects.count()
                self.assertEqual(self.client.post(KEYS, data).status_code, status)
                made = WatermarkKey.objects.count() - before
                self.assertEqual(made, status == 302)
                key = WatermarkKey.objects.latest("pk") if made else self.key
                url = f"{KEYS}{key.ref}/retire/"
                self.assertEqual(self.client.post(url).status_code, status)
                key.refresh_from_db()
                self.assertEqual(key.state, "retired" if made else "active")
                self.assertEqual(key.created_by, user if made else None)

    def test_a_wrong_ref_is_not_found(self):
        self.client.force_login(self.lea)
        for ref in ("M-0", "M-x", "K-1", "M-" + "9" * 30, "M-١", "1"):
            with self.subTest(ref):
                self.assertEqual(self.client.get(f"/suspects/{ref}/").status_code, 404)
                self.assertEqual(self.client.post(f"/suspects/{ref}/cancel/").status_code, 404)
                self.assertEqual(self.client.post(f"{KEYS}{ref}/retire/").status_code, 404
                                 if ref != f"K-{self.key.pk}" else 302)  # fmt: skip

    def test_no_page_and_no_file_holds_the_secret(self):
        secret = open_key(self.key)[1]
        sealed = bytes(self.key.sealed_secret)
        test = self.finished()
        self.client.force_login(self.adm)
        for page in (LIST, KEYS, f"/suspects/{test.ref}/", f"/suspects/{test.ref}/keys.csv"):
            body = self.client.get(page).content
            for hidden in (secret, sealed):
                for form in (hidden, hidden.hex().encode(), repr(hidden).encode()):
                    self.assertNotIn(form, body)


class UploadTest(SuspectsTest):
    def setUp(self):
        self.client.force_login(self.ana)

    def send(self, *records, **fields):
        data = {"source": "upload", "name": "heron", "outputs": upload(*records)} | fields
        return self.client.post(NEW, data)

    def test_outputs_become_a_test_of_all_active_keys(self):
        other = make_test_key("other")
        retired = make_test_key("old")
        WatermarkKey.objects.filter(pk=retired.pk).update(
            state="retired", retired_at=self.case.opened_at
        )
        response = self.send({"text": "a b", "prompt": "p"}, {"text": "c"}, how="by hand")
        test = SuspectTest.objects.get()
        self.assertRedirects(response, f"/suspects/{test.ref}/")
        self.assertEqual(
            (test.requested_by, test.how, test.source), (self.ana, "by hand", "upload")
        )
        self.assertEqual({r.key for r in test.results.all()}, {self.key, other})
        self.assertEqual(list(test.texts.values_list("prompt", "text")), [("p", "a b"), ("", "c")])
        self.send({"text": "a b"}, with_retired="on")
        self.assertEqual(SuspectTest.objects.latest("pk").results.count(), 3)

    def test_each_bad_line_is_named_and_nothing_is_stored(self):
        response = self.send({"text": "fine"}, b"{", {"text": 5}, b"", {"tokens": ["<script>"]})
        self.assertEqual(response.status_code, 422)
        for said in (
            "Line 2: not JSON",
            "Line 3: text: not a string",
            "Line 5: tokens: not a list",
        ):
            self.assertContains(response, said, status_code=422)
        self.assertNotContains(response, "Line 4", status_code=422)
        self.assertNotContains(response, "<script>&quot;", status_code=422)
        self.assertFalse(SuspectTest.objects.exists())

    def test_of_very_many_bad_lines_the_first_are_named_and_the_rest_counted(self):
        response = self.send(*[b"{"] * 500)
        self.assertContains(response, "Line 20: not JSON", status_code=422)
        self.assertContains(response, "And 480 more bad lines.", status_code=422)
        self.assertNotContains(response, "Line 21:", status_code=422)

    def test_limits_are_kept_and_said(self):
        with mock.patch.object(suspect_forms, "FILE_BYTES", 10):
            self.assertContains(
                self.send({"text": "long enough"}), "at most 32 MiB", status_code=422
            )
        with mock.patch.object(suspect_forms, "LINES", 1):
            two = self.send({"text": "a"}, {"text": "b"})
            self.assertContains(two, "Send a random part of it", status_code=422)
        self.assertContains(self.send(b" "), "There is no line in it", status_code=422)
        self.assertContains(self.send({"text": "a"}, name=""), "required", status_code=422)
        self.assertContains(
            self.send({"text": "a"}, name="x" * 121), "at most 120", status_code=422
        )
        missing = self.client.post(NEW, {"source": "upload", "name": "m"})
        self.assertContains(missing, "required", status_code=422)
        self.assertEqual(self.client.post(NEW, {"source": "../"}).status_code, 422)
        self.assertFalse(SuspectTest.objects.exists())

    def test_token_ids_need_their_tokenizer(self):
        self.assertContains(self.send({"tokens": [1, 2]}), "name the tokenizer", status_code=422)
        self.assertContains(
            self.send({"tokens": [1, 2]}, tokenizer="other"), "valid choice", status_code=422
        )
        self.assertEqual(self.send({"tokens": [1, 2]}, tokenizer="words-v1").status_code, 302)

    def test_marked_text_names_keys_that_are_tried(self):
        marked = upload({"text": "a b c", "key": self.key.ref})
        self.assertEqual(self.send({"text": "a"}, marked=marked).status_code, 302)
        self.assertEqual(SuspectTest.objects.get().texts.get(role="marked").key, self.key)
        wrong = upload({"text": "a b c", "key": "K-99999"})
        response = self.send({"text": "a"}, marked=wrong)
        self.assertContains(response, "line 1: K-99999 is not among", status_code=422)

    def test_without_a_key_it_says_what_to_do_first(self):
        WatermarkKey.objects.update(state="retired", retired_at=self.case.opened_at)
        self.assertContains(self.send({"text": "a"}), "make one first", status_code=422)

    def test_an_endpoint_is_asked_for_with_its_budget_and_its_key_is_sealed(self):
        data = {
            "source": "endpoint", "name": "heron", "url": "https://api.example/v1", "model": "h",
            "token": "sk-very-secret", "prompts": upload(b"Why?", {"prompt": "How?"}),
            "request_budget": "10", "token_budget": "5000", "answer_tokens": "50",
            "temperature": "0.7",
        }  # fmt: skip
        response = self.client.post(NEW, data)
        test = SuspectTest.objects.get()
        self.assertRedirects(response, f"/suspects/{test.ref}/")
        self.assertEqual(
            (test.request_budget, test.token_budget, test.temperature), (10, 5000, 0.7)
        )
        self.assertNotIn(b"very-secret", bytes(test.sealed_token))
        shown = self.page(test)
        self.assertContains(shown, "https://api.example/v1")
        self.assertNotContains(shown, "very-secret")
        self.assertEqual(test.texts.filter(answered_at=None).count(), 2)

    def test_an_endpoint_that_may_not_be_asked_is_refused_with_a_reason(self):
        data = {
            "source": "endpoint", "name": "heron", "model": "h", "request_budget": "10",
            "token_budget": "5000", "answer_tokens": "50", "temperature": "1",
        }  # fmt: skip
        for url in ("http://10.0.0.1/v1", "file:///etc/passwd", "https://u:p@x/v1", "x"):
            with self.subTest(url):
                response = self.client.post(NEW, data | {"url": url, "prompts": upload(b"Why?")})
                self.assertContains(response, "Address", status_code=422)
                self.assertContains(response, 'role="alert"', status_code=422)
        response = self.client.post(
            NEW, data | {"url": "https://x/v1", "prompts": upload(b"q"), "request_budget": "0"}
        )
        self.assertEqual(response.status_code, 422)
        self.assertFalse(SuspectTest.objects.exists())


class KeyFormTest(SuspectsTest):
    def setUp(self):
        self.client.force_login(self.lea)

    def make(self, **fields):
        data = {
            "issued_for": "campaign", "scheme": "green-list", "width": "2", "gamma": "0.5",
            "delta": "2", "temperature": "1", "tokenizer_name": "words-v1",
        } | fields  # fmt: skip
        return self.client.post(KEYS, data)

    def test_a_key_is_made_with_its_accounts(self):
        self.assertRedirects(self.make(accounts="acct-1-2\r\n\r\nacct-1-0"), KEYS)
        key = WatermarkKey.objects.latest("pk")
        self.assertEqual(key.parameters, {"gamma": 0.5, "delta": 2.0, "width": 2})
        self.assertEqual(key.accounts.count(), 2)
        self.assertContains(self.client.get(KEYS), "green-list, δ 2, γ 0.5, width 2")

    def test_what_is_wrong_is_named_beside_the_form(self):
        before = WatermarkKey.objects.count()
        for fields, said in (
            ({"accounts": "acct-1-0\nno-such"}, "Not known: no-such"),
            ({"gamma": "7"}, "less than or equal to 0.99"),
            ({"width": "-1"}, "greater than or equal to 0"),
            ({"width": "2.5"}, "whole number"),
            ({"scheme": "x"}, "valid choice"),
            ({"tokenizer_name": "file:none"}, "valid choice"),
            ({"issued_for": ""}, "required"),
        ):
            with self.subTest(said):
                self.assertContains(self.make(**fields), said, status_code=422)
        self.assertEqual(WatermarkKey.objects.count(), before)

    def test_a_key_is_retired_once(self):
        url = f"{KEYS}{self.key.ref}/retire/"
        self.assertRedirects(self.client.post(url), KEYS)
        self.key.refresh_from_db()
        self.assertEqual((self.key.state, self.key.retired_by), ("retired", self.lea))
        self.assertContains(self.client.post(url, follow=True), "is retired already")


class WordsTest(SimpleTestCase):
    def test_p_is_said_from_its_logarithm(self):
        for log10, said in (
            (-7.1249, "7.5e-8"), (-3.5, "3.2e-4"), (-2.0, "0.01"), (-0.3, "0.501"), (0.0, "1"),
            (-412.0, "1.0e-412"), (-7.0001, "1.0e-7"), (None, "–"), (-3.0, "0.001"),
        ):  # fmt: skip
            self.assertEqual(p_words(log10), said)

    def test_bars_stand_on_one_axis(self):
        bars, axis = z_bars([5.8, -0.6])
        self.assertEqual(axis, "z, −2 to 7")
        self.assertTrue(bars[0].left == bars[0].zero == bars[1].zero)
        self.assertAlmostEqual(bars[1].left + bars[1].width, bars[1].zero, delta=0.2)
        self.assertTrue(all(0 <= b.left <= b.left + b.width <= 100 for b in bars))

    def test_charts_stay_in_their_frame_whatever_the_scores(self):
        for zs, keys in (([], []), ([0.0], [("K-1", 900.0)]), ([-9.0, 30.0] * 50, [("K-1", -8.0)])):
            chart = control_chart(zs, keys)
            self.assertEqual(sum(row["found"] for row in chart["rows"]), len(zs))
            for bar in chart["bars"]:
                self.assertTrue(20 <= bar["y"] <= 168 and bar["x"] + bar["width"] <= 541)
            for mark in chart["marks"]:
                self.assertTrue(36 <= mark["x"] <= 540)
        self.assertIsNone(trace_chart([[10, 1.0]], "K-1", 3.1))
        chart = trace_chart([[10, -1.0], [20, 400.0]], "K-1", 3.1)
        self.assertTrue(all(20 <= level["y"] <= 168 for level in chart["levels"]))
