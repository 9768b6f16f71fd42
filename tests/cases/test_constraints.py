"""What people said of members and of whole cases holds through full runs, until it is undone."""

from cases.models import Case, Member, MergeProposal, Reshaping
from cases.services.group import group_new_signals
from cases.services.judge import judge_members, undo_judgement
from cases.services.merge import merge_cases, undo_merge
from cases.services.propose import decline_merge
from cases.services.split import split_case, undo_split
from ingest.models import Account, Attribute
from tests.cases.test_group_service import carry, flag, make_accounts, make_campaign, names
from tests.cases.test_growth import WHY, RunsTestCase, TwinTestCase


class WordsTest(RunsTestCase):
    def test_a_word_taken_back_is_news_and_the_account_is_judged_by_its_ties_again(self):
        member = self.case.members.get(account=self.who[0])
        judge_members(self.case, actor=self.ana, members=[member.pk], verdict="out")
        self.assertIsNotNone(group_new_signals())
        self.assertIsNone(group_new_signals())
        undo_judgement(Reshaping.objects.get(), actor=self.ana)
        self.assertIsNotNone(group_new_signals())
        self.assertIn("camp-0", names(self.case))

    def test_a_split_holds_through_full_runs_and_until_it_is_undone(self):
        gone = self.who[:6]
        new = split_case(
            self.case, actor=self.ana, members=self.members(self.case, gone), reason=WHY
        )
        for _ in range(2):
            self.run_again()
            self.assertEqual(names(new), {account.external_id for account in gone})
            self.assertEqual(len(names(self.case)), 14)
            self.assertIsNone(Case.objects.get(pk=new.pk).merged_into)
        undo_split(Reshaping.objects.get(), actor=self.ana)
        self.run_again()
        self.assertEqual(len(names(self.case)), 20)
        self.assertEqual(Case.objects.filter(merged_into=None).count(), 1)

    def test_a_split_of_two_accounts_holds_though_they_alone_are_no_cluster(self):
        new = split_case(
            self.case, actor=self.ana, members=self.members(self.case, self.who[:2]), reason=WHY
        )
        self.run_again()
        self.assertEqual(names(new), {"camp-0", "camp-1"})
        self.assertEqual(len(names(self.case)), 18)

    def test_who_comes_later_goes_with_one_side_and_nobody_crosses(self):
        gone = self.who[:6]
        new = split_case(
            self.case, actor=self.ana, members=self.members(self.case, gone), reason=WHY
        )
        self.join("late", 2)
        self.run_again()
        self.assertLessEqual({a.external_id for a in gone}, names(new))
        self.assertFalse({a.external_id for a in gone} & names(self.case))
        self.assertFalse({a.external_id for a in self.who[6:]} & names(new))

    def test_a_merge_holds_two_campaigns_together_until_it_is_undone(self):
        make_campaign("other", size=12)
        group_new_signals()
        other = Case.objects.exclude(pk=self.case.pk).get()
        merge_cases(self.case, other, actor=self.ana, reason=WHY)
        for _ in range(2):
            self.run_again()
            self.assertEqual(len(names(self.case)), 32)
            self.assertEqual(Case.objects.filter(merged_into=None).count(), 1)
        undo_merge(Reshaping.objects.get(), actor=self.ana)
        self.run_again()
        self.assertEqual((len(names(self.case)), len(names(other))), (20, 12))

    def test_a_resellers_key_belongs_to_both_campaigns_that_it_serves(self):
        make_campaign("other", size=20)
        (both,) = make_accounts("reseller", 1)
        Account.objects.filter(pk=both.pk).update(is_aggregate=True)
        for camp in ("camp", "other"):
            for value in (f"t-{camp}", f"ip-{camp}-0", f"payment-{camp}-0"):
                carry([both], Attribute.objects.get(value=value))
        flag([both])
        group_new_signals()
        self.assertEqual(Member.objects.current().filter(account=both).count(), 2)


class DeclinedTest(TwinTestCase):
    def test_after_a_decline_they_stay_apart_through_full_runs(self):
        self.decide(self.case)
        self.run_again()
        decline_merge(MergeProposal.objects.get(), actor=self.ana, reason=WHY)
        for _ in range(2):
            self.run_again()
            self.assertEqual((len(names(self.case)), len(names(self.twin))), (12, 8))
        self.assertFalse(MergeProposal.objects.filter(state="open").exists())
