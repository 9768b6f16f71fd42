from django.db import connection
from django.test.utils import CaptureQueriesContext

from cases.models import Case, Decision, Note, TimelineEvent
from cases.services.decide import record_decision
from cases.services.note import add_note
from cases.services.triage import claim, reopen
from tests.analyst.api import ApiTestCase

SURE = {"outcome": "confirmed", "rationale": "one card, one template"}


class DecisionsTest(ApiTestCase):
    def setUp(self):
        self.client.force_login(self.ana)

    def test_a_decision_gives_the_case_its_verdict(self):
        body = SURE | {"stated_probability": 0.93, "competing_hypothesis": "resale"}
        response = self.post("C-1/decisions/", body)
        self.assertEqual(response.status_code, 201, response.content)
        self.assertEqual(
            response.json(),
            body
            | {
                "id": Decision.objects.get().pk,
                "decided_by": "ana",
                "decided_at": response.json()["decided_at"],
            },
        )
        self.case.refresh_from_db()
        self.assertEqual((self.case.status, self.case.verdict), ("decided", "confirmed"))
        event = TimelineEvent.objects.get(kind="decision_recorded")
        self.assertEqual(
            (event.actor, event.content.body["rationale"]), (self.ana, body["rationale"])
        )

    def test_a_second_decision_is_a_conflict_and_changes_nothing(self):
        self.post("C-1/decisions/", SURE)
        response = self.post("C-1/decisions/", SURE | {"outcome": "benign"})
        self.assertRefused(response, 409, "C-1 is decided")
        self.assertEqual(Decision.objects.get().outcome, "confirmed")
        self.assertEqual(Case.objects.get().verdict, "confirmed")

    def test_a_decision_on_a_case_that_another_holds_is_a_conflict(self):
        claim(self.case, actor=self.bo)
        self.assertRefused(self.post("C-1/decisions/", SURE), 409, "claimed by bo")
        self.assertFalse(Decision.objects.exists())

    def test_what_is_wrong_is_said_by_field_and_nothing_is_decided(self):
        for field, values in {
            "outcome": ["", "undecided", "guilty", 7, True, None],
            "rationale": ["", "   ", "x" * 5001, None, True, "a\0b"],
            "stated_probability": [-0.1, 1.1, "x", True, 10**400, "NaN", "1e999"],
            "competing_hypothesis": ["aliens", None],
            "stated_probabilty": [0.9],
            "decided_by": ["lea"],
        }.items():
            for value in values:
                with self.subTest(field=field, value=str(value)[:20]):
                    response = self.post("C-1/decisions/", SURE | {field: value})
                    self.assertRefused(response, 400)
                    self.assertEqual(list(response.json()["fields"]), [field])
        self.assertFalse(Decision.objects.exists())

    def test_decisions_are_listed_newest_first_with_pages(self):
        for outcome in ("benign", "inconclusive", "confirmed"):
            record_decision(self.case, actor=self.bo, outcome=outcome, rationale="so it seems")
            reopen(self.case, actor=self.lea, rationale="look again")
        rows, pages = self.all_pages("C-1/decisions/", limit=2)
        self.assertEqual(pages, 2)
        self.assertEqual([row["outcome"] for row in rows], ["confirmed", "inconclusive", "benign"])

    def test_the_list_takes_as_many_queries_at_any_size(self):
        def queries():
            with CaptureQueriesContext(connection) as asked:
                self.results("C-1/decisions/")
            return len(asked)

        few = queries()
        for _ in range(15):
            record_decision(self.case, actor=self.bo, outcome="benign", rationale="so it seems")
            reopen(self.case, actor=self.lea, rationale="look again")
        self.assertEqual(queries(), few)
        self.assertLessEqual(few, 5)


class NotesTest(ApiTestCase):
    def setUp(self):
        self.client.force_login(self.ana)

    def test_a_note_is_kept_and_the_timeline_points_at_it(self):
        response = self.post("C-1/notes/", {"text": "<img src=x onerror=alert(1)>"})
        self.assertEqual(response.status_code, 201, response.content)
        note = Note.objects.get()
        self.assertEqual((note.author, note.text), (self.ana, "<img src=x onerror=alert(1)>"))
        event = self.results("C-1/timeline/")[-1]
        self.assertEqual((event["kind"], event["content"]), ("note_added", {"note": note.pk}))
        self.assertEqual(self.results("C-1/notes/")[0], response.json())

    def test_an_empty_or_endless_note_is_refused(self):
        for body in ({}, {"text": " "}, {"text": "x" * 10_001}, {"text": "x", "author": "lea"}):
            self.assertRefused(self.post("C-1/notes/", body), 400)
        self.assertFalse(Note.objects.exists())

    def test_the_list_takes_as_many_queries_at_any_size_and_has_pages(self):
        def queries():
            with CaptureQueriesContext(connection) as asked:
                self.results("C-1/notes/", limit=100)
            return len(asked)

        few = queries()
        for number in range(20):
            add_note(self.case, actor=self.bo, text=f"note {number}")
        self.assertEqual(queries(), few)
        rows, pages = self.all_pages("C-1/notes/", limit=15)
        self.assertEqual((rows[0]["text"], len(rows), pages), ("note 19", 20, 2))
