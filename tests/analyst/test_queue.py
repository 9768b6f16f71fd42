"""The queue: whose door, which rows, in which order, and what may be done to several at once."""

from datetime import UTC, datetime, time, timedelta
from urllib.parse import parse_qs, urlsplit

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analyst.views import queue as page
from cases.models import Case, Connector, Enforcement
from tests.base import DeskTestCase

URL, BULK, TAKE = "/", "/bulk/", "/take-next/"
HOSTILE = '<script>alert("x")</script>\u202egnp.exe & "quoted\''


def plain_case(number: int, **fields) -> Case:
    """A case without members: all that the queue reads is on its row."""
    fields.setdefault("name", f"Slate Heron {number}")
    fields.setdefault("reason", "one card on many accounts")
    fields.setdefault("search_text", f"C-{number} {fields['name']} {fields['reason']}")
    return Case.objects.create(number=number, **fields)


def refs(response) -> list[str]:
    """Refs in the order of the rows."""
    return [
        part.split('"')[0] for part in response.content.decode().split('<tr data-href="/cases/')[1:]
    ]


class QueueDoorTest(DeskTestCase):
    def test_a_visitor_is_sent_to_the_login(self):
        self.assertRedirects(self.client.get(URL), "/login/?next=/", fetch_redirect_response=False)
        self.assertEqual(self.client.post(BULK).status_code, 302)
        self.assertEqual(self.client.post(TAKE).status_code, 302)

    def test_a_person_without_a_role_finds_nothing(self):
        self.client.force_login(self.stranger)
        for method, url in (
            (self.client.get, URL),
            (self.client.post, BULK),
            (self.client.post, TAKE),
        ):
            self.assertEqual(method(url).status_code, 404)

    def test_an_auditor_reads_and_changes_nothing(self):
        self.client.force_login(self.aud)
        response = self.client.get(URL)
        self.assertContains(response, "Quiet Loom")
        self.assertNotContains(response, 'name="ref"')
        self.assertNotContains(response, "Take next")
        for url in (BULK, TAKE):
            answer = self.client.post(url, {"do": "claim", "ref": "C-1"})
            self.assertEqual(answer.status_code, 403)
        self.case.refresh_from_db()
        self.assertIsNone(self.case.owner)

    def test_a_restricted_case_is_on_the_queue_of_its_list_alone(self):
        self.case.restricted = True
        self.case.save(update_fields=["restricted"])
        self.client.force_login(self.ana)
        response = self.client.get(URL)
        self.assertNotContains(response, "Quiet Loom")
        self.assertContains(response, 'All open <span class="count">0</span>')
        self.client.post(BULK, {"do": "claim", "ref": "C-1"})
        self.case.refresh_from_db()
        self.assertIsNone(self.case.owner)
        self.case.readers.add(self.ana)
        self.assertContains(self.client.get(URL), "Quiet Loom")


class QueueRowTest(DeskTestCase):
    def setUp(self):
        self.client.force_login(self.ana)

    def test_a_row_says_which_why_how_sure_and_how_much(self):
        Case.objects.update(
            priority=56.04, p_abuse=0.97, core=412, likely=538, possible=334, growth=0.25,
            harm_per_day=46.2e6, owner=self.lea, status=Case.Status.ESCALATED,
        )  # fmt: skip
        response = self.client.get(URL)
        for said in (
            "<b>56.0</b>", "P1", 'href="/cases/C-1/"', "one payment card on many accounts",
            "0.97", "1,284", "412 core, 538 likely, 334 possible", "46.2", "+25 %",
            "L. Okafor", "escalated",
        ):  # fmt: skip
            self.assertContains(response, said)

    def test_a_strangers_text_stays_text(self):
        Case.objects.update(
            name=HOSTILE, reason=HOSTILE, search_text=HOSTILE.lower(),
            explanation={"benign": [{"name": HOSTILE, "fit": "fits"}]}, p_abuse=0.2,
        )  # fmt: skip
        for url in (
            URL,
            f"{URL}?q=alert",
            f"{URL}?owner={HOSTILE}&status={HOSTILE}&sort={HOSTILE}",
        ):
            response = self.client.get(url, headers={"HX-Request-Type": "partial"})
            self.assertNotContains(response, "<script>alert")
            self.assertNotContains(response, "\u202e")
        self.assertContains(response, "&lt;script&gt;")
        self.assertContains(response, "‹U+202E›")

    def test_badges_name_what_is_special(self):
        Case.objects.update(
            new_since_decision=118, restricted=False, p_abuse=0.22,
            explanation={"aggregates": 9, "benign": [{"name": "homework", "fit": "fits"}]},
        )  # fmt: skip
        response = self.client.get(URL)
        self.assertContains(response, "118 new since decision")
        self.assertContains(response, ">aggregate<")
        self.assertContains(response, ">benign fit<")
        Case.objects.update(p_abuse=0.9)
        self.assertNotContains(self.client.get(URL), ">benign fit<")

    def test_an_explanation_of_another_shape_breaks_no_row(self):
        for explanation in (
            {},
            {"benign": "none", "aggregates": None},
            {"benign": [1, {"fit": 3}]},
        ):
            Case.objects.update(explanation=explanation)
            self.assertEqual(self.client.get(URL).status_code, 200)

    def test_a_due_time_is_a_word_and_a_shape(self):
        now = timezone.now()
        evening = datetime.combine(now.date(), time(23, 59, 30), UTC)
        for due, said in (
            (now - timedelta(hours=2, minutes=5), "2 h over"),
            (evening, "today 23:59"),
            (None, "–"),
        ):
            Case.objects.update(due_at=due)
            self.assertContains(self.client.get(URL), said)

    def test_an_action_marks_the_day_on_which_it_took_effect(self):
        now = timezone.now()
        connector = Connector.objects.create(
            slug="gate", name="Gate", kind="webhook", url="https://gate.example/", sealed_secret=b""
        )
        Enforcement.objects.create(
            number=1, case=self.case, kind="limit", connector=connector, reason="r", state="done",
            requested_by=self.ana, reviewed_by=self.lea, finished_at=now - timedelta(days=4),
        )  # fmt: skip
        # the trend ends with the census: two days without traffic follow the last activity
        trend = [5.0] * 12 + [0.0] * 2
        Case.objects.update(last_activity_at=now - timedelta(days=2), trend=trend)
        self.assertContains(self.client.get(URL), 'class="mark" d="M58 0v18"')  # day 9 of 0 to 13
        Enforcement.objects.update(finished_at=now - timedelta(days=40))
        self.assertNotContains(self.client.get(URL), 'class="mark" d="M58')

    def test_a_claim_that_ran_out_is_said_to_have_lapsed(self):
        Case.objects.update(owner=self.lea, claimed_until=timezone.now() - timedelta(hours=1))
        self.assertContains(self.client.get(URL), "claim lapsed")


class QueueFilterTest(DeskTestCase):
    @classmethod
    def setUpTestData(cls):
        super().setUpTestData()
        now = timezone.now()
        Case.objects.update(priority=40, search_text="C-1 quiet loom card-4929")
        plain_case(2, priority=20, p_abuse=0.3, harm_per_day=5e6, owner=cls.ana, status="in_review",
                   claimed_until=now + timedelta(hours=1))  # fmt: skip
        plain_case(3, priority=5, p_abuse=0.8, due_at=now - timedelta(hours=1), status="escalated",
                   owner=cls.lea, claimed_until=now + timedelta(hours=1))  # fmt: skip
        plain_case(4, priority=90, snoozed_until=now + timedelta(days=1))
        plain_case(5, priority=70, status="decided", verdict="confirmed", new_since_decision=3)
        plain_case(6, priority=60, merged_into=cls.case)
        plain_case(7, priority=31, owner=cls.bo, claimed_until=now - timedelta(hours=1),
                   status="in_review", search_text="100% sure_thing")  # fmt: skip

    def setUp(self):
        self.client.force_login(self.ana)

    def found(self, **filters) -> list[str]:
        return [ref.removesuffix("/") for ref in refs(self.client.get(URL, filters))]

    def test_each_tab_holds_its_rows_and_counts_them(self):
        end = datetime.combine(timezone.now().date(), time(23, 59, 59), UTC)
        Case.objects.filter(number=1).update(due_at=end)
        holds = {
            "open": ["C-1", "C-7", "C-2", "C-3"], "mine": ["C-2"], "today": ["C-1"],
            "overdue": ["C-3"], "grown": ["C-5"], "unclaimed": ["C-1", "C-7"], "decided": ["C-5"],
            "snoozed": ["C-4"],
        }  # fmt: skip
        counts = {tab["slug"]: tab["count"] for tab in self.client.get(URL).context["tabs"]}
        for view, expected in holds.items():
            with self.subTest(view):
                self.assertEqual(self.found(view=view), expected)
                self.assertEqual(counts[view], str(len(expected)))

    def test_counting_stops_and_says_so(self):
        Case.objects.bulk_create(
            Case(number=1000 + i, name="Low Weir", reason="r", owner=self.ana) for i in range(201)
        )
        response = self.client.get(URL, {"view": "mine"})
        self.assertContains(response, 'Mine <span class="count">200+</span>')
        self.assertContains(response, 'All open <span class="count">205</span>')

    def test_each_filter_finds_its_cases(self):
        for filters, expected in (
            ({"status": "escalated"}, ["C-3"]),
            ({"p": "0.75"}, ["C-1", "C-3"]),
            ({"harm": "2"}, ["C-2"]),
            ({"level": "P2"}, ["C-2"]),
            ({"level": "P3"}, ["C-3"]),
            ({"owner": "ana"}, ["C-2"]),
            ({"owner": "-"}, ["C-1", "C-7"]),
            ({"q": "c-3"}, ["C-3"]),
            ({"q": "QUIET 4929"}, ["C-1"]),
            ({"q": "quiet", "level": "P3"}, []),
        ):
            with self.subTest(filters):
                self.assertEqual(self.found(**filters), expected)

    def test_signs_of_like_are_letters(self):
        self.assertEqual(self.found(q="100%"), ["C-7"])
        self.assertEqual(self.found(q="e_t"), ["C-7"])
        self.assertEqual(self.found(q="%"), ["C-7"])
        self.assertEqual(self.found(q="\\"), [])

    def test_a_value_that_does_not_fit_is_named_and_filters_nothing(self):
        response = self.client.get(URL, {"p": "7", "level": "P9", "owner": "nobody", "q": "a\0b"})
        self.assertEqual(len(refs(response)), 4)
        self.assertContains(response, "less than or equal to 1")
        self.assertContains(response, "P9 is not one of the available choices")

    def test_a_chip_takes_its_filter_away_and_keeps_the_others(self):
        response = self.client.get(URL, {"p": "0.5", "level": "P1", "view": "mine"})
        chips = {
            chip["says"]: parse_qs(urlsplit(chip["without"]).query)
            for chip in response.context["chips"]
        }
        self.assertEqual(chips["level"], {"view": ["mine"], "p": ["0.5"]})
        self.assertEqual(chips["P(abuse) ≥"], {"view": ["mine"], "level": ["P1"]})

    def test_no_match_offers_to_clear_the_filters_and_keeps_the_tab(self):
        response = self.client.get(URL, {"q": "nowhere", "view": "mine"})
        self.assertContains(response, "No case matches")
        self.assertContains(response, 'href="/?view=mine"')

    def test_an_empty_desk_says_how_signals_get_in(self):
        Case.objects.update(restricted=True)
        response = self.client.get(URL)
        self.assertContains(response, "No case yet")
        self.assertContains(response, "/api/v1/signals/")

    def test_htmx_gets_the_part_and_a_clean_address_to_push(self):
        headers = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Source": "input#q"}
        response = self.client.get(URL, {"q": "quiet", "p": "", "status": ""}, headers=headers)
        self.assertNotContains(response, "<html")
        self.assertContains(response, "hx-preserve")
        self.assertEqual(response["HX-Push-Url"], "/?q=quiet")
        self.assertIn("HX-Request-Type", response["Vary"])
        back = {
            "HX-Request": "true",
            "HX-Request-Type": "full",
            "HX-History-Restore-Request": "true",
        }
        self.assertContains(self.client.get(URL, headers=back), "<html")


class QueuePagingTest(DeskTestCase):
    @classmethod
    def setUpTestData(cls):
        super().setUpTestData()
        Case.objects.update(restricted=True)
        now = timezone.now()
        for i in range(23):
            plain_case(
                100 + i, priority=1 + (i % 4) / 3, harm_per_day=i % 5,
                due_at=now + timedelta(hours=i % 6) if i % 3 else None,
            )  # fmt: skip

    def setUp(self):
        self.client.force_login(self.ana)
        self.addCleanup(setattr, page, "PAGE", page.PAGE)
        page.PAGE = 5

    def walk(self, way: str, url: str) -> list[list[str]]:
        pages = []
        while url and len(pages) < 20:
            response, self.last = self.client.get(url), url
            pages.append(refs(response))
            url = response.context[way]
        return pages

    def test_paging_by_key_loses_and_repeats_nothing_there_and_back(self):
        for sort in ("priority", "harm", "due"):
            with self.subTest(sort):
                there = self.walk("next", f"/?sort={sort}")
                self.assertEqual([len(rows) for rows in there], [5, 5, 5, 5, 3])
                self.assertEqual(len({ref for rows in there for ref in rows}), 23)
                back = self.walk("back", self.last)
                self.assertEqual(back[::-1], there)

    def test_a_case_that_rises_between_two_pages_moves_no_other(self):
        first = self.client.get(URL)
        Case.objects.filter(number=100).update(priority=99)
        second = refs(self.client.get(first.context["next"]))
        expected = [
            f"C-{number}/" for number in Case.objects.filter(restricted=False)
            .order_by("-priority", "-id").values_list("number", flat=True)
        ]  # fmt: skip
        self.assertEqual(
            second, [ref for ref in expected if ref not in refs(first) and ref != "C-100/"][:5]
        )

    def test_a_place_that_is_no_place_shows_the_first_page(self):
        first = refs(self.client.get(URL))
        for place in (
            "x",
            "nan,3",
            "inf,1",
            "1e999,1",
            "1,99999999999999999999",
            ",",
            ",5",
            "1,-4",
        ):
            with self.subTest(place):
                self.assertEqual(refs(self.client.get(URL, {"after": place})), first)
        self.assertEqual(
            self.client.get(URL, {"sort": "due", "after": "yesterday,1"}).status_code, 200
        )


class QueueQueriesTest(DeskTestCase):
    def test_the_number_of_queries_does_not_grow_with_the_cases(self):
        self.client.force_login(self.ana)
        for i in range(2):
            plain_case(200 + i, priority=i, owner=self.bo)
        self.client.get(URL)
        with CaptureQueriesContext(connection) as few:
            self.assertEqual(len(refs(self.client.get(URL))), 3)
        for i in range(57):
            plain_case(
                300 + i, priority=i, owner=[self.bo, self.lea, None][i % 3], new_since_decision=i
            )
        with self.assertNumQueries(len(few)):
            self.assertEqual(len(refs(self.client.get(URL))), 60)
        self.assertLessEqual(len(few), 10)
