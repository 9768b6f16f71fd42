"""A key found in a suspect model comes to the cases that hold it, and changes no membership."""

from cases.models import Member, TimelineEvent, WatermarkFinding
from cases.services.findings import attach_findings, cases_holding_keys_of
from cases.services.timeline import broken_links
from cases.timeline import EventRow, from_event
from ingest.models import Signal, SuspectResult
from ingest.services.suspects import request_outputs_test
from tests.base import DeskTestCase, make_case
from tests.ingest.suspects import as_lines, make_test_key


class FindingsTest(DeskTestCase):
    def setUp(self):
        self.key = make_test_key(accounts=["acct-1-0", "acct-1-1"])
        self.other = make_test_key("nobody's case")
        self.test = request_outputs_test(
            actor=self.ana, name="<b>heron</b>", outputs=as_lines(["a b c d"])
        )

    def found(self, key, finding="found"):
        SuspectResult.objects.filter(test=self.test, key=key).update(
            finding=finding, log10_corrected=-7.3, log10_p=-8.0
        )

    def events(self):
        return TimelineEvent.objects.filter(kind="watermark_found").select_related("content")

    def test_a_hit_is_told_once_to_each_case_that_holds_the_key(self):
        second = make_case(2)
        self.key.accounts.add(second.members.first().account)
        make_case(3)
        self.found(self.key)
        self.found(self.other)
        self.assertEqual(attach_findings(), 2)
        self.assertEqual(attach_findings(), 0)
        self.assertEqual(
            sorted(WatermarkFinding.objects.values_list("case__number", "accounts")),
            [(1, 2), (2, 1)],
        )
        self.assertEqual({event.case_id for event in self.events()}, {self.case.pk, second.pk})
        self.assertEqual(set(cases_holding_keys_of(self.test)), {self.case, second})
        self.assertEqual(broken_links(self.case), [])

    def test_it_says_what_was_found_and_what_that_does_not_prove(self):
        self.found(self.key)
        attach_findings()
        event = self.events().get()
        entry = from_event(EventRow(1, event.kind, event.at, "", event.content.body))
        self.assertEqual(
            entry.text, f"{self.key.ref} found in suspect model {self.test.ref} <b>heron</b>"
        )
        self.assertIn("p below 1e-7; 2 members hold it; shows training", entry.by)
        self.assertIn("not who collected it", entry.by)

    def test_no_membership_and_no_signal_comes_of_it(self):
        before = list(Member.objects.order_by("pk").values()), Signal.objects.count()
        self.found(self.key)
        attach_findings()
        self.assertEqual(
            before, (list(Member.objects.order_by("pk").values()), Signal.objects.count())
        )

    def test_what_is_weak_void_or_held_by_no_member_is_not_told(self):
        for finding in ("weak", "void", "not_found", "untested", ""):
            self.found(self.key, finding)
            self.assertEqual(attach_findings(), 0, finding)
        self.found(self.key)
        Member.objects.filter(account__external_id="acct-1-0").update(verdict="out")
        Member.objects.filter(account__external_id="acct-1-1").update(left_at=self.case.opened_at)
        self.assertEqual(attach_findings(), 0)

    def test_a_member_that_joins_later_brings_the_finding(self):
        case = make_case(2)
        self.found(self.key)
        attach_findings()
        self.assertFalse(case.findings.exists())
        account = self.key.accounts.first()
        Member.objects.create(
            case=case, account=account, probability=0.5, tier="possible", method="t"
        )
        self.assertEqual(attach_findings(), 1)
        self.assertEqual(case.findings.get().accounts, 1)

    def test_looking_costs_one_query_however_many_hold_the_key(self):
        self.found(self.key)
        attach_findings()
        with self.assertNumQueries(1):
            attach_findings()
        for number in range(2, 6):
            case = make_case(number)
            self.key.accounts.add(*(member.account for member in case.members.all()))
        attach_findings()
        with self.assertNumQueries(1):
            attach_findings()
