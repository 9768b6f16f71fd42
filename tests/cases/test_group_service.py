"""From rows to cases: stable, idempotent, one worker at a time, a person's word holds."""

import csv
import io
import json
import random
import threading
from datetime import timedelta

from django.core.management import call_command
from django.db import connection, transaction
from django.test import TestCase, TransactionTestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cases.models import Case, GroupingRun, Link, Member, Note, TimelineEvent
from cases.services.group import LOCK, group_new_signals
from cases.services.judge import judge_members
from cases.services.timeline import broken_links
from ingest.models import Account, ActivityHour, Attribute, AttributeUse, Batch, Census, Signal
from tests.base import NOON, make_detector, make_user

POPULATION = 20_000


def make_census():
    return Census.objects.create(
        as_of=NOON,
        window_start=NOON - timedelta(days=13),
        window_end=NOON,
        accounts=POPULATION,
        organisations=POPULATION,
    )


def share(accounts, kind, value, *, others=0, census=None):
    attribute = Attribute.objects.create(
        kind=kind,
        value=value,
        accounts=len(accounts) + others,
        organisations=len(accounts) + others,
        population=POPULATION,
        census=census or Census.objects.latest(),
    )
    carry(accounts, attribute)
    return attribute


def carry(accounts, attribute):
    AttributeUse.objects.bulk_create(
        AttributeUse(
            account=account,
            attribute=attribute,
            first_at=NOON - timedelta(days=9),
            last_at=NOON,
        )
        for account in accounts
    )


def flag(accounts, detector="template", **fields):
    detector = make_detector(detector, detector)
    batch = Batch.objects.create(detector=detector, door=Batch.Door.API)
    start = Signal.objects.count()
    Signal.objects.bulk_create(
        Signal(
            detector=detector,
            ref=f"s-{start + i}",
            account=account,
            batch=batch,
            body_digest="0" * 64,
            window_start=NOON - timedelta(days=1),
            window_end=NOON,
            score=0.9,
            p_value=1e-4,
            summary="one template",
            **fields,
        )
        for i, account in enumerate(accounts)
    )


def make_accounts(name, size):
    return Account.objects.bulk_create(
        Account(external_id=f"{name}-{i}", organisation=f"org-{name}-{i}") for i in range(size)
    )


def make_campaign(name="camp", size=20, flagged=None):
    """Accounts with one template, six exits and eight cards; an hour of activity each."""
    who = make_accounts(name, size)
    rng = random.Random(name)
    share(who, "template", f"t-{name}", others=2)
    for kind, values, hands in (("ip", 6, 3), ("payment", 8, 4)):
        for turn in range(values):
            if turn % hands == 0:
                cards = rng.sample(who, size)
            share(cards[turn % hands :: hands], kind, f"{kind}-{name}-{turn}", others=1)
    ActivityHour.objects.bulk_create(
        ActivityHour(
            account=account,
            hour=NOON - timedelta(days=day),
            model="orion-large",
            requests=30,
            input_tokens=3000,
            output_tokens=900_000,
        )
        for account in who
        for day in range(12)
    )
    flag(who if flagged is None else who[:flagged])
    return who


def names(case):
    return set(
        case.members.current().exclude(verdict="out").values_list("account__external_id", flat=True)
    )


class GroupingServiceTest(TestCase):
    def setUp(self):
        make_census()
        self.who = make_campaign()
        make_accounts("bystander", 10)

    def only_case(self):
        return Case.objects.get()

    def test_signals_become_a_case_with_reasons(self):
        run = group_new_signals()
        case = self.only_case()
        self.assertEqual((run.signals, run.opened), (20, 1))
        self.assertEqual(names(case), {account.external_id for account in self.who})
        self.assertEqual((case.core, case.likely, case.possible), (20, 0, 0))
        self.assertIn("20 accounts of 20 organisations", case.reason)
        self.assertGreater(case.priority, 10)
        self.assertEqual(case.due_at.date(), (timezone.now() + timedelta(days=3)).date())
        self.assertFalse(Signal.objects.filter(taken_at=None).exists())
        self.assertTrue(Link.objects.filter(case=case, attribute__kind="payment").exists())
        event = TimelineEvent.objects.select_related("content").get()
        self.assertEqual(event.kind, "case_opened")
        self.assertEqual(event.content.body, {"members": 20, "reason": case.reason})

    def test_evidence_adds_up_to_the_log_odds(self):
        group_new_signals()
        for member in Member.objects.all():
            bits = sum(entry["bits"] for entry in member.evidence)
            self.assertAlmostEqual(member.probability, 1 / (1 + 2**-bits), places=4)
            self.assertEqual(member.evidence[0]["family"], "prior")

    def test_the_explanation_has_what_the_screens_read(self):
        group_new_signals()
        told = self.only_case().explanation
        self.assertEqual(told["census"]["accounts"], POPULATION)
        self.assertEqual(told["evidence"]["core"][0]["family"], "prior")
        self.assertEqual(told["evidence"]["likely"], [])
        self.assertEqual(len(told["benign"]), 8)
        self.assertTrue(all(row["why"] and row["fit"] for row in told["benign"]))
        self.assertEqual(told["extraction"]["all"], 20 * 12 * 900_000)
        self.assertAlmostEqual(told["expected_innocent"]["core"], 0, delta=0.5)
        self.assertIn("M tokens a day", told["priority"]["says"])
        self.assertTrue(told["would_change"])
        self.assertIn("20 accounts", told["summary"][0])

    def test_search_finds_reference_value_and_account(self):
        group_new_signals()
        text = self.only_case().search_text
        for part in (self.only_case().ref, "t-camp", "camp-7"):
            self.assertIn(part, text)
        self.assertLessEqual(len(text.encode()), 20_000)

    def test_a_second_run_without_news_changes_nothing(self):
        group_new_signals()
        before = self.snapshot()
        self.assertIsNone(group_new_signals())
        self.assertEqual(self.snapshot(), before)

    def test_a_full_run_without_news_finds_no_difference(self):
        group_new_signals()
        before = self.snapshot()
        run = group_new_signals(full=True)
        self.assertEqual((run.opened, run.updated), (0, 0))
        self.assertEqual(run.report["joined"], 0)
        self.assertEqual(self.snapshot(), before)

    def snapshot(self):
        return [
            list(model.objects.order_by("pk").values())
            for model in (Case, Member, Link, TimelineEvent)
        ]

    def test_a_new_account_joins_the_case_that_it_fits(self):
        group_new_signals()
        (late,) = make_accounts("late", 1)
        for value in ("t-camp", "ip-camp-0", "payment-camp-0"):
            carry([late], Attribute.objects.get(value=value))
        flag([late])
        run = group_new_signals()
        case = self.only_case()
        self.assertEqual(run.report["joined"], 1)
        self.assertIn("late-0", names(case))
        event = case.events.select_related("content").get(kind="members_changed")
        self.assertEqual(event.content.body, {"joined": 1, "left": 0, "members": 21})
        self.assertFalse(case.members.get(account=late).since_decision)
        self.assertEqual(broken_links(case), [])

    def test_a_decided_case_keeps_its_verdict_and_marks_who_joins(self):
        group_new_signals()
        Case.objects.update(status=Case.Status.DECIDED, verdict=Case.Verdict.CONFIRMED)
        (late,) = make_accounts("late", 1)
        for value in ("t-camp", "ip-camp-0", "payment-camp-0"):
            carry([late], Attribute.objects.get(value=value))
        flag([late])
        group_new_signals()
        case = self.only_case()
        self.assertEqual((case.status, case.verdict), ("decided", "confirmed"))
        self.assertEqual(case.new_since_decision, 1)
        self.assertTrue(case.members.get(account=late).since_decision)

    def test_nobody_leaves_a_decided_case(self):
        group_new_signals()
        Case.objects.update(status=Case.Status.DECIDED, verdict=Case.Verdict.CONFIRMED)
        AttributeUse.objects.all().delete()
        group_new_signals(full=True)
        self.assertEqual(self.only_case().members.current().count(), 20)
        self.assertEqual(self.only_case().core, 20)

    def test_an_analysts_out_holds_through_every_run(self):
        group_new_signals()
        ana = make_user("ana")
        out = Member.objects.get(account__external_id="camp-0")
        judge_members(self.only_case(), actor=ana, members=[out.pk], verdict="out")
        self.assertIsNotNone(group_new_signals())
        self.assertEqual(self.only_case().core, 19)
        flag([self.who[0]])
        group_new_signals()
        out.refresh_from_db()
        self.assertEqual(out.verdict, "out")
        self.assertNotIn("camp-0", names(self.only_case()))
        self.assertEqual(Case.objects.count(), 1)

    def test_members_that_no_longer_fit_leave_but_an_analysts_in_stays(self):
        group_new_signals()
        kept = Member.objects.get(account=self.who[1])
        judge_members(self.only_case(), actor=make_user("ana"), members=[kept.pk], verdict="in")
        AttributeUse.objects.filter(account__in=self.who[:2]).delete()
        group_new_signals()
        gone, kept = (Member.objects.get(account=account) for account in self.who[:2])
        self.assertIsNotNone(gone.left_at)
        self.assertIsNone(kept.left_at)
        self.assertEqual(self.only_case().members.count(), 20)

    def test_an_untouched_case_that_is_absorbed_is_merged_and_a_touched_one_is_not(self):
        group_new_signals()
        first = self.only_case()
        twin = Case.objects.create(number=900, name="Old Twin", reason="the same")
        members = list(first.members.all()[:8])
        for member in members:
            Member.objects.create(
                case=twin, account_id=member.account_id, probability=0.9, tier="likely", method="x"
            )
        group_new_signals(full=True)
        twin.refresh_from_db()
        self.assertEqual(twin.merged_into, first)
        self.assertFalse(twin.members.current().exists())
        Case.objects.filter(pk=twin.pk).update(merged_into=None)
        Member.objects.filter(case=twin).update(left_at=None)
        Note.objects.create(case=twin, author=make_user("bo"), text="mine")
        group_new_signals(full=True)
        twin.refresh_from_db()
        self.assertIsNone(twin.merged_into)
        self.assertEqual((twin.core, twin.priority), (0, 0))

    def test_queries_do_not_grow_with_members_or_cases(self):
        counts = []
        for name, size in (("other", 12), ("more", 60)):
            group_new_signals()
            make_campaign(name, size=size)
            with CaptureQueriesContext(connection) as queries:
                group_new_signals()
            counts.append(len(queries))
        self.assertEqual(Case.objects.count(), 3)
        self.assertLessEqual(counts[1], counts[0] + 2)

    def test_a_newer_census_is_news(self):
        group_new_signals()
        make_census()
        self.assertIsNotNone(group_new_signals())
        self.assertIsNone(group_new_signals())

    def test_an_unflagged_neighbour_comes_in_as_possible(self):
        make_campaign("quiet", size=20, flagged=12)
        group_new_signals()
        quiet = Member.objects.filter(account__external_id__startswith="quiet")
        self.assertEqual(
            set(quiet.filter(flagged=False).values_list("tier", flat=True)), {"possible"}
        )
        self.assertEqual(quiet.filter(flagged=False).count(), 8)

    def test_hostile_names_pass_through_as_data(self):
        bad = '"><script>alert(1)</script>\u202e'
        Attribute.objects.filter(kind="payment").update(label=bad)
        Account.objects.filter(pk=self.who[0].pk).update(external_id="=cmd|'x'!A1,\n\"z\"")
        group_new_signals()
        output = io.StringIO()
        call_command("export_members", stdout=output)
        rows = list(csv.DictReader(io.StringIO(output.getvalue(), newline="")))
        self.assertEqual(len(rows), 20)
        self.assertIn("=cmd|'x'!A1,\n\"z\"", {row["account_id"] for row in rows})

    def test_export_as_json_and_csv_agree(self):
        group_new_signals()
        texts = {}
        for kind in ("json", "csv"):
            output = io.StringIO()
            call_command("export_members", format=kind, stdout=output)
            texts[kind] = output.getvalue()
        rows = json.loads(texts["json"])
        again = list(csv.DictReader(io.StringIO(texts["csv"])))
        self.assertEqual([row["account_id"] for row in rows], [row["account_id"] for row in again])
        self.assertEqual(set(rows[0]), {"account_id", "case_ref", "probability", "tier"})

    def test_the_command_says_what_changed(self):
        output = io.StringIO()
        call_command("group", stdout=output)
        self.assertIn(f"{self.only_case().ref} opened", output.getvalue())
        call_command("group", stdout=output)
        self.assertIn("Nothing new", output.getvalue())


class TwoWorkersTest(TransactionTestCase):
    def test_two_workers_at_once_give_one_outcome(self):
        make_census()
        make_campaign()
        begin, answers = threading.Barrier(2), []

        def work():
            try:
                begin.wait(10)
                answers.append(group_new_signals())
            finally:
                connection.close()

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual(len([run for run in answers if run]), 1)
        self.assertEqual(Case.objects.count(), 1)
        self.assertEqual(Member.objects.count(), 20)
        self.assertEqual(GroupingRun.objects.count(), 1)

    def test_a_worker_that_finds_the_lock_taken_returns_at_once(self):
        make_census()
        make_campaign()
        seen = []

        def other():
            try:
                seen.append(group_new_signals())
            finally:
                connection.close()

        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            thread = threading.Thread(target=other)
            thread.start()
            thread.join(10)
        self.assertEqual(seen, [None])
        self.assertEqual(Signal.objects.filter(taken_at=None).count(), 20)
