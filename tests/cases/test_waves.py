"""After an action: the next wave is found from rows, once, and what cannot be known is not 0."""

from datetime import timedelta

from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext

from cases.errors import CaseError
from cases.models import (
    Aftermath,
    Case,
    Enforcement,
    EnforcementItem,
    Member,
    Operator,
    Reshaping,
)
from cases.services import constrain
from cases.services.aftermath import count_aftermaths
from cases.services.group import group_new_signals
from cases.services.judge import judge_members
from cases.services.operators import link_case, undo_link, unlink_case
from cases.services.timeline import broken_links
from cases.services.waves import open_waves
from cases.tasks import watch_for_waves
from ingest.models import Account, ActivityHour, Attribute, Census, ContextEvent, Detector
from tests.base import NOON, make_case, make_user
from tests.cases.orders import connector_at
from tests.cases.test_group_service import POPULATION, carry, flag, make_accounts, share

WHY = "same template, one day later"
LATER = NOON + timedelta(days=36)
DAY = timedelta(days=1)


class WaveTestCase(TestCase):
    """Twenty accounts that are tied by a template, and an action on them at noon."""

    def setUp(self):
        self.ana = make_user("ana", "analyst")
        self.bo = make_user("bo", "lead")
        self.census(NOON - 60 * DAY, NOON + 60 * DAY)
        self.case = make_case(7, accounts=20, status="decided", verdict="confirmed")
        self.members = [m.account for m in self.case.members.select_related("account")]
        self.template = share(self.members, "template", "t-88")
        self.order = self.act(self.case, self.members)

    def census(self, start, end):
        return Census.objects.create(
            as_of=end, window_start=start, window_end=end, accounts=POPULATION,
            organisations=POPULATION,
        )  # fmt: skip

    def act(self, case, accounts, at=NOON, kind="suspend"):
        number = Enforcement.objects.count() + 1
        order = Enforcement.objects.create(
            number=number, case=case, kind=kind, reason="x", requested_by=self.ana,
            reviewed_by=self.bo, state="done", finished_at=at + timedelta(minutes=5),
            connector=connector_at("https://gateway.example/hook", slug=f"p{number}"),
        )  # fmt: skip
        EnforcementItem.objects.bulk_create(
            EnforcementItem(enforcement=order, account=a, state="done", finished_at=at)
            for a in accounts
        )
        return order

    def come(self, name, size, *, after=DAY, values=(), flagged=False):
        accounts = make_accounts(name, size)
        pks = [account.pk for account in accounts]
        Account.objects.filter(pk__in=pks).update(first_seen_at=NOON + after)
        for value in values:
            carry(accounts, value)
        if flagged:
            flag(accounts)
        return accounts

    def traffic(self, accounts, *, days, requests=10, at=NOON):
        """Requests in the same hour of each day from a day before noon (−1) to others after."""
        ActivityHour.objects.bulk_create(
            ActivityHour(
                account=account, hour=at + day * DAY, model="orion", requests=requests,
                input_tokens=1, output_tokens=100,
            )
            for account in accounts
            for day in days
        )  # fmt: skip

    def sweep(self, now=NOON + 8 * DAY):
        return open_waves(now)

    def wave(self):
        return Case.objects.get(predecessor=self.case)


class OpeningTest(WaveTestCase):
    def test_successors_open_a_linked_case_under_one_operator(self):
        new = self.come("next", 5, values=[self.template])
        self.come("bystander", 40)
        self.sweep()
        wave = self.wave()
        self.case.refresh_from_db()
        self.assertEqual(
            {m.account.pk for m in wave.members.select_related("account")}, {a.pk for a in new}
        )
        self.assertEqual((self.case.wave, wave.wave, wave.after_order), (1, 2, self.order))
        self.assertEqual((wave.operator, wave.operator.created_by), (self.case.operator, None))
        self.assertIn("5 accounts first seen within 7 days of O-1 on C-7 take up", wave.reason)
        for case in (wave, self.case):
            self.assertIn("wave_opened", case.events.values_list("kind", flat=True))
            self.assertEqual(broken_links(case), [])

    def test_a_second_sweep_changes_nothing_and_who_comes_later_joins(self):
        self.come("next", 5, values=[self.template])
        self.sweep()
        before = (Member.objects.count(), Case.objects.count(), self.wave().events.count())
        self.assertEqual(self.sweep(), [])
        self.assertEqual(
            (Member.objects.count(), Case.objects.count(), self.wave().events.count()), before
        )
        self.come("later", 2, after=3 * DAY, values=[self.template])
        self.sweep()
        self.assertEqual(self.wave().possible, 7)
        self.assertEqual(Operator.objects.count(), 1)

    def test_they_are_held_at_possible_with_the_reasons_in_bits(self):
        self.come("next", 5, values=[self.template])
        self.sweep()
        member = self.wave().members.first()
        self.assertEqual((member.tier, member.flagged), ("possible", False))
        families = [entry["family"] for entry in member.evidence]
        self.assertEqual(families, ["prior", "template", "timing", "held"])
        self.assertIn("of 20 accounts that O-1 acted on", member.evidence[1]["why"])
        self.assertIn("First seen 24 h after O-1 took effect", member.evidence[2]["why"])
        bits = sum(entry["bits"] for entry in member.evidence)
        self.assertAlmostEqual(member.probability, 1 / (1 + 2**-bits), places=3)

    def test_the_same_card_is_enough_and_one_other_rare_value_is_not(self):
        card = Attribute.objects.get(value="card-7")
        device = share(self.members, "device", "d-1")
        self.come("device", 5, values=[device])
        self.assertEqual(self.sweep(), [])
        exits = share(self.members, "ip", "203.0.113.9")
        self.come("both", 4, values=[device, exits])
        self.sweep()
        self.assertEqual(self.wave().possible, 4)
        self.come("card", 3, values=[card])
        self.sweep()
        self.assertEqual(self.wave().possible, 7)

    def test_neither_common_values_nor_uncounted_ones_make_a_wave(self):
        common = share(self.members, "template", "t-common", others=2_000)
        uncounted = Attribute.objects.create(kind="template", value="t-new")
        carry(self.members, uncounted)
        self.come("user", 9, values=[common])
        self.come("other", 9, values=[uncounted])
        self.assertEqual(self.sweep(), [])

    def test_who_was_there_before_or_comes_after_the_window_is_no_successor(self):
        self.come("old", 5, after=-2 * DAY, values=[self.template])
        self.come("late", 5, after=9 * DAY, values=[self.template])
        self.assertEqual(self.sweep(NOON + 12 * DAY), [])

    def test_too_few_one_organisation_or_no_more_than_chance_open_nothing(self):
        self.come("two", 2, values=[self.template])
        self.assertEqual(self.sweep(), [])
        Account.objects.filter(external_id__startswith="two").update(organisation="one")
        mine = self.come("one", 4, values=[self.template])
        Account.objects.filter(pk__in=[a.pk for a in mine]).update(organisation="one")
        self.assertEqual(self.sweep(), [])
        # card and template are each on one account in 500: some of 3,000 newcomers have them anyway
        Attribute.objects.filter(pk=self.template.pk).update(accounts=40)
        self.come("crowd", 3_000)
        self.come("third", 1, values=[self.template])
        self.assertEqual(self.sweep(), [])

    def test_a_key_of_many_people_and_who_was_ruled_out_are_nobodys_successor(self):
        new = self.come("next", 5, values=[self.template])
        Account.objects.filter(pk=new[0].pk).update(is_aggregate=True)
        Case.objects.filter(pk=self.case.pk).update(status="in_review")
        self.case.refresh_from_db()
        out = Member.objects.create(
            case=self.case, account=new[1], probability=0.5, tier="possible", method="x"
        )
        judge_members(self.case, actor=self.ana, members=[out.pk], verdict="out")
        self.sweep()
        self.assertEqual(self.wave().possible, 3)

    def test_those_that_joined_the_decided_case_since_move_to_the_wave_and_stay_apart(self):
        new = self.come("next", 5, values=[self.template], flagged=True)
        for account in new[:3]:
            Member.objects.create(
                case=self.case, account=account, probability=0.98, tier="core", method="x",
                since_decision=True,
            )  # fmt: skip
        self.sweep()
        self.case.refresh_from_db()
        wave = self.wave()
        self.assertEqual((wave.core, wave.possible, self.case.new_since_decision), (3, 2, 0))
        ((left, right),) = constrain.standing().apart
        self.assertEqual(right, {a.pk for a in new})
        self.assertEqual(left, {a.pk for a in self.members})

    def test_a_case_that_grouping_opened_for_them_becomes_the_wave(self):
        new = self.come("next", 5, values=[self.template])
        found = Case.objects.create(number=40, name="Found", reason="by grouping")
        for account in new[:4]:
            Member.objects.create(
                case=found, account=account, probability=0.98, tier="core", method="x"
            )
        self.sweep()
        self.assertEqual(self.wave(), found)
        self.assertEqual(found.members.count(), 5)

    def test_a_wave_of_a_restricted_case_is_restricted_and_held_too(self):
        Case.objects.filter(pk=self.case.pk).update(restricted=True, legal_hold=True, tlp="red")
        self.case.readers.set([self.ana])
        self.come("next", 5, values=[self.template])
        self.sweep()
        wave = self.wave()
        self.assertEqual((wave.restricted, wave.legal_hold, wave.tlp), (True, True, "red"))
        self.assertEqual(list(wave.readers.all()), [self.ana])

    def test_a_person_who_unlinks_a_wave_is_not_overruled_by_the_sweep(self):
        self.come("next", 5, values=[self.template])
        self.sweep()
        wave = self.wave()
        unlink_case(wave, actor=self.ana, reason=WHY)
        self.come("later", 4, values=[self.template])
        self.assertEqual(self.sweep(), [])
        wave.refresh_from_db()
        self.assertEqual((wave.operator, wave.predecessor, wave.wave), (None, None, None))
        undo_link(Reshaping.objects.get(), actor=self.ana)
        self.sweep()
        self.assertEqual((self.wave(), self.wave().possible), (wave, 9))

    def test_what_was_refused_or_only_watched_has_no_successors(self):
        Enforcement.objects.update(state="cancelled")
        self.come("next", 5, values=[self.template])
        self.assertEqual(self.sweep(), [])
        Enforcement.objects.update(state="done", kind="contact", connector=None)
        self.assertEqual(self.sweep(), [])

    def test_the_sweep_costs_the_same_for_any_number_of_orders_without_successors(self):
        with CaptureQueriesContext(connection) as one:
            self.sweep()
        for _ in range(4):
            self.act(self.case, self.members[:5])
        with CaptureQueriesContext(connection) as five:
            self.sweep()
        self.assertEqual(len(one), len(five))


class WaveThroughRunsTest(WaveTestCase):
    def test_grouping_does_not_take_a_wave_apart_that_it_sees_no_tie_in(self):
        self.come("next", 5, values=[self.template])
        self.sweep()
        watch_for_waves()
        group_new_signals(full=True)
        self.assertFalse(constrain.has_news())
        self.come("later", 2, values=[self.template])
        self.sweep()
        self.assertTrue(constrain.has_news())
        group_new_signals(full=True)
        self.assertEqual(self.wave().members.current().count(), 7)
        self.assertIsNone(self.wave().merged_into)


class ReturnTest(WaveTestCase):
    def setUp(self):
        super().setUp()
        ActivityHour.objects.all().delete()
        self.new = self.come("next", 5, values=[self.template])
        self.sweep()
        self.traffic(self.members, days=range(-20, 0), requests=10)
        self.traffic(self.new, days=range(1, 20), requests=8)

    def counted(self, now=LATER):
        Aftermath.objects.update(as_of=NOON - DAY)
        count_aftermaths(now)
        return Aftermath.objects.get()

    def test_requests_and_accounts_after_stand_over_those_before(self):
        told = self.counted().returned
        self.assertEqual(
            [(told[d]["requests_after"], told[d]["requests_before"]) for d in ("1", "7", "30")],
            [(0, 0), (5 * 6 * 8, 20 * 6 * 10), (5 * 19 * 8, 20 * 20 * 10)],
        )
        self.assertAlmostEqual(told["7"]["share"], 0.2)
        self.assertAlmostEqual(told["30"]["share"], 0.19)
        self.assertEqual((told["7"]["accounts_after"], told["7"]["accounts_before"]), (5, 20))
        self.assertEqual(told["7"]["unknown"], "")
        self.assertEqual(told["7"]["start"][:10], "2026-11-13")

    def test_no_traffic_before_is_not_known_and_no_successor_is_a_known_zero(self):
        told = self.counted().returned["1"]
        self.assertIsNone(told["share"])
        self.assertIn("no request of the accounts acted upon is known", told["unknown"])
        Member.objects.filter(case=self.wave()).update(verdict="out")
        told = self.counted().returned["7"]
        self.assertEqual((told["share"], told["requests_after"]), (0, 0))

    def test_who_was_there_before_the_action_is_no_return(self):
        Account.objects.filter(pk=self.new[0].pk).update(first_seen_at=NOON - 3 * DAY)
        row = self.counted()
        self.assertEqual((row.successors, row.returned["7"]["accounts_after"]), (4, 4))
        self.assertEqual(row.returned["7"]["requests_after"], 4 * 6 * 8)

    def test_a_window_that_is_not_over_is_not_known(self):
        told = self.counted(NOON + 8 * DAY).returned
        self.assertEqual(told["7"]["share"], 0.2)
        self.assertIsNone(told["30"]["share"])
        self.assertIn("not over yet: known from 20 Dec", told["30"]["unknown"])

    def test_hours_that_the_logs_do_not_cover_are_not_known(self):
        Census.objects.update(window_end=NOON + 3 * DAY)
        told = self.counted().returned["7"]
        self.assertIsNone(told["share"])
        self.assertIn("the logs do not cover the hours from 23 Nov 13:00", told["unknown"])
        self.census(NOON + 3 * DAY, NOON + 50 * DAY)
        self.assertEqual(self.counted().returned["7"]["share"], 0.2)
        Attribute.objects.update(census=None)
        Census.objects.all().delete()
        self.assertIn("nothing tells which hours", self.counted().returned["7"]["unknown"])

    def test_an_outage_or_a_silent_detector_never_looks_like_a_successful_ban(self):
        ContextEvent.objects.create(
            kind="outage", label="Log pipeline", start_at=NOON + 2 * DAY, end_at=NOON + 3 * DAY
        )
        told = self.counted().returned["7"]
        self.assertEqual((told["share"], told["unknown"][:13]), (None, "Log pipeline:"))
        ContextEvent.objects.all().delete()
        Detector.objects.create(
            slug="quiet", name="Quiet", family="volume", expected_interval=timedelta(hours=1),
            last_heard_at=NOON + 4 * DAY,
        )  # fmt: skip
        told = self.counted().returned["7"]
        self.assertIn("detector quiet is silent since 24 Nov", told["unknown"])
        Detector.objects.filter(slug="quiet").update(last_heard_at=LATER)
        self.assertEqual(self.counted().returned["7"]["share"], 0.2)

    def test_tokens_before_missing_hours_and_the_first_signal_are_told(self):
        ActivityHour.objects.filter(account=self.members[0]).update(output_tokens=None)
        row = self.counted()
        self.assertEqual((row.tokens_before, row.hours_missing), (19 * 20 * 100, 20))
        self.assertIsNone(row.first_signal_at)  # signals of the tests arrive today, after noon
        self.members[0].signals.update(received_at=NOON - 2 * DAY)
        self.assertEqual(self.counted().first_signal_at, NOON - 2 * DAY)
        ActivityHour.objects.update(output_tokens=None)
        self.assertIsNone(self.counted().tokens_before)

    def test_figures_are_counted_again_after_a_while_and_not_at_once(self):
        first = count_aftermaths(LATER)
        self.assertEqual((len(first), count_aftermaths(LATER)), (1, []))
        self.assertEqual(Aftermath.objects.count(), 1)


class OperatorTest(WaveTestCase):
    def refuses(self, says):
        return self.assertRaisesRegex(CaseError, says)

    def test_a_case_is_linked_as_the_next_wave_and_each_link_is_undone(self):
        other = make_case(8)
        act = link_case(other, actor=self.ana, reason=WHY, predecessor=self.case)
        self.case.refresh_from_db()
        other.refresh_from_db()
        self.assertEqual((self.case.wave, other.wave, other.predecessor), (1, 2, self.case))
        self.assertEqual(self.case.operator, other.operator)
        undo_link(act, actor=self.bo)
        other.refresh_from_db()
        self.assertEqual((other.operator, other.wave, other.predecessor), (None, None, None))
        with self.refuses("bo undid this already"):
            undo_link(act, actor=self.ana)

    def test_what_does_not_fit_is_refused(self):
        other = make_case(8)
        with self.refuses("cannot follow itself"):
            link_case(other, actor=self.ana, reason=WHY, predecessor=other)
        with self.refuses("Name the operator"):
            link_case(other, actor=self.ana, reason=WHY)
        with self.refuses("linked to no operator"):
            unlink_case(other, actor=self.ana, reason=WHY)
        act = link_case(other, actor=self.ana, reason=WHY, name="Heron")
        with self.refuses("C-8 is linked to Heron. Unlink it first"):
            link_case(other, actor=self.ana, reason=WHY, name="Crane")
        unlink_case(other, actor=self.ana, reason=WHY)
        with self.refuses("C-8 was linked anew since"):
            undo_link(act, actor=self.ana)
