"""The palette and the key map: whose door, what they find, that nothing of a stranger acts."""

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analyst.commands import commands_for
from analyst.palette import marked
from cases.models import Case
from tests.analyst.test_queue import HOSTILE, plain_case
from tests.base import DeskTestCase, make_account

PALETTE, KEYS = "/palette/", "/keys/"
HTMX = {"HTTP_HX_REQUEST": "true"}


class PaletteTest(DeskTestCase):
    def find(self, text, who=None, **more):
        self.client.force_login(who or self.ana)
        return self.client.get(PALETTE, {"q": text, **more}, **HTMX)

    def test_visitors_log_in_and_a_person_without_a_role_finds_nothing(self):
        for url in (PALETTE, KEYS):
            self.assertRedirects(
                self.client.get(url), f"/login/?next={url}", fetch_redirect_response=False
            )
        self.client.force_login(self.stranger)
        for url in (PALETTE, KEYS):
            self.assertEqual(self.client.get(url).status_code, 404)

    def test_a_case_is_found_by_name_before_one_that_matches_by_what_it_holds(self):
        plain_case(7, name="Tin Lantern", priority=1)
        plain_case(8, name="Other Thing", priority=90, search_text="C-8 Other Thing lantern-card")
        page = self.find("lantern").content.decode()
        self.assertLess(page.index("/cases/C-7/"), page.index("/cases/C-8/"))
        self.assertIn("Tin <mark>Lantern</mark>", page)

    def test_a_restricted_case_is_known_to_its_list_alone(self):
        case = plain_case(7, name="Tin Lantern", restricted=True)
        self.assertNotContains(self.find("lantern"), "C-7")
        self.assertNotContains(self.find("", case="C-7"), "Do on")
        case.readers.add(self.ana)
        self.assertContains(self.find("lantern"), "C-7")

    def test_commands_are_what_the_person_may_do_on_the_case(self):
        plain_case(7, status=Case.Status.NEW)
        self.assertContains(self.find("", case="C-7"), "/cases/C-7/decide/?outcome=confirmed")
        self.assertNotContains(self.find("", case="C-7", who=self.aud), "Do on C-7")

    def test_every_command_leads_through_a_door_that_opens(self):
        case = plain_case(7, status=Case.Status.NEW)
        self.client.force_login(self.ana)
        for command in commands_for(case, self.ana, timezone.now()):
            with self.subTest(command=command.label):
                method = self.client.post if command.posts else self.client.get
                self.assertIn(method(command.href.split("#")[0]).status_code, {200, 302})

    def test_a_greater_than_sign_asks_for_commands_and_pages_alone(self):
        plain_case(7, name="Claim Heron", status=Case.Status.NEW)
        page = self.find("> claim", case="C-7").content.decode()
        self.assertIn("/cases/C-7/claim/", page)
        self.assertNotIn("Claim</mark> Heron", page)

    def test_accounts_are_found_by_the_beginning_of_their_id(self):
        make_account("acct-lonely")
        self.assertContains(self.find("acct-lon"), "/accounts/acct-lonely/")

    def test_a_strangers_text_is_shown_and_never_acts(self):
        plain_case(7, name=HOSTILE)
        make_account(HOSTILE)
        for text in ("script", HOSTILE, "<", "&", "\u202e", "%", "[", "\\"):
            with self.subTest(text=text):
                response = self.find(text)
                self.assertEqual(response.status_code, 200)
                self.assertNotContains(response, "<script")
                self.assertNotContains(response, "\u202e")

    def test_marking_escapes_what_it_marks_and_what_it_leaves(self):
        self.assertEqual(marked("a<b>c", "B"), "a&lt;<mark>b</mark>&gt;c")
        self.assertEqual(marked("x & y", "zzz"), "x &amp; y")

    def test_without_javascript_it_is_a_page(self):
        plain_case(7, name="Tin Lantern")
        self.client.force_login(self.ana)
        response = self.client.get(PALETTE, {"q": "lantern"})
        self.assertContains(response, "<h1")
        self.assertContains(response, "/cases/C-7/")
        self.assertContains(self.client.get(KEYS), "<h1>Keys</h1>", html=True)

    def test_its_queries_do_not_grow(self):
        counts = []
        for size in (8, 30):  # both above what is shown
            for number in range(100 * size, 101 * size):
                plain_case(number, name=f"Tin Lantern {number}")
                make_account(f"tin-{size}-{number}")
            self.find("tin")
            with CaptureQueriesContext(
                connection,
            ) as asked:
                self.client.get(PALETTE, {"q": "tin", "case": "C-800"}, **HTMX)
            counts.append(len(asked))
        self.assertEqual(*counts)
