import re
from pathlib import Path

from django.db import connection
from django.test.utils import CaptureQueriesContext

from cases.models import EventContent
from cases.services.note import add_note
from cases.services.triage import claim
from tests.analyst.api import WHY, ApiTestCase

DOCS = Path(__file__).resolve().parents[2] / "docs" / "api.md"


def what_the_docs_tell():
    """The verifier of docs/api.md as a reader would run it: no code of ours."""
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.S)
    told = {}
    exec(code, told)
    return told["verify"]


verify = what_the_docs_tell()


class TimelineTest(ApiTestCase):
    def setUp(self):
        self.client.force_login(self.ana)

    def walk_the_road(self):
        claim(self.case, actor=self.ana)
        body = {
            "outcome": "confirmed",
            "rationale": "déjà vu, ‮ and \u2028 too",
            "stated_probability": 1e-7,
        }
        self.post("C-1/decisions/", body)
        self.post("C-1/reopen/", WHY)
        add_note(self.case, actor=self.bo, text="seen")

    def test_an_event_says_who_what_and_when(self):
        claim(self.case, actor=self.ana)
        opened, claimed = self.results("C-1/timeline/")
        self.assertEqual(
            (opened["kind"], opened["actor"], opened["actor_id"]), ("case_opened", None, None)
        )
        self.assertEqual(opened["content"], {"members": 3})
        self.assertEqual((claimed["actor"], claimed["actor_id"]), ("ana", self.ana.pk))
        self.assertTrue(claimed["at"].endswith("Z"))

    def test_a_client_can_verify_the_chain_by_itself(self):
        self.walk_the_road()
        events = self.results("C-1/timeline/")
        self.assertEqual(len(events), 5)
        verify(events)
        for field, forged in {
            "kind": "case_closed",
            "actor_id": self.lea.pk,
            "at": "2026-01-01T00:00:00Z",
            "content": {"until": "never"},
            "hash": "0" * 64,
        }.items():
            with self.subTest(field=field), self.assertRaises(AssertionError):
                verify([events[0], events[1] | {field: forged}, *events[2:]])
        with self.assertRaises(AssertionError):
            verify([events[0], *events[2:]])

    def test_the_chain_verifies_after_content_was_erased(self):
        self.walk_the_road()
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
        EventContent.objects.filter(event__case=self.case, event__seq=3).delete()
        events = self.results("C-1/timeline/")
        self.assertEqual((events[2]["content"], events[2]["salt"]), (None, None))
        verify(events)

    def test_pages_follow_the_chain_and_a_client_can_ask_for_what_is_new(self):
        self.walk_the_road()
        rows, pages = self.all_pages("C-1/timeline/", limit=2)
        self.assertEqual(([row["seq"] for row in rows], pages), ([1, 2, 3, 4, 5], 3))
        verify(rows)
        self.assertEqual(self.results("C-1/timeline/", after=5), [])
        add_note(self.case, actor=self.bo, text="seen again")
        self.assertEqual([e["seq"] for e in self.results("C-1/timeline/", after=5)], [6])

    def test_the_list_takes_as_many_queries_at_any_size(self):
        def queries():
            with CaptureQueriesContext(connection) as asked:
                self.results("C-1/timeline/", limit=1000)
            return len(asked)

        few = queries()
        for _ in range(30):
            add_note(self.case, actor=self.bo, text="seen")
        self.assertEqual(queries(), few)
        self.assertLessEqual(few, 5)
