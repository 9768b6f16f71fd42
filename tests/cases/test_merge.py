"""A merge takes in, keeps and can be undone; cases that a person decided are only proposed."""

from django.utils import timezone

from cases.models import Case, Constraint, Member, MergeProposal, Note, Reshaping
from cases.services import constrain
from cases.services.carry import recount
from cases.services.decide import record_decision
from cases.services.judge import judge_members
from cases.services.merge import merge_cases, preview_merge, undo_merge
from cases.services.propose import decline_merge, propose_merges, undo_decline
from cases.services.split import split_case
from cases.services.timeline import broken_links
from cases.services.triage import claim
from tests.base import make_case
from tests.cases.test_split import WHY, ShapeTestCase


class MergeTest(ShapeTestCase):
    def setUp(self):
        super().setUp()
        self.small = make_case(9, accounts=3, name="Pale Cove")
        # one account is in both
        account = self.big.members.order_by("account_id").first().account
        Member.objects.create(
            case=self.small, account=account, probability=0.8, tier="likely", method="x"
        )
        recount(self.small)

    def merge(self, case=None, other=None, actor=None):
        return merge_cases(
            case or self.big, other or self.small, actor=actor or self.ana, reason=WHY
        )

    def act(self):
        return Reshaping.objects.get(kind="merged")

    def test_one_absorbs_the_other_and_nothing_is_deleted(self):
        rows = Member.objects.count()
        self.merge()
        self.small.refresh_from_db()
        self.big.refresh_from_db()
        self.assertEqual(self.small.merged_into, self.big)
        self.assertEqual((len(self.names(self.big)), self.big.core), (9, 9))
        self.assertEqual(self.names(self.small), [])
        self.assertEqual(Member.objects.count(), rows + 3)
        self.assertEqual(self.kinds(self.big)[-1], "cases_merged")
        self.assertEqual(self.kinds(self.small)[-1], "cases_merged")
        self.assertEqual(broken_links(self.big) + broken_links(self.small), [])
        shared = self.big.members.get(account__external_id="acct-7-0")
        self.assertEqual(shared.probability, 0.97)  # what the surviving case said stands

    def test_an_undo_restores_both_cases_with_members_status_words_and_fields(self):
        Case.objects.filter(pk=self.small.pk).update(legal_hold=True, restricted=True, tlp="red")
        self.small.readers.set([self.ana, self.bo])
        claim(self.small, actor=self.ana)
        judge_members(self.small, actor=self.ana, members=self.pks(self.small, 1), verdict="in")
        before = self.shape()
        self.merge()
        self.big.refresh_from_db()
        self.assertEqual(
            (self.big.legal_hold, self.big.restricted, self.big.tlp), (True, True, "red")
        )
        self.assertEqual(set(self.big.readers.all()), {self.ana, self.bo})
        undo_merge(self.act(), actor=self.ana)
        self.assertEqual(self.shape(), before)
        self.big.refresh_from_db()
        self.assertFalse(self.big.readers.exists())
        self.small.refresh_from_db()
        self.assertEqual((self.small.status, self.small.owner), ("in_review", self.ana))
        self.assertEqual(constrain.standing().together, ())

    def test_their_accounts_stay_together_in_what_grouping_is_given(self):
        self.merge()
        (together,) = constrain.standing().together
        self.assertEqual(together, set(self.big.members.values_list("account_id", flat=True)))

    def test_what_joins_a_decided_case_is_new_since_its_decision(self):
        record_decision(self.big, actor=self.ana, outcome="confirmed", rationale=WHY)
        self.merge()
        self.big.refresh_from_db()
        self.assertEqual((self.big.verdict, self.big.status), ("confirmed", "decided"))
        self.assertEqual(self.big.new_since_decision, 3)
        self.assertEqual(self.big.decisions.count(), 1)

    def test_two_cases_with_one_verdict_merge_and_with_two_do_not(self):
        record_decision(self.big, actor=self.ana, outcome="confirmed", rationale=WHY)
        record_decision(self.small, actor=self.ana, outcome="benign", rationale=WHY)
        with self.refuses("C-7 was decided confirmed and C-9 benign: reopen the one"):
            self.merge()
        Case.objects.filter(pk=self.small.pk).update(verdict="confirmed")
        self.merge()
        self.assertEqual(Case.objects.get(number=7).new_since_decision, 0)

    def test_a_decided_case_is_not_taken_in_by_one_without_a_verdict(self):
        record_decision(self.small, actor=self.ana, outcome="confirmed", rationale=WHY)
        with self.refuses("merge C-7 into C-9, so that the verdict stands"):
            self.merge()
        self.merge(self.small, self.big)

    def test_the_stricter_list_of_readers_holds_for_both(self):
        for case, readers in ((self.big, [self.ana, self.lea]), (self.small, [self.ana, self.bo])):
            Case.objects.filter(pk=case.pk).update(restricted=True)
            case.readers.set(readers)
            case.refresh_from_db()
        self.assertEqual(preview_merge(self.big, self.small)["losing"], 2)
        self.merge()
        self.assertEqual(set(self.big.readers.all()), {self.ana})

    def test_a_preview_counts_what_comes_and_changes_nothing(self):
        before = self.shape()
        told = preview_merge(self.big, self.small)
        self.assertEqual(
            (told["members"], told["both"], told["after"], told["refusal"]), (3, 1, 9, "")
        )
        self.assertEqual(self.shape(), before)

    def test_an_undo_is_refused_twice_and_after_a_decision_on_the_whole(self):
        self.merge()
        record_decision(self.big, actor=self.bo, outcome="confirmed", rationale=WHY)
        with self.refuses("C-7 was decided after the merge.* Split the accounts of C-9 off"):
            undo_merge(self.act(), actor=self.bo)
        self.big.decisions.all().delete()
        undo_merge(self.act(), actor=self.bo)
        with self.refuses("bo undid this already"):
            undo_merge(self.act(), actor=self.bo)

    def test_undo_goes_backwards(self):
        self.merge()
        split_case(self.big, actor=self.ana, members=self.pks(self.big, 0), reason=WHY)
        with self.refuses("ana split C-7 .* undo that first"):
            undo_merge(self.act(), actor=self.ana)

    def test_a_case_that_was_merged_or_names_itself_is_refused(self):
        with self.refuses("cannot be merged with itself"):
            self.merge(self.big, self.big)
        self.merge()
        with self.refuses("C-9 was merged into C-7. Work there"):
            self.merge()
        with self.refuses("C-9 was merged into C-7"):
            split_case(self.small, actor=self.ana, members=[1], reason=WHY)

    def test_an_order_that_still_waits_holds_the_absorbed_case(self):
        order = self.order(self.small)
        with self.refuses(f"{order.ref} on C-9 is waiting for approval"):
            self.merge()

    def test_a_later_merge_outweighs_an_earlier_split(self):
        new = split_case(self.big, actor=self.ana, members=self.pks(self.big, 4, 5), reason=WHY)
        self.assertEqual(len(constrain.standing().apart), 1)
        merge_cases(self.big, new, actor=self.ana, reason=WHY)
        self.assertEqual(constrain.standing().apart, ())
        undo_merge(self.act(), actor=self.ana)
        self.assertEqual(len(constrain.standing().apart), 1)

    def test_history_and_notes_stay_with_the_absorbed_ref(self):
        Note.objects.create(case=self.small, author=self.ana, text="mine")
        self.merge()
        self.assertEqual(self.small.notes.count(), 1)


class ProposalTest(ShapeTestCase):
    def setUp(self):
        super().setUp()
        self.small = make_case(9, accounts=3, name="Pale Cove")
        record_decision(self.big, actor=self.ana, outcome="confirmed", rationale=WHY)

    def propose(self):
        return propose_merges([(self.small, self.big)])

    def test_a_pair_is_proposed_once_with_its_reasons_on_both(self):
        account = self.big.members.first().account
        Member.objects.create(
            case=self.small, account=account, probability=0.8, tier="likely", method="x"
        )
        self.assertEqual(len(self.propose()), 1)
        self.assertEqual(self.propose(), [])
        (row,) = MergeProposal.objects.all()
        self.assertEqual((row.left, row.right), (self.big, self.small))
        self.assertEqual(row.reasons["accounts"], 1)
        self.assertIn("1 account in both", row.reasons["says"])
        self.assertIn("payment card card-7 on", row.reasons["says"])
        for case in (self.big, self.small):
            case.refresh_from_db()
            self.assertEqual(case.merges_proposed, 1)
            self.assertEqual(self.kinds(case)[-1], "merge_proposed")

    def test_to_accept_is_to_merge(self):
        (row,) = self.propose()
        merge_cases(self.big, self.small, actor=self.ana, reason=WHY, proposal=row)
        row.refresh_from_db()
        self.assertEqual((row.state, row.answered_by), ("accepted", self.ana))
        self.assertEqual(Case.objects.get(number=7).merges_proposed, 0)

    def test_to_decline_keeps_them_apart_and_it_is_not_asked_again(self):
        (row,) = self.propose()
        act = decline_merge(row, actor=self.ana, reason=WHY)
        self.assertEqual(len(constrain.standing().apart), 1)
        self.assertEqual(self.propose(), [])
        self.assertEqual(Case.objects.get(number=9).merges_proposed, 0)
        undo_decline(act, actor=self.ana)
        self.assertEqual(constrain.standing().apart, ())
        self.assertEqual(len(self.propose()), 1)

    def test_the_second_answer_is_refused(self):
        (row,) = self.propose()
        decline_merge(row, actor=self.ana, reason=WHY)
        with self.refuses("Another person answered this proposal first"):
            merge_cases(self.big, self.small, actor=self.ana, reason=WHY, proposal=row)
        self.assertIsNone(Case.objects.get(number=9).merged_into)
        self.assertFalse(Constraint.objects.filter(kind="together").exists())

    def test_a_merge_by_hand_answers_the_proposal_too(self):
        self.propose()
        merge_cases(self.big, self.small, actor=self.ana, reason=WHY)
        self.assertEqual(MergeProposal.objects.get().state, "accepted")

    def test_hostile_values_are_data_in_the_reasons(self):
        bad = '"><script>alert(1)</script>'
        self.big.links.first().attribute.__class__.objects.filter(value="card-7").update(label=bad)
        account = self.big.members.first().account
        Member.objects.create(
            case=self.small, account=account, probability=0.8, tier="likely", method="x"
        )
        self.propose()
        self.assertIn(bad, MergeProposal.objects.get().reasons["says"])
        self.assertLess(MergeProposal.objects.get().as_of, timezone.now())


class ConstraintsTest(ShapeTestCase):
    def test_the_newer_word_holds_whatever_the_sets(self):
        a, b = frozenset({1, 2}), frozenset({3, 4})
        apart, together = ("apart", a, b), ("together", frozenset({2}), frozenset({3}))
        newest_split = constrain.reconcile([apart, ("together", a, b)])
        self.assertEqual(newest_split.apart, ((a, b),))
        self.assertEqual(set(newest_split.together), {a, b})
        newest_merge = constrain.reconcile([together, apart])
        pairs = {(x, y) for left, right in newest_merge.apart for x in left for y in right}
        self.assertEqual(pairs, {(1, 3), (1, 4), (2, 4)})
        self.assertEqual(newest_merge.together, (frozenset({2, 3}),))

    def test_what_one_run_used_is_no_news_to_the_next_and_an_undo_is(self):
        judge_members(self.big, actor=self.ana, members=self.pks(self.big, 0), verdict="in")
        self.assertTrue(constrain.has_news())
        accounts = constrain.take_news(timezone.now())
        self.assertEqual(accounts, {self.big.members.get(verdict="in").account_id})
        self.assertFalse(constrain.has_news())
        split_case(self.big, actor=self.ana, members=self.pks(self.big, 1), reason=WHY)
        self.assertEqual(len(constrain.take_news(timezone.now())), 6)
