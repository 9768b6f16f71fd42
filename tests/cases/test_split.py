"""Words on members and splits: nothing is lost, each is undone once, and latest first."""

import threading
from contextlib import contextmanager
from unittest.mock import patch

from django.db import connection, transaction
from django.test import TransactionTestCase

from cases.errors import CaseError, CaseMoved
from cases.models import (
    Case,
    Constraint,
    Enforcement,
    EnforcementItem,
    Link,
    Member,
    ReshapedMember,
    Reshaping,
)
from cases.services import constrain
from cases.services.constrain import LOCK
from cases.services.decide import record_decision
from cases.services.judge import judge_members, undo_judgement
from cases.services.split import preview_split, split_case, undo_split
from cases.services.timeline import broken_links
from cases.services.triage import claim
from tests.base import DeskTestCase, make_case, make_user
from tests.cases.orders import connector_at

WHY = "a campus prefix in term hours"


class ShapeTestCase(DeskTestCase):
    def setUp(self):
        self.big = make_case(7, accounts=6)

    def refuses(self, says):
        return self.assertRaisesRegex(CaseError, says)

    def pks(self, case, *places):
        rows = list(case.members.order_by("account_id").values_list("pk", flat=True))
        return [rows[place] for place in places] if places else rows

    def names(self, case):
        return sorted(case.members.current().values_list("account__external_id", flat=True))

    def kinds(self, case):
        return list(case.events.order_by("seq").values_list("kind", flat=True))

    def shape(self):
        """All that an undo must bring back, whatever keys and times are."""
        rows = Member.objects.current().order_by("case", "account")
        fields = ("number", "status", "verdict", "merged_into__number", "tlp", "legal_hold",
                  "restricted", "core", "likely", "possible", "new_since_decision")  # fmt: skip
        return (
            list(rows.values_list("case__number", "account_id", "verdict", "verdict_by")),
            list(Case.objects.order_by("number").filter(opened_by=None).values_list(*fields)),
            list(Link.objects.order_by("case", "account").values_list("case", "members")),
        )  # fmt: skip

    def order(self, case, *members):
        number = Enforcement.objects.count() + 1
        order = Enforcement.objects.create(
            number=number, case=case, kind="limit",
            connector=connector_at("https://gateway.example/hook", slug=f"p{number}"),
            reason="x", requested_by=self.bo,
        )  # fmt: skip
        for member in Member.objects.filter(pk__in=members):
            EnforcementItem.objects.create(enforcement=order, account=member.account)
        return order


class WordsOnMembersTest(ShapeTestCase):
    def test_an_undo_restores_the_word_that_stood_before_with_who_and_when(self):
        first, second = self.pks(self.big, 0, 1)
        judge_members(self.big, actor=self.bo, members=[first], verdict="unsure")
        stood = Member.objects.filter(pk=first).values("verdict", "verdict_by", "verdict_at").get()
        judge_members(self.big, actor=self.ana, members=[first, second], verdict="out")
        self.assertEqual(undo_judgement(Reshaping.objects.latest("pk"), actor=self.ana), 2)
        again = Member.objects.filter(pk=first).values("verdict", "verdict_by", "verdict_at").get()
        self.assertEqual(again, stood)
        self.assertEqual(Member.objects.get(pk=second).verdict, "")
        self.assertEqual(
            self.kinds(self.big)[1:], ["member_judged", "member_judged", "verdict_undone"]
        )
        self.assertEqual(broken_links(self.big), [])

    def test_every_word_stays_in_the_history_of_its_member(self):
        (pk,) = self.pks(self.big, 0)
        for actor, verdict in ((self.ana, "in"), (self.bo, "out"), (self.ana, "unsure")):
            judge_members(self.big, actor=actor, members=[pk], verdict=verdict)
        history = ReshapedMember.objects.filter(member=pk).order_by("reshaping")
        told = ("before", "reshaping__verdict", "reshaping__done_by__username")
        self.assertEqual(
            list(history.values_list(*told)),
            [("", "in", "ana"), ("in", "out", "bo"), ("out", "unsure", "ana")],
        )  # fmt: skip

    def test_undoing_twice_or_under_a_later_word_is_refused_with_who_it_was(self):
        (pk,) = self.pks(self.big, 0)
        judge_members(self.big, actor=self.ana, members=[pk], verdict="in")
        act = Reshaping.objects.get()
        judge_members(self.big, actor=self.bo, members=[pk], verdict="out")
        with self.refuses("bo judged members of C-7 .* undo that first"):
            undo_judgement(act, actor=self.ana)
        undo_judgement(Reshaping.objects.latest("pk"), actor=self.bo)
        undo_judgement(act, actor=self.ana)
        with self.refuses("ana undid this already"):
            undo_judgement(act, actor=self.bo)
        self.assertEqual(Member.objects.get(pk=pk).verdict, "")

    def test_on_a_decided_case_no_word_is_undone(self):
        judge_members(self.big, actor=self.ana, members=self.pks(self.big, 0), verdict="in")
        record_decision(self.big, actor=self.ana, outcome="confirmed", rationale=WHY)
        with self.refuses("C-7 is decided. Reopen it"):
            undo_judgement(Reshaping.objects.get(), actor=self.ana)


class SplitTest(ShapeTestCase):
    def split(self, *places, actor=None, case=None):
        case = case or self.big
        return split_case(
            case, actor=actor or self.ana, members=self.pks(case, *places), reason=WHY
        )

    def test_chosen_members_become_a_case_with_a_ref_of_its_own(self):
        judge_members(self.big, actor=self.bo, members=self.pks(self.big, 4), verdict="unsure")
        Case.objects.filter(pk=self.big.pk).update(legal_hold=True, tlp="red")
        new = self.split(4, 5)
        self.assertNotEqual(new.ref, "C-7")
        self.assertEqual(self.names(new), ["acct-7-4", "acct-7-5"])
        self.assertEqual(len(self.names(self.big)), 4)
        self.big.refresh_from_db()
        self.assertEqual((self.big.core, new.core), (4, 2))
        self.assertEqual((new.legal_hold, new.tlp, new.opened_by), (True, "red", self.ana))
        word = new.members.get(account__external_id="acct-7-4")
        self.assertEqual((word.verdict, word.verdict_by), ("unsure", self.bo))
        self.assertEqual(set(new.links.values_list("members", flat=True)), {2})
        self.assertEqual(set(self.big.links.values_list("members", flat=True)), {4})

    def test_nothing_is_deleted_and_both_chains_tell_of_it(self):
        rows = Member.objects.count()
        new = self.split(4, 5)
        self.assertEqual(Member.objects.count(), rows + 2)
        self.assertEqual(self.big.members.exclude(left_at=None).count(), 2)
        self.assertEqual(self.kinds(self.big)[-1:], ["case_split"])
        self.assertEqual(self.kinds(new), ["case_opened", "case_split"])
        self.assertEqual(broken_links(new) + broken_links(self.big), [])

    def test_the_two_stay_apart_in_what_grouping_is_given(self):
        new = self.split(4, 5)
        ((left, right),) = constrain.standing().apart
        self.assertEqual(right, set(new.members.values_list("account_id", flat=True)))
        self.assertEqual(len(left), 4)
        undo_split(Reshaping.objects.get(), actor=self.ana)
        self.assertEqual(constrain.standing().apart, ())

    def test_an_undo_brings_all_back_and_the_ref_of_the_part_leads_to_the_case(self):
        judge_members(self.big, actor=self.bo, members=self.pks(self.big, 4), verdict="in")
        before = self.shape()
        new = self.split(4, 5)
        self.assertNotEqual(self.shape(), before)
        undo_split(Reshaping.objects.get(kind="split"), actor=self.ana)
        self.assertEqual(self.shape(), before)
        new.refresh_from_db()
        self.assertEqual(new.merged_into, self.big)
        self.assertFalse(new.members.exclude(verdict="").exists())
        self.assertIsNotNone(Constraint.objects.get().lifted_at)
        self.assertEqual(self.kinds(new)[-1], "split_undone")

    def test_accounts_that_joined_the_part_come_along_when_it_goes_back(self):
        new = self.split(4, 5)
        late = make_case(8, accounts=1).members.get()
        Member.objects.create(
            case=new, account=late.account, probability=0.5, tier="possible", method="x"
        )
        undo_split(Reshaping.objects.get(), actor=self.ana)
        self.assertIn("acct-8-0", self.names(self.big))
        self.assertEqual(self.names(new), [])

    def test_an_undo_is_refused_twice_and_after_anything_that_hangs_on_the_part(self):
        new = self.split(4, 5)
        act = Reshaping.objects.get()
        judge_members(new, actor=self.bo, members=self.pks(new, 0), verdict="in")
        with self.refuses("bo judged members of"):
            undo_split(act, actor=self.ana)
        undo_judgement(Reshaping.objects.latest("pk"), actor=self.bo)
        order = self.order(new)
        with self.refuses("has an action of its own since: merge the cases instead"):
            undo_split(act, actor=self.ana)
        order.delete()
        record_decision(new, actor=self.ana, outcome="benign", rationale=WHY)
        with self.refuses("is decided. Reopen it first"):
            undo_split(act, actor=self.ana)
        Case.objects.filter(pk=new.pk).update(status="reopened", verdict="undecided")
        with self.refuses("has a decision of its own since"):
            undo_split(act, actor=self.ana)
        new.decisions.all().delete()
        undo_split(act, actor=self.ana)
        with self.refuses("ana undid this already"):
            undo_split(act, actor=self.ana)

    def test_a_split_of_the_part_is_undone_before_the_part(self):
        new = self.split(3, 4, 5)
        act = Reshaping.objects.get()
        self.split(0, case=new)
        with self.refuses("ana split C-"):
            undo_split(act, actor=self.ana)

    def test_what_cannot_be_split_says_why(self):
        outsider = self.case.members.first().pk
        for members, says in (
            ([], "None of these accounts is a member of C-7"),
            (self.pks(self.big), "nothing would stay"),
            ([*self.pks(self.big, 0), outsider], "1 of these accounts has left C-7"),
        ):
            with self.refuses(says):
                split_case(self.big, actor=self.ana, members=members, reason=WHY)
        with self.refuses("Say why"):
            split_case(self.big, actor=self.ana, members=self.pks(self.big, 0), reason=" ")
        record_decision(self.big, actor=self.ana, outcome="confirmed", rationale=WHY)
        with self.refuses("C-7 is decided. Reopen it to split it"):
            self.split(0)
        self.assertFalse(Reshaping.objects.exists())

    def test_who_does_not_hold_the_case_splits_nothing(self):
        claim(self.big, actor=self.bo)
        with self.assertRaisesMessage(CaseMoved, "claimed by bo"):
            self.split(0)

    def test_an_order_that_names_them_and_still_waits_holds_them(self):
        order = self.order(self.big, *self.pks(self.big, 0))
        with self.refuses(f"{order.ref} on C-7 is waiting for approval and names these accounts"):
            self.split(0, 1)
        self.split(4, 5)

    def test_a_preview_says_what_moves_and_what_hangs_on_it(self):
        order = self.order(self.big, *self.pks(self.big, 0, 1))
        Enforcement.objects.update(state="cancelled")
        told = preview_split(self.big, self.pks(self.big, 0, 5))
        self.assertEqual((told["members"], told["staying"], told["refusal"]), (2, 4, ""))
        self.assertEqual([(o.ref, o.named) for o in told["orders"]], [(order.ref, 1)])
        self.assertFalse(Reshaping.objects.exists())

    def test_the_part_of_a_restricted_case_is_seen_by_the_same_people(self):
        Case.objects.filter(pk=self.big.pk).update(restricted=True)
        self.big.readers.set([self.ana, self.lea])
        new = self.split(4, 5)
        self.assertEqual((new.restricted, set(new.readers.all())), (True, {self.ana, self.lea}))

    def test_the_cost_does_not_grow_with_the_accounts(self):
        large = make_case(9, accounts=60)
        counts = []
        for case, size in ((self.big, 2), (large, 40)):
            members = self.pks(case)[:size]
            with self.assertNumQueriesLessThan(70) as seen:
                split_case(case, actor=self.ana, members=members, reason=WHY)
            counts.append(len(seen))
        self.assertEqual(counts[0], counts[1])

    @contextmanager
    def assertNumQueriesLessThan(self, most):
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as seen:
            yield seen
        self.assertLess(len(seen), most)


class TwoAtOnceTest(TransactionTestCase):
    def setUp(self):
        self.people = [make_user("ana", "analyst"), make_user("bo", "analyst")]
        self.case = make_case(7, accounts=6)
        self.members = list(self.case.members.order_by("pk").values_list("pk", flat=True))

    def together(self, work):
        begin, answers = threading.Barrier(2), []

        def one(actor):
            try:
                begin.wait(10)
                answers.append(("done", work(actor)))
            except CaseError as error:
                answers.append(("refused", str(error)))
            finally:
                connection.close()

        threads = [threading.Thread(target=one, args=(actor,)) for actor in self.people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        return sorted(answers, key=lambda answer: answer[0])

    def test_of_two_who_split_off_the_same_accounts_one_wins(self):
        answers = self.together(
            lambda actor: (
                split_case(self.case, actor=actor, members=self.members[:3], reason=WHY).ref
            )
        )
        self.assertEqual([kind for kind, _ in answers], ["done", "refused"])
        self.assertIn("None of these accounts is a member of C-7 now", answers[1][1])
        self.assertEqual(Case.objects.count(), 2)

    def test_of_two_who_undo_the_same_split_one_wins(self):
        split_case(self.case, actor=self.people[0], members=self.members[:3], reason=WHY)
        act = Reshaping.objects.get()
        answers = self.together(
            lambda actor: undo_split(Reshaping.objects.get(pk=act.pk), actor=actor).ref
        )
        self.assertEqual([kind for kind, _ in answers], ["done", "refused"])
        self.assertIn("undid this already", answers[1][1])

    def test_while_grouping_runs_nobody_splits_and_is_told_so_within_a_second(self):
        seen = []

        def other():
            try:
                split_case(self.case, actor=self.people[0], members=self.members[:3], reason=WHY)
            except CaseError as error:
                seen.append(str(error))
            finally:
                connection.close()

        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            thread = threading.Thread(target=other)
            with patch.object(constrain, "PATIENCE", 0.2):
                thread.start()
                thread.join(10)
        self.assertEqual(seen, ["Grouping is at work on the cases. Try again in a moment."])
