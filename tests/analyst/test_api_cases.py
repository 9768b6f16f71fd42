from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cases.models import Case, TimelineEvent
from cases.services.note import add_note
from cases.services.triage import claim
from tests.analyst.api import WHY, ApiTestCase
from tests.base import NOON, make_case


class CasesTest(ApiTestCase):
    def setUp(self):
        self.client.force_login(self.ana)

    def refs(self, **query):
        return [row["ref"] for row in self.results("", **query)]

    def test_a_row_says_what_the_queue_says(self):
        claim(self.case, actor=self.bo)
        (row,) = self.results("")
        self.assertEqual(
            {key: row[key] for key in ("ref", "name", "status", "verdict", "owner", "level")},
            {
                "ref": "C-1",
                "name": "Quiet Loom",
                "status": "in_review",
                "verdict": "undecided",
                "owner": "bo",
                "level": "P1",
            },
        )
        self.assertEqual(row["members"], {"core": 3, "likely": 0, "possible": 0})
        self.assertNotIn("explanation", row)
        self.assertNotIn("search_text", row)

    def test_one_case_comes_with_what_explains_it(self):
        Case.objects.update(explanation={"method": "rarity-1", "benign": [{"name": "<b>x</b>"}]})
        whole = self.get("C-1/").json()
        self.assertEqual(whole["explanation"]["benign"], [{"name": "<b>x</b>"}])
        self.assertIsNone(whole["operator"])
        self.assertIsNone(whole["opened_by"])

    def test_no_such_case_is_a_404_however_it_is_written(self):
        for ref in ("C-2", "C-", "1", "c-1", "C-1e3", "C--1", "C-99999999999999999999", "C-%00"):
            with self.subTest(ref=ref):
                self.assertRefused(self.get(f"{ref}/"), 404)

    def test_cases_come_by_priority_and_each_filter_narrows(self):
        low = make_case(2, priority=5.0, p_abuse=0.3, harm_per_day=1e6, search_text="C-2 rust 50%")
        top = make_case(3, priority=90.0, p_abuse=0.99, harm_per_day=5e7, search_text="C-3 kiln")
        Case.objects.filter(pk=low.pk).update(status="decided", verdict="benign")
        Case.objects.filter(pk=self.case.pk).update(opened_at=NOON - timedelta(days=9))
        claim(top, actor=self.bo)
        self.assertEqual(self.refs(), ["C-3", "C-1", "C-2"])
        for query, found in {
            (("status", "decided"),): ["C-2"],
            (("status", "open"),): ["C-3", "C-1"],
            (("status", ("new", "decided")),): ["C-1", "C-2"],
            (("verdict", "benign"),): ["C-2"],
            (("verdict", ("benign", "undecided")), ("status", "in_review")): ["C-3"],
            (("owner", "bo"),): ["C-3"],
            (("owner", "me"),): [],
            (("owner", "unclaimed"),): ["C-1", "C-2"],
            (("owner", "no such person"),): [],
            (("q", "KILN"),): ["C-3"],
            (("q", "50%"),): ["C-2"],
            (("q", "%"),): ["C-2"],
            (("q", "c-1"),): ["C-1"],
            (("min_p", "0.9"),): ["C-3", "C-1"],
            (("min_harm", "2e6"),): ["C-3"],
            (("opened_since", "2026-11-20T00:00:00Z"),): ["C-3", "C-2"],
        }.items():
            with self.subTest(query=query):
                self.assertEqual(self.refs(**dict(query)), found)

    def test_updated_since_asks_the_timeline(self):
        make_case(2)
        # the timeline is append-only: what came later is asked from the moment between
        between = TimelineEvent.objects.order_by("at").last().at + timedelta(microseconds=1)
        self.assertEqual(self.refs(updated_since=between.isoformat()), [])
        add_note(self.case, actor=self.ana, text="seen")
        self.assertEqual(self.refs(updated_since=between.isoformat()), ["C-1"])

    def test_a_merged_case_is_not_listed_and_its_ref_leads_on(self):
        Case.objects.filter(pk=make_case(2).pk).update(merged_into=self.case)
        self.assertEqual(self.refs(), ["C-1"])
        answer = self.get("C-2/")
        self.assertEqual((answer.status_code, answer.json()["ref"]), (301, "C-1"))

    def test_pages_hold_every_case_once_also_where_priorities_are_equal(self):
        for number in range(2, 12):
            make_case(number, accounts=1, priority=7.1 if number % 2 else 0.1 + 0.2)
        rows, pages = self.all_pages("", limit=3)
        self.assertEqual(pages, 4)
        found = [row["ref"] for row in rows]
        self.assertEqual(found, [f"C-{number}" for number in (1, 11, 9, 7, 5, 3, 10, 8, 6, 4, 2)])

    def test_the_next_page_keeps_the_filter(self):
        for number in range(2, 6):
            make_case(number, accounts=1, priority=float(number))
        Case.objects.filter(number=3).update(status="decided", verdict="benign")
        rows, pages = self.all_pages("", limit=2, status="new")
        self.assertEqual([row["ref"] for row in rows], ["C-1", "C-5", "C-4", "C-2"])
        self.assertEqual(pages, 2)

    def test_a_case_that_arrives_while_somebody_reads_repeats_none(self):
        for number in range(2, 5):
            make_case(number, accounts=1, priority=float(number))
        first = self.get("", limit=2).json()
        make_case(9, accounts=1, priority=99.0)
        second = self.client.get(first["next"]).json()
        self.assertEqual([row["ref"] for row in second["results"]], ["C-3", "C-2"])

    def test_the_list_takes_as_many_queries_at_any_size(self):
        def queries():
            with CaptureQueriesContext(
                connection,
            ) as asked:
                self.results("", limit=100, status="open")
            return len(asked)

        few = queries()
        for number in range(2, 30):
            claim(make_case(number, accounts=1), actor=self.bo)
        self.assertEqual(queries(), few)
        self.assertLessEqual(few, 5)

    def test_the_next_page_starts_inside_the_index(self):
        """The cursor must bound the index scan, not filter what it walks over."""
        Case.objects.bulk_create(
            Case(number=n, name="x", reason="y", priority=float(n % 7)) for n in range(100, 3000)
        )
        following = self.get("", limit=10, status="open").json()["next"]
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE cases_case")
            cursor.execute("SET LOCAL enable_seqscan = off")
        with CaptureQueriesContext(connection) as asked:
            self.client.get(following)
        (page,) = [q["sql"] for q in asked if "cases_case" in q["sql"]]
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN " + page)
            plan = "\n".join(row[0] for row in cursor.fetchall())
        self.assertRegex(plan, r"using case_queue[^\n]*\n\s*Index Cond: \(ROW\(priority, id\) <")


class MovesTest(ApiTestCase):
    def setUp(self):
        self.client.force_login(self.ana)

    def move(self, name, body=None, status=200):
        response = self.post(f"C-1/{name}/", body)
        self.assertEqual(response.status_code, status, response.content)
        return response.json()

    def kinds(self):
        return list(self.case.events.values_list("kind", flat=True))[1:]

    def test_the_whole_road(self):
        self.assertEqual(self.move("claim")["owner"], "ana")
        self.assertEqual(self.move("escalate", WHY)["status"], "escalated")
        self.assertIsNone(self.move("release")["owner"])
        self.move("decisions", {"outcome": "benign"} | WHY, status=201)
        self.assertEqual(self.move("reopen", WHY)["status"], "reopened")
        self.assertEqual(
            self.kinds(),
            [
                "case_claimed",
                "case_escalated",
                "case_released",
                "decision_recorded",
                "case_reopened",
            ],
        )

    def test_a_claim_that_another_holds_is_a_conflict_with_their_name(self):
        claim(self.case, actor=self.bo)
        self.assertRefused(self.post("C-1/claim/"), 409, "claimed by bo")
        self.assertRefused(self.post("C-1/escalate/", WHY), 409, "claimed by bo")

    def test_another_persons_claim_is_released_by_a_lead_alone(self):
        claim(self.case, actor=self.bo)
        self.assertRefused(self.post("C-1/release/"), 403, "only they or a lead")
        self.client.force_login(self.lea)
        self.assertIsNone(self.move("release")["owner"])

    def test_a_move_from_the_wrong_state_is_a_conflict_and_leaves_no_trace(self):
        self.assertRefused(self.post("C-1/release/"), 409, "not claimed")
        self.assertRefused(self.post("C-1/reopen/", WHY), 409, "C-1 is new")
        Case.objects.update(status="decided", verdict="benign", decided_at=timezone.now())
        self.assertRefused(self.post("C-1/claim/"), 409, "C-1 is decided")
        self.assertRefused(self.post("C-1/escalate/", WHY), 409, "C-1 is decided")
        self.assertEqual(self.kinds(), [])

    def test_a_reason_is_asked_for(self):
        for name in ("escalate", "reopen"):
            for body in ({}, {"rationale": "  "}, {"rationale": None}, {"rationale": "x" * 5001}):
                with self.subTest(name=name, body=str(body)[:30]):
                    response = self.post(f"C-1/{name}/", body)
                    self.assertRefused(response, 400)
                    self.assertEqual(list(response.json()["fields"]), ["rationale"])
        self.assertEqual(self.kinds(), [])
