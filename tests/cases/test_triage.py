from datetime import timedelta
from threading import Barrier, Thread

from django.db import IntegrityError, connection, transaction
from django.test import TransactionTestCase
from django.utils import timezone

from cases.errors import CaseError, CaseMoved, NotAllowed
from cases.models import Case, Decision, EventContent, Member, TimelineEvent
from cases.services.decide import record_decision
from cases.services.judge import judge_members
from cases.services.note import add_note
from cases.services.reveal import reveal_samples
from cases.services.timeline import broken_links
from cases.services.triage import claim, close, escalate, release, reopen, snooze, take_next, wake
from tests.base import DeskTestCase, make_case, make_user


class TriageTest(DeskTestCase):
    def kinds(self):
        return list(self.case.events.values_list("kind", flat=True))

    def test_claiming_takes_a_new_case_into_review(self):
        claim(self.case, actor=self.ana)
        self.case.refresh_from_db()
        self.assertEqual((self.case.status, self.case.owner), ("in_review", self.ana))
        self.assertEqual(self.kinds(), ["case_opened", "case_claimed"])

    def test_a_claimed_case_is_refused_to_the_second_with_the_owners_name(self):
        claim(self.case, actor=self.ana)
        with self.assertRaisesMessage(CaseMoved, "claimed by ana"):
            claim(self.case, actor=self.bo)

    def test_a_claim_that_ran_out_can_be_taken_over(self):
        claim(self.case, actor=self.ana)
        Case.objects.update(claimed_until=timezone.now() - timedelta(minutes=1))
        claim(self.case, actor=self.bo)
        self.assertEqual(Case.objects.get().owner, self.bo)

    def test_only_the_owner_or_a_lead_releases(self):
        claim(self.case, actor=self.ana)
        with self.assertRaises(NotAllowed):
            release(self.case, actor=self.bo)
        release(self.case, actor=self.lea)
        self.assertIsNone(Case.objects.get().owner)
        with self.assertRaisesMessage(CaseError, "not claimed"):
            release(self.case, actor=self.lea)

    def test_take_next_gives_the_highest_priority_that_is_free_and_awake(self):
        low = make_case(2, priority=5.0)
        top = make_case(3, priority=90.0)
        snooze(top, actor=self.bo, until=timezone.now() + timedelta(hours=1))
        self.assertEqual(take_next(self.ana), self.case)
        self.assertEqual(take_next(self.bo), low)
        self.assertIsNone(take_next(self.bo))
        wake(top, actor=self.bo)
        self.assertEqual(take_next(self.bo), top)

    def test_take_next_never_gives_a_restricted_case_to_a_stranger(self):
        Case.objects.update(restricted=True)
        self.assertIsNone(take_next(self.ana))
        self.case.readers.add(self.ana)
        self.assertEqual(take_next(self.ana), self.case)

    def test_a_snooze_must_end(self):
        with self.assertRaises(CaseError):
            snooze(self.case, actor=self.ana, until=timezone.now() + timedelta(days=31))
        with self.assertRaises(CaseError):
            snooze(self.case, actor=self.ana, until=timezone.now() - timedelta(days=1))

    def test_the_whole_road_is_one_chain(self):
        claim(self.case, actor=self.ana)
        escalate(self.case, actor=self.ana, rationale="needs a second reader")
        add_note(self.case, actor=self.bo, text="seen")
        decision = record_decision(
            self.case, actor=self.ana, outcome="confirmed", rationale="one card, one template"
        )
        close(self.case, actor=self.lea)
        reopen(self.case, actor=self.lea, rationale="the card was stolen")
        self.case.refresh_from_db()
        self.assertEqual((self.case.status, self.case.verdict), ("reopened", "undecided"))
        self.assertEqual(decision.outcome, "confirmed")
        self.assertEqual(
            self.kinds(),
            [
                "case_opened",
                "case_claimed",
                "case_escalated",
                "note_added",
                "decision_recorded",
                "case_closed",
                "case_reopened",
            ],
        )
        self.assertEqual(broken_links(self.case), [])

    def test_a_second_decision_is_refused_and_leaves_no_trace(self):
        record_decision(self.case, actor=self.ana, outcome="confirmed", rationale="sure")
        with self.assertRaisesMessage(CaseMoved, "C-1 is decided"):
            record_decision(self.case, actor=self.ana, outcome="benign", rationale="not sure")
        self.assertEqual(Decision.objects.count(), 1)
        self.assertEqual(Case.objects.get().verdict, "confirmed")

    def test_a_decision_on_a_case_that_another_holds_is_refused(self):
        claim(self.case, actor=self.ana)
        with self.assertRaisesMessage(CaseMoved, "claimed by ana"):
            record_decision(self.case, actor=self.bo, outcome="benign", rationale="mine")

    def test_members_are_judged_with_one_event_for_the_selection(self):
        members = list(Member.objects.values_list("pk", flat=True)[:2])
        self.assertEqual(
            judge_members(self.case, actor=self.ana, members=members, verdict="out"), 2
        )
        self.assertEqual(
            judge_members(self.case, actor=self.ana, members=members, verdict="out"), 0
        )
        event = self.case.events.get(kind="member_judged")
        self.assertEqual(len(event.content.body["accounts"]), 2)

    def test_revealing_prompts_is_written_down(self):
        found = reveal_samples(self.case, actor=self.ana, reason="to see the template")
        self.assertEqual(found[0]["text"], "Solve task 7 <b>step by step</b>")
        event = self.case.events.get(kind="content_revealed")
        self.assertEqual(event.content.body, {"samples": 3, "reason": "to see the template"})


class ChainTest(DeskTestCase):
    def test_the_database_refuses_to_change_an_event(self):
        for change in (
            lambda: TimelineEvent.objects.update(kind="note_added"),
            lambda: TimelineEvent.objects.all()._raw_delete("default"),
            lambda: EventContent.objects.update(body={}),
        ):
            with self.assertRaises(IntegrityError), transaction.atomic():
                change()

    def test_a_rewritten_event_breaks_the_chain(self):
        add_note(self.case, actor=self.ana, text="first")
        add_note(self.case, actor=self.ana, text="second")
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")  # a superuser can
            cursor.execute("UPDATE cases_timelineevent SET actor_id = %s", [self.bo.pk])
            cursor.execute("SET LOCAL session_replication_role = origin")
        self.assertEqual(len(broken_links(self.case)), 3)

    def test_erased_content_leaves_the_chain_whole(self):
        add_note(self.case, actor=self.ana, text="a person's data")
        EventContent.objects.filter(event__kind="note_added").delete()
        self.assertEqual(broken_links(self.case), [])


class TogetherTest(TransactionTestCase):
    def test_of_two_who_decide_together_one_wins_and_the_other_is_told(self):
        case = make_case()
        people = [make_user("ana", "analyst"), make_user("bo", "analyst")]
        barrier, outcomes = Barrier(2), []

        def decide(actor):
            barrier.wait()
            try:
                record_decision(case, actor=actor, outcome="confirmed", rationale="sure")
                outcomes.append("won")
            except CaseMoved as error:
                outcomes.append(str(error))
            finally:
                connection.close()

        threads = [Thread(target=decide, args=[person]) for person in people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(outcomes.count("won"), 1, outcomes)
        self.assertTrue(any("C-1 is decided" in outcome for outcome in outcomes), outcomes)
        self.assertEqual(Decision.objects.count(), 1)
        self.assertEqual(broken_links(Case.objects.get()), [])
