"""What had relied on a release is listed, told to its cases, and marked; nothing of it is lost."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.test import TestCase
from django.utils import timezone

from cases.models import Case, Decision, EvidencePacket, Member, Reliance, Share, TimelineEvent
from cases.services import reliance
from cases.services.allow import add_entry
from cases.services.calibrate import fit_families
from cases.services.group import group_new_signals
from cases.services.preview import count_hidden_daily, run_waiting
from cases.services.reliance import record_reliance, tell_cases, withdrawals_behind
from cases.services.timeline import broken_links
from ingest.models import Detector, Job, Signal
from ingest.services.withdraw import WithdrawalError, propose_withdrawal
from tests.base import DeskTestCase, make_case, make_user
from tests.cases.previews import applied, computed, entry, withdrawal

HOUR = timedelta(hours=1)


def decision(case: Case, by: User, at) -> Decision:
    row = Decision.objects.create(case=case, outcome="confirmed", rationale="seen", decided_by=by)
    Decision.objects.filter(pk=row.pk).update(decided_at=at)
    return row


class RelianceTest(DeskTestCase):
    @classmethod
    def setUpTestData(cls):
        super().setUpTestData()
        now = timezone.now()
        cls.at = now - 10 * HOUR
        Member.objects.update(joined_at=now - 20 * HOUR)
        Signal.objects.update(received_at=now - 15 * HOUR)
        cls.elsewhere = make_case(2)
        Signal.objects.filter(account__memberships__case=cls.elsewhere).update(detector_version="2")
        cls.release = withdrawal(cls.lea, "volume")

    def listed(self):
        record_reliance(self.release)
        return {
            (row.kind, row.object_id): (row.accounts, row.members)
            for row in Reliance.objects.filter(withdrawal=self.release)
        }

    def test_a_decision_relied_on_signals_that_had_come_before_it(self):
        before = decision(self.case, self.ana, self.at - 6 * HOUR)
        after = decision(self.case, self.ana, self.at)
        other = decision(self.elsewhere, self.ana, self.at)
        Member.objects.filter(case=self.elsewhere).update(joined_at=self.at - HOUR)
        listed = self.listed()
        self.assertEqual(listed, {("decision", after.pk): (3, 3)})
        self.assertNotIn(("decision", before.pk), listed)
        self.assertNotIn(("decision", other.pk), listed)

    def test_only_who_was_a_member_at_that_moment_counts(self):
        late, gone, *_ = self.case.members.order_by("pk")
        Member.objects.filter(pk=late.pk).update(joined_at=self.at + HOUR)
        Member.objects.filter(pk=gone.pk).update(left_at=self.at + HOUR)
        row = decision(self.case, self.ana, self.at)
        late_one = decision(self.case, self.ana, self.at + 2 * HOUR)
        Signal.objects.filter(account=late.account).update(received_at=self.at + 3 * HOUR)
        self.assertEqual(
            self.listed(), {("decision", row.pk): (2, 2), ("decision", late_one.pk): (1, 2)}
        )

    def test_shares_and_packets_are_listed_and_run_again_it_adds_nothing(self):
        share = Share.objects.create(
            case=self.case, tlp="amber", bundle="{}", sha256="0" * 64, prepared_by=self.ana
        )
        packet = EvidencePacket.objects.create(
            case=self.case, job=Job.objects.create(kind="seal"), as_of=self.at,
            requested_by=self.ana,
        )  # fmt: skip
        expected = {("share", share.pk): (3, 3), ("packet", packet.pk): (3, 3)}
        self.assertEqual(self.listed(), expected)
        self.assertEqual(self.listed(), expected)

    def test_marks_come_with_the_application_and_go_with_its_end(self):
        row = decision(self.case, self.ana, self.at)
        preview = computed(self.lea, "withdraw", withdrawal=self.release)
        self.assertEqual(withdrawals_behind("decision", [row.pk]), {})
        applied(self.lea, preview)
        marks = withdrawals_behind("decision", [row.pk, 0])
        self.assertEqual([mark.withdrawal for mark in marks[row.pk]], [self.release])
        self.release.refresh_from_db()
        applied(self.lea, computed(self.lea, "lift", withdrawal=self.release))
        self.assertEqual(withdrawals_behind("decision", [row.pk]), {})

    def test_the_cases_are_told_once_with_who_and_why(self):
        decision(self.case, self.ana, self.at)
        applied(self.lea, computed(self.lea, "withdraw", withdrawal=self.release))
        late = decision(self.case, self.ana, self.at + HOUR)
        tell_cases()
        self.assertEqual(tell_cases(), 0)
        event = TimelineEvent.objects.get(kind="signals_withdrawn")
        self.assertEqual((event.case, event.actor), (self.case, self.lea))
        self.assertIn(f"decision {late.pk}", event.content.body["relied"])
        self.assertEqual(event.content.body["withdrawal"], self.release.ref)
        self.release.refresh_from_db()
        applied(self.lea, computed(self.lea, "lift", withdrawal=self.release))
        tell_cases()
        self.assertEqual(TimelineEvent.objects.filter(kind="signals_restored").count(), 1)
        self.assertEqual(broken_links(self.case), [])

    def test_whoever_is_killed_in_between_leaves_the_rest_and_tells_nobody_twice(self):
        others = [make_case(number) for number in (3, 4)]
        for case in (self.case, *others):
            Member.objects.filter(case=case).update(joined_at=self.at - HOUR)
            Signal.objects.filter(account__memberships__case=case).update(
                received_at=self.at - HOUR
            )
            decision(case, self.ana, self.at)
        preview = applied(self.lea, computed(self.lea, "withdraw", withdrawal=self.release))
        self.addCleanup(setattr, reliance, "AT_ONCE", reliance.AT_ONCE)
        reliance.AT_ONCE = 2
        self.assertFalse(reliance._tell_some(preview.pk))  # and here it is killed
        tell_cases()
        told = TimelineEvent.objects.filter(kind="signals_withdrawn").values_list("case", flat=True)
        self.assertEqual(sorted(told), sorted(case.pk for case in (self.case, *others)))

    def test_no_calibration_learns_from_a_withdrawn_release(self):
        Member.objects.filter(case=self.case).update(verdict="out", verdict_alone=True)
        self.assertEqual([fitted.family for fitted in fit_families()], ["volume"])
        applied(self.lea, computed(self.lea, "withdraw", withdrawal=self.release))
        self.assertEqual(fit_families(), [])

    def test_a_proposal_without_sense_is_refused_in_words(self):
        volume = Detector.objects.get(slug="volume")
        for change, words in (
            ({"reason": " \0 "}, "Reason: say"),
            ({"reason": "x" * 501}, "Reason: at most"),
            ({"version": "\0"}, "Version:"),
            ({"version": "v" * 41}, "Version:"),
            ({"since": self.at, "until": self.at}, "Window:"),
        ):
            with self.subTest(change), self.assertRaisesMessage(WithdrawalError, words):
                propose_withdrawal(
                    **{"actor": self.lea, "detector": volume, "version": "1", "reason": "x"}
                    | change
                )


class NobodyWaitsTest(TestCase):
    def test_a_desk_without_any_case_can_preview(self):
        lea = make_user("lea", "lead")
        preview = computed(lea, "threshold", prior=1e-6)
        self.assertEqual(preview.summary["cases"]["opens"], 0)

    def test_what_is_hidden_is_counted_once_a_day_and_only_where_something_is(self):
        self.assertIsNone(count_hidden_daily())
        row = entry(make_user("lea", "lead"))
        add_entry(row, actor=row.owner)
        group_new_signals(full=True)
        self.assertEqual(count_hidden_daily().kind, "hidden")
        self.assertIsNone(count_hidden_daily())

    def test_the_sweeps_find_nothing(self):
        self.assertFalse(run_waiting())
        self.assertEqual(tell_cases(), 0)
