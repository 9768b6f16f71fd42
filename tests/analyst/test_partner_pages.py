"""The pages about partners, private matches and tips: who may do what, and what is shown."""

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from cases.models import Case, MatchSession, Partner, Tip
from cases.services.partner import set_up_partner
from ingest.models import Account, Signal
from tests.base import NOON, make_account
from tests.cases.matching import MatchTestCase

HOSTILE = "<img src=x onerror=alert(1)>\u202e"


class PageTestCase(MatchTestCase):
    def setUp(self):
        super().setUp()
        self.client.force_login(self.ana)

    def post(self, path, data=None, user=None):
        self.client.force_login(user or self.ana)
        return self.client.post(path, data or {})


class MatchPages(PageTestCase):
    def test_an_ask_from_the_case_to_the_names(self):
        self.build()
        page = self.client.get("/cases/C-1/match/")
        self.assertContains(page, "South")
        response = self.post("/cases/C-1/match/ask/", {"partner": "south"})
        session = MatchSession.objects.get()
        url = f"/sharing/matches/{session.pk}/"
        self.assertRedirects(response, url)
        self.turn(session, 3)
        self.assertContains(self.client.get(url), "<b>1</b> of our 1 value")
        self.assertContains(self.client.get(url), "You asked for the number")
        response = self.post(f"{url}act/", {"step": "want"}, user=self.lea)
        self.assertRedirects(response, url)
        self.turn(session)
        theirs = f"/sharing/matches/{self.theirs().pk}/"
        self.assertContains(self.client.get(theirs), "wants to know which 1 of its values")
        self.assertRedirects(self.post(f"{theirs}act/", {"step": "agree"}, user=self.lea), theirs)
        self.turn(session)
        for path in (url, theirs):
            page = self.client.get(path)
            self.assertContains(page, "card-1")
            self.assertContains(page, "Signed by both")
        self.assertContains(self.client.get("/cases/C-1/"), "South holds values of this case")

    def test_who_may_press_what(self):
        session = self.counted()
        url = f"/sharing/matches/{session.pk}/"
        for user, status in ((self.stranger, 404), (self.aud, 403), (self.bo, 403)):
            self.assertEqual(
                self.post(f"{url}act/", {"step": "want"}, user=user).status_code, status
            )
        self.assertEqual(self.client.get(f"{url}act/").status_code, 405)
        for user, status in ((self.stranger, 404), (self.aud, 403)):
            response = self.post("/cases/C-1/match/ask/", {"partner": "south"}, user=user)
            self.assertEqual(response.status_code, status)
        self.client.force_login(self.aud)
        self.assertEqual(self.client.get(url).status_code, 200)
        self.client.force_login(self.stranger)
        self.assertEqual(self.client.get(url).status_code, 404)
        session.refresh_from_db()
        self.assertEqual(session.state, "counted")

    def test_a_refusal_is_a_sentence_and_not_an_error(self):
        session = self.counted()
        url = f"/sharing/matches/{session.pk}/act/"
        for step, words in (("agree", "We asked this one"), ("dance", "step: must be")):
            response = self.post(url, {"step": step}, user=self.lea)
            self.assertContains(response, words, status_code=422)
        response = self.post("/cases/C-1/match/ask/", {"partner": "nobody"})
        self.assertEqual(response.status_code, 422)
        Case.objects.update(tlp="red")
        response = self.post("/cases/C-1/match/ask/", {"partner": "south"})
        self.assertContains(response, "TLP:RED", status_code=422)

    def test_a_match_about_a_case_that_is_not_mine_is_not_there(self):
        session = self.counted()
        Case.objects.update(restricted=True)
        self.client.force_login(self.bo)
        self.assertEqual(self.client.get(f"/sharing/matches/{session.pk}/").status_code, 404)
        self.assertNotContains(self.client.get("/sharing/matches/"), "C-1")
        self.assertNotContains(self.client.get("/sharing/"), "C-1")

    def test_progress_asks_for_the_page_once_it_is_over(self):
        self.build()
        session = self.ask()
        url = f"/sharing/matches/{session.pk}/?part=progress"
        response = self.client.get(url)
        self.assertContains(response, "hx-get")
        self.assertNotIn("HX-Refresh", response)
        self.turn(session, 3)
        self.assertEqual(self.client.get(url)["HX-Refresh"], "true")


class TipPages(PageTestCase):
    data = {
        "form": "text", "told_by": "North", "partner": "north", "hops": "1", "tlp": "amber",
        "title": "kite", "text": "acct-1-0 from 198.51.100.7",
    }  # fmt: skip

    def test_first_a_preview_that_keeps_nothing_then_the_tip(self):
        page = self.post("/sharing/tips/new/", self.data)
        self.assertContains(page, "acct-1-0")
        self.assertContains(page, "Keep it")
        self.assertFalse(Tip.objects.exists())
        response = self.post("/sharing/tips/new/", self.data | {"keep": "1"})
        tip = Tip.objects.get()
        self.assertRedirects(response, f"/sharing/tips/{tip.pk}/")
        self.assertEqual(Signal.objects.filter(detector=self.north.detector).count(), 1)
        for path in (f"/sharing/tips/{tip.pk}/", "/sharing/tips/", "/sharing/",
                     "/sharing/partners/north/"):  # fmt: skip
            self.assertContains(self.client.get(path), "kite")

    def test_a_file_is_read_and_comes_back_as_text(self):
        file = SimpleUploadedFile("t.csv", b"kind,value\naccount,acct-1-1\nip,zz\n")
        page = self.post(
            "/sharing/tips/new/", self.data | {"form": "csv", "text": "", "file": file}
        )
        self.assertContains(page, "acct-1-1")
        self.assertContains(page, "line 3: value:")
        self.assertContains(page, "account,acct-1-1")

    def test_what_cannot_be_read_is_a_sentence_at_its_field(self):
        for change, words in (
            ({"text": ""}, "Paste the text"),
            ({"form": "misp"}, "This is no JSON"),
            ({"form": "csv", "text": "a,b\n1,2"}, "must name the columns"),
            ({"told_by": ""}, "required"),
            ({"hops": "0"}, "greater than or equal to 1"),
            ({"file": SimpleUploadedFile("x", b"\xff\xfe")}, "no text in UTF-8"),
            ({"origin": "East", "keep": "1"}, "one more for each"),
        ):
            with self.subTest(words=words):
                page = self.post("/sharing/tips/new/", self.data | change)
                self.assertContains(page, words, status_code=422)
        self.assertFalse(Tip.objects.exists())

    def test_who_may_enter_and_settle(self):
        self.post("/sharing/tips/new/", self.data | {"text": "nothing", "keep": "1"})
        tip = Tip.objects.get()
        for path in ("new/", f"{tip.pk}/again/", f"{tip.pk}/aside/"):
            for user, status in ((self.aud, 403), (self.stranger, 404)):
                response = self.post(f"/sharing/tips/{path}", self.data, user=user)
                self.assertEqual(response.status_code, status, path)
        response = self.post(f"/sharing/tips/{tip.pk}/aside/", {"reason": ""})
        self.assertEqual(response.status_code, 422)
        make_account("nothing")
        self.post(f"/sharing/tips/{tip.pk}/again/")
        tip.refresh_from_db()
        self.assertEqual(tip.state, "taken")
        response = self.post(f"/sharing/tips/{tip.pk}/aside/", {"reason": "x"})
        self.assertContains(response, "signals written", status_code=422)

    def test_strangers_text_is_text(self):
        Account.objects.filter(external_id="acct-1-0").update(organisation=HOSTILE)
        Partner.objects.update(name=HOSTILE)
        data = self.data | {"title": HOSTILE, "told_by": HOSTILE, "text": f"acct-1-0 {HOSTILE}"}
        preview = self.post("/sharing/tips/new/", data)
        self.post("/sharing/tips/new/", data | {"keep": "1"})
        session = self.counted()
        pages = [preview] + [
            self.client.get(path)
            for path in (
                "/sharing/",
                "/sharing/tips/",
                f"/sharing/tips/{Tip.objects.get().pk}/",
                "/sharing/partners/",
                "/sharing/partners/north/",
                "/sharing/matches/",
                f"/sharing/matches/{session.pk}/",
                "/cases/C-1/match/",
            )
        ]
        for page in pages:
            text = page.content.decode()
            self.assertEqual(page.status_code, 200)
            self.assertNotIn("<img", text)
            self.assertTrue("&lt;img" in text, page.request["PATH_INFO"])


class PartnerPages(PageTestCase):
    def test_a_partner_s_record_policy_and_exchanges_are_shown(self):
        self.counted()
        page = self.client.get("/sharing/partners/north/")
        self.assertContains(page, "19 of 20 asks")
        self.assertContains(page, "match_answered")
        self.assertContains(self.client.get("/sharing/partners/"), "0 of 0")

    def test_strangers_find_nothing(self):
        self.client.force_login(self.stranger)
        for path in ("partners/", "partners/north/", "matches/", "tips/", "tips/new/"):
            self.assertEqual(self.client.get(f"/sharing/{path}").status_code, 404)
        self.client.force_login(self.aud)
        self.assertEqual(self.client.get("/sharing/partners/nobody/").status_code, 404)

    def test_lists_take_as_many_queries_at_two_sizes(self):
        paths = ("/sharing/", "/sharing/partners/", "/sharing/matches/", "/sharing/tips/",
                 "/sharing/partners/north/")  # fmt: skip
        numbers = {path: [] for path in paths}
        for size in (2, 130):
            for i in range(min(size, 12)):
                set_up_partner(f"lab-{size}-{i}", actor=None, name=f"Lab {i}")
            MatchSession.objects.bulk_create(
                MatchSession(partner=self.north, ours=False, epoch=1, state="failed", asked=512)
                for _ in range(size)
            )
            Tip.objects.bulk_create(
                Tip(
                    form="text", title="t", told_by=f"{size}-{i}", seen_at=NOON,
                    body="x", sha256="0" * 64, entered_by=self.ana, partner=self.north,
                )
                for i in range(size)
            )  # fmt: skip
            for path in paths:
                with CaptureQueriesContext(connection) as captured:
                    self.assertEqual(self.client.get(path).status_code, 200)
                numbers[path].append(len(captured))
        for path, (few, many) in numbers.items():
            self.assertEqual(few, many, path)
        page = self.client.get("/sharing/tips/")
        self.assertContains(page, "next 100")
