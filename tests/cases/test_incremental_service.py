"""Through the service, on the real tables: what news touched is grouped as a full run would."""

import io
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from random import Random

from django.core.management import call_command
from django.test import TransactionTestCase
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from cases.models import Case, GroupingRun, Link, LookedAt, Member
from cases.services.group import group_new_signals
from cases.services.judge import judge_members
from ingest.models import Account, Attribute, AttributeUse, Batch, Signal
from ingest.services import record_signals
from ingest.wire import AccountRef, Observation, Prevalence, SharedAttribute
from tests.base import make_detector, make_user
from tests.cases.test_group_service import carry, flag, make_accounts, make_campaign, make_census
from tests.cases.test_incremental import N, stream
from tests.processes import ROOT, environment

START = datetime(2026, 6, 1, tzinfo=UTC)


def deliver(refs, attributes, told, pieces):
    """Pieces of a stream through the door of the detectors."""
    by_family = {}
    for accounts, uses, signals in pieces:
        (pk, org, aggregate), *_ = accounts
        shared = [
            SharedAttribute(
                kind=attributes[attribute][0],
                value=f"v-{attribute}",
                first_at=START + timedelta(seconds=first),
                last_at=START + timedelta(seconds=last),
                prevalence=Prevalence(accounts=attributes[attribute][1], population=N)
                if attribute in told
                else None,
            )
            for _, attribute, first, last in uses
        ]
        for place, (_, family, p, key) in enumerate(signals):
            observation = Observation(
                ref=f"r-{next(refs)}",
                account=AccountRef(id=f"a-{pk}", organisation=org, is_aggregate=aggregate),
                window_start=START,
                window_end=START + timedelta(days=14),
                score=0.5,
                summary="seen",
                p_value=p,
                group_key=key,
                attributes=[] if place else shared,
            )
            by_family.setdefault(family, []).append(observation)
    for family, observations in sorted(by_family.items()):
        record_signals(observations, detector=make_detector(family, family), door=Batch.Door.API)


def stored():
    members = Member.objects.filter(left_at=None, case__merged_into=None)
    return (
        sorted(members.values_list("account_id", "probability", "tier")),
        sorted(Link.objects.filter(case__merged_into=None).values_list(
            "account_id", "attribute_id", "bits", "members")),
    )  # fmt: skip


class StreamTest(TestCase):
    # a failing stream is told by its seed; making it smaller through the tables takes an hour
    @settings(max_examples=12, deadline=None, phases=(Phase.explicit, Phase.generate))
    @given(st.integers(0, 1_000_000), st.lists(st.integers(3, 60), min_size=1, max_size=4))
    def test_any_stream_in_any_batches_leaves_a_full_run_nothing_to_change(self, seed, sizes):
        rng = Random(seed)
        census = make_census()
        rows, _, deliveries = stream(seed)
        attributes = {pk: (kind, carriers) for pk, kind, carriers, _ in rows}
        # some values no census counted: a detector tells how common they are
        told = {pk for pk in attributes if rng.random() < 0.2}
        Attribute.objects.bulk_create(
            Attribute(
                kind=kind, value=f"v-{pk}", accounts=carriers, organisations=carriers,
                population=N, census=census,
            )
            for pk, (kind, carriers) in attributes.items()
            if pk not in told
        )  # fmt: skip
        ana = make_user("ana")
        refs = iter(range(10**6))
        place = turn = 0
        while place < len(deliveries):
            size = sizes[turn % len(sizes)]
            deliver(refs, attributes, told, deliveries[place : place + size])
            self.judge(rng, ana)
            self.assertIsNotNone(group_new_signals())
            place, turn = place + size, turn + 1
        self.assertTrue(GroupingRun.objects.filter(whole=False).exists() or turn == 1)
        before = stored()
        run = group_new_signals(full=True)
        self.assertEqual(run.report["difference"], {})
        self.assertEqual(stored(), before)

    def judge(self, rng, ana):
        """A person says something of a few members, or takes it back."""
        members = list(Member.objects.current().select_related("case").order_by("pk"))
        for member in rng.sample(members, min(len(members), rng.randint(0, 2))):
            verdict = rng.choice(("in", "out", ""))
            judge_members(member.case, actor=ana, members=[member.pk], verdict=verdict)


class TouchedTest(TestCase):
    def setUp(self):
        make_census()
        self.one = make_campaign("one")
        self.two = make_campaign("two")
        group_new_signals()

    def join(self, name, camp):
        (late,) = make_accounts(name, 1)
        for value in (f"t-{camp}", f"ip-{camp}-0", f"payment-{camp}-0"):
            carry([late], Attribute.objects.get(value=value))
        flag([late])

    def case_of(self, account):
        return Case.objects.get(members__account=account)

    def test_only_the_component_that_news_touches_is_grouped_again(self):
        units = set(LookedAt.objects.filter(account_id=self.two[0].pk).values_list("unit"))
        self.join("late", "one")
        run = group_new_signals()
        self.assertFalse(run.whole)
        self.assertEqual(run.report["clusters"], 1)
        self.assertEqual(run.report["joined"], 1)
        kept = set(LookedAt.objects.filter(account_id=self.two[0].pk).values_list("unit"))
        self.assertEqual(kept, units)

    def test_a_signal_about_a_stranger_touches_no_case(self):
        flag(make_accounts("stranger", 1))
        self.assertEqual(group_new_signals().report["clusters"], 0)

    def test_a_verdict_taken_back_is_news(self):
        ana = make_user("ana")
        case = self.case_of(self.one[0])
        member = case.members.get(account=self.one[0])
        judge_members(case, actor=ana, members=[member.pk], verdict="out")
        group_new_signals()
        self.assertIsNone(group_new_signals())
        judge_members(case, actor=ana, members=[member.pk], verdict="")
        self.assertIsNotNone(group_new_signals())
        self.assertEqual(group_new_signals(full=True).report["difference"], {})

    def test_a_new_census_groups_everything_again(self):
        make_census()
        self.assertTrue(group_new_signals().whole)

    def test_another_prior_groups_everything_again(self):
        with self.settings(MEMBERSHIP_PRIOR=1 / 1000):
            self.assertTrue(group_new_signals().whole)
            self.assertIsNone(group_new_signals())

    def told_by_a_detector(self):
        """A third campaign, the prevalence of whose template no census counted."""
        third = make_campaign("three")
        told = Attribute.objects.get(value="t-three")
        Attribute.objects.filter(pk=told.pk).update(census=None)
        return third, told

    def test_a_prevalence_that_detectors_tell_holds_within_the_epoch(self):
        third, told = self.told_by_a_detector()
        group_new_signals()
        self.assertTrue(Member.objects.filter(account=third[0]).exists())
        Attribute.objects.filter(pk=told.pk).update(accounts=9_000, organisations=9_000)
        flag(third[:1])
        group_new_signals()
        self.assertEqual(group_new_signals(full=True).report["difference"], {})

    def test_a_prevalence_that_a_whole_run_used_holds_too(self):
        third, told = self.told_by_a_detector()
        group_new_signals(full=True)
        evidence = Member.objects.get(account=third[0]).evidence
        self.assertIn("template", [entry["family"] for entry in evidence], "it was not used")
        Attribute.objects.filter(pk=told.pk).update(accounts=9_000, organisations=9_000)
        flag(make_accounts("stranger", 1))
        group_new_signals()
        self.assertEqual(group_new_signals(full=True).report["difference"], {})

    def test_a_whole_run_remembers_what_it_looked_at_in_place_of_the_runs_before(self):
        kept = sorted(LookedAt.objects.values_list("account_id", "bound"))
        for _ in range(2):
            group_new_signals(full=True)
        self.assertEqual(sorted(LookedAt.objects.values_list("account_id", "bound")), kept)

    def test_the_command_tells_no_difference_and_ends_well(self):
        self.join("late", "one")
        output = io.StringIO()
        call_command("group", full=True, stdout=output)
        self.assertIn("No difference from scratch.", output.getvalue())

    def test_the_command_tells_a_difference_by_case_and_fails(self):
        case = self.case_of(self.one[0])
        Member.objects.filter(account=self.one[0]).update(probability=0.5)
        Member.objects.filter(account=self.one[1]).delete()
        output = io.StringIO()
        with self.assertRaises(SystemExit) as ended:
            call_command("group", full=True, stdout=output)
        self.assertEqual(ended.exception.code, 1)
        self.assertIn(f"{case.ref} differs: 1 joined, 1 probabilities", output.getvalue())

    def test_a_member_that_fits_no_more_stays_in_a_decided_case(self):
        case = self.case_of(self.one[0])
        Case.objects.filter(pk=case.pk).update(status="decided", verdict="confirmed")
        AttributeUse.objects.filter(account=self.one[0]).delete()
        flag(self.one[:1])
        group_new_signals()
        self.assertEqual(case.members.current().count(), 20)
        group_new_signals(full=True)
        self.assertIsNone(case.members.get(account=self.one[0]).left_at)


class TwoProcessesTest(TransactionTestCase):
    def test_two_processes_at_once_give_one_outcome(self):
        make_census()
        make_campaign()
        command = [sys.executable, "manage.py", "group"]
        processes = [
            subprocess.Popen(
                command, cwd=ROOT, env=environment(), text=True,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )
            for _ in range(2)
        ]  # fmt: skip
        told = [process.communicate(timeout=120)[0] for process in processes]
        self.assertEqual([process.returncode for process in processes], [0, 0], told)
        self.assertEqual(sum("opened" in text for text in told), 1, told)
        self.assertEqual(GroupingRun.objects.count(), 1)
        self.assertEqual(Case.objects.count(), 1)
        self.assertEqual(Member.objects.count(), 20)
        self.assertFalse(Signal.objects.filter(taken_at=None).exists())
        self.assertEqual(Account.objects.count(), 20)
