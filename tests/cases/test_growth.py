"""Through grouping runs: verdicts stand, growth comes back in batches, expansion stays possible."""

from django.test import TestCase, override_settings

from cases.models import Case, Member, MergeProposal
from cases.services.decide import record_decision
from cases.services.group import group_new_signals
from cases.services.growth import wake_grown
from cases.services.merge import merge_cases
from cases.services.triage import claim
from ingest.models import Attribute
from tests.base import make_user
from tests.cases.test_group_service import (
    carry,
    flag,
    make_accounts,
    make_campaign,
    make_census,
    names,
    share,
)

WHY = "seen one by one"


class RunsTestCase(TestCase):
    def setUp(self):
        self.ana = make_user("ana", "analyst")
        make_census()
        self.who = make_campaign()
        make_accounts("bystander", 10)
        group_new_signals()
        self.case = Case.objects.get()

    def join(self, name, size, camp="camp"):
        """Accounts that take up the campaign's template, one of its exits and one of its cards."""
        late = make_accounts(name, size)
        for value in (f"t-{camp}", f"ip-{camp}-0", f"payment-{camp}-0"):
            carry(late, Attribute.objects.get(value=value))
        flag(late)
        return late

    def run_again(self):
        run = group_new_signals(full=True)
        self.case.refresh_from_db()
        return run

    def members(self, case, accounts):
        return list(case.members.filter(account__in=accounts).values_list("pk", flat=True))

    def kinds(self, case):
        return list(case.events.order_by("seq").values_list("kind", flat=True))


@override_settings(WAKE_ACCOUNTS=4, WAKE_SHARE=0.1)
class GrowthTest(RunsTestCase):
    def setUp(self):
        super().setUp()
        record_decision(self.case, actor=self.ana, outcome="confirmed", rationale=WHY)

    def test_below_the_bound_a_decided_case_marks_who_joins_and_sleeps_on(self):
        self.join("late", 3)
        self.run_again()
        self.assertEqual((self.case.status, self.case.new_since_decision), ("decided", 3))
        self.assertEqual(self.case.members.filter(since_decision=True).count(), 3)

    def test_a_batch_brings_it_back_with_its_verdict_and_just_the_difference(self):
        self.join("late", 3)
        self.run_again()
        self.join("later", 2)
        self.run_again()
        self.assertEqual(
            (self.case.status, self.case.verdict, self.case.new_since_decision),
            ("reopened", "confirmed", 5),
        )
        self.assertEqual(self.kinds(self.case).count("case_grew"), 1)
        self.assertEqual(self.case.decisions.count(), 1)
        self.assertIsNone(self.case.owner)

    def test_while_it_is_back_members_keep_their_place_and_others_are_marked_too(self):
        self.join("late", 4)
        self.run_again()
        claim(self.case, actor=self.ana)
        self.who[0].uses.all().delete()
        self.join("later", 2)
        self.run_again()
        self.assertIsNone(self.case.members.get(account=self.who[0]).left_at)
        self.assertEqual(self.case.new_since_decision, 6)
        self.assertEqual(self.kinds(self.case).count("case_grew"), 1)

    def test_a_new_verdict_clears_the_marks_and_the_next_batch_is_counted_from_there(self):
        self.join("late", 4)
        self.run_again()
        record_decision(self.case, actor=self.ana, outcome="confirmed", rationale=WHY)
        self.join("later", 3)
        self.run_again()
        self.assertEqual((self.case.status, self.case.new_since_decision), ("decided", 3))
        self.assertEqual(wake_grown(), [])

    def test_a_large_case_is_not_woken_by_a_few(self):
        with override_settings(WAKE_ACCOUNTS=1, WAKE_SHARE=0.5):
            self.join("late", 4)
            self.run_again()
            self.assertEqual(self.case.status, "decided")
        self.assertEqual([case.ref for case in wake_grown()], [self.case.ref])
        self.assertEqual(wake_grown(), [])


class TwinTestCase(RunsTestCase):
    """A second case holds accounts that grouping finds in the first one's cluster."""

    def setUp(self):
        super().setUp()
        self.twin = Case.objects.create(number=900, name="Old Twin", reason="the same")
        for member in self.case.members.order_by("pk")[:8]:
            Member.objects.create(
                case=self.twin, account_id=member.account_id, probability=0.9, tier="likely",
                method="x",
            )  # fmt: skip
            member.delete()

    def decide(self, case):
        record_decision(case, actor=self.ana, outcome="confirmed", rationale=WHY)


class ProposedTest(TwinTestCase):
    def test_a_decided_case_is_proposed_with_reasons_and_not_merged(self):
        self.decide(self.case)
        run = self.run_again()
        self.twin.refresh_from_db()
        self.assertIsNone(self.twin.merged_into)
        self.assertEqual((len(names(self.case)), len(names(self.twin))), (12, 8))
        (row,) = MergeProposal.objects.all()
        self.assertEqual({row.left, row.right}, {self.case, self.twin})
        self.assertIn("payment card payment-camp-", row.reasons["says"])
        self.assertEqual((self.case.merges_proposed, run.report["merged"]), (1, {}))
        self.run_again()
        self.assertEqual(MergeProposal.objects.count(), 1)

    def test_it_does_not_matter_which_of_the_two_was_decided(self):
        self.decide(self.twin)
        self.run_again()
        self.twin.refresh_from_db()
        self.assertEqual((len(names(self.case)), len(names(self.twin))), (12, 8))
        self.assertEqual(MergeProposal.objects.count(), 1)
        merge_cases(self.twin, self.case, actor=self.ana, reason=WHY)
        self.run_again()
        self.twin.refresh_from_db()
        self.assertEqual((self.twin.merged_into, self.case.merged_into), (None, self.twin))
        self.assertEqual(len(names(self.twin)), 20)

    def test_without_a_decision_grouping_merges_what_nobody_touched(self):
        self.run_again()
        self.twin.refresh_from_db()
        self.assertEqual(self.twin.merged_into, self.case)
        self.assertFalse(MergeProposal.objects.exists())


class ExpansionTest(RunsTestCase):
    def test_unflagged_neighbours_are_held_at_possible_and_told_anew_once_flagged(self):
        quiet = make_campaign("quiet", size=20, flagged=12)
        group_new_signals()
        silent = Member.objects.filter(account__in=quiet[12:])
        self.assertEqual(set(silent.values_list("flagged", "tier")), {(False, "possible")})
        self.assertTrue(all(m.probability < 0.70 for m in silent))
        self.assertTrue(all(m.evidence[-1]["family"] == "held" for m in silent))
        flag(quiet[12:14])
        group_new_signals()
        told = silent.filter(account__in=quiet[12:14])
        self.assertEqual(set(told.values_list("flagged", "tier")), {(True, "core")})
        self.assertEqual(
            set(silent.exclude(account__in=quiet[12:14]).values_list("tier", flat=True)),
            {"possible"},
        )

    def test_a_common_value_brings_no_unflagged_account_in(self):
        (passer,) = make_accounts("passer", 1)
        value = share([passer, *self.who], "user_agent", "sdk", others=9_000)
        self.assertEqual(value.accounts, 9_021)
        group_new_signals(full=True)
        self.assertFalse(Member.objects.filter(account=passer).exists())
