"""Reports: the desk's work, what was taken, whether actions helped, of cases that one may see."""

import csv
import io
from datetime import timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cases.models import (
    Aftermath,
    Case,
    Enforcement,
    Reading,
    Sample,
    SampleAnswer,
    SampleItem,
    SampleStratum,
)
from cases.services.connect import set_up_webhook
from cases.services.decide import record_decision
from cases.services.triage import claim, reopen, snooze
from tests.base import DeskTestCase, make_case, make_user

PAGE, FIGURE, TABLE = "/reports/", "/reports/backlog.json", "/reports/backlog.csv"


class ReportsCase(DeskTestCase):
    def setUp(self):
        self.client.force_login(self.ana)

    def told(self, **query):
        answer = self.client.get(PAGE, query)
        self.assertEqual(answer.status_code, 200)
        return answer.context

    def level(self, name, **query):
        return next(row for row in self.told(**query)["levels"] if row.name == name)

    def opened(self, case, **ago):
        Case.objects.filter(pk=case.pk).update(opened_at=timezone.now() - timedelta(**ago))

    def decide(self, case, outcome="confirmed"):
        case.refresh_from_db()
        return record_decision(case, actor=self.ana, outcome=outcome, rationale="seen")


class WorkTest(ReportsCase):
    def test_levels_count_what_is_open_unclaimed_and_overdue(self):
        late = make_case(2, accounts=1, due_at=timezone.now() - timedelta(hours=1))
        claim(make_case(3, accounts=1, priority=12.0), actor=self.bo)
        self.decide(make_case(4, accounts=1, priority=3.0))
        first, second, third = (self.level(name) for name in ("P1", "P2", "P3"))
        self.assertEqual((first.open, first.unclaimed, first.overdue), (2, 2, 1))
        self.assertEqual((second.open, second.unclaimed, second.overdue), (1, 0, 0))
        self.assertEqual((third.open, third.oldest), (0, None))
        everything = self.told()["all"]
        self.assertEqual((everything.open, everything.overdue), (3, 1))
        self.assertEqual(first.oldest, Case.objects.get(pk=self.case.pk).opened_at)
        self.assertNotEqual(late.pk, self.case.pk)

    def test_in_time_is_decided_by_the_due_time_of_what_fell_due(self):
        now = timezone.now()
        for number, due, decided in [
            (2, timedelta(hours=-2), timedelta(hours=-3)),
            (3, timedelta(hours=-2), timedelta(hours=-1)),
            (4, timedelta(hours=-2), None),
            (5, timedelta(hours=2), None),  # not due yet: neither in time nor late
        ]:
            case = make_case(number, accounts=1, due_at=now + due)
            if decided:
                decision = self.decide(case)
                type(decision).objects.filter(pk=decision.pk).update(decided_at=now + decided)
        row = self.level("P1")
        self.assertEqual((row.due, row.in_time), (3, 1))
        self.assertContains(self.client.get(PAGE), "33 %")

    def test_times_count_cases_that_wait_still(self):
        self.opened(self.case, hours=50)
        for number in (2, 3):
            case = make_case(number, accounts=1)
            self.opened(case, hours=10)
            self.decide(case)
        told = self.told()["all"]
        self.assertEqual((told.decided.done, told.decided.open), (2, 1))
        self.assertAlmostEqual(told.decided.median / timedelta(hours=10), 1, delta=0.05)
        self.assertIsNone(told.decided.ninetieth)
        # who decides without claiming has taken it up then
        self.assertEqual((told.claimed.done, told.claimed.open), (2, 1))
        # opened before the days that are told of: not of these days' times, still of the backlog
        self.opened(self.case, days=8)
        told = self.told(days=7)["all"]
        self.assertEqual((told.decided.open, told.open), (0, 1))

    def test_a_days_backlog_is_counted_back_from_now(self):
        other = make_case(2, accounts=1)
        self.decide(other)
        other.refresh_from_db()
        reopen(other, actor=self.lea, rationale="more came")
        self.decide(make_case(3, accounts=1))
        rows = list(csv.reader(io.StringIO(self.client.get(TABLE, {"days": 7}).content.decode())))
        self.assertEqual(rows[0], ["day_utc", "opened", "decided", "open_at_end"])
        self.assertEqual(len(rows), 8)
        today = timezone.now().date().isoformat()
        # three opened and one reopened, two decisions: two are open
        self.assertEqual(rows[-1], [today, "4", "2", "2"])
        self.assertEqual(rows[-2][1:], ["0", "0", "0"])
        figure = self.client.get(FIGURE, {"days": 7}).json()
        self.assertEqual(
            figure["say"], "4 came and 2 were decided: the backlog grew by 2, to 2 open."
        )
        self.assertEqual(figure["points"], 21)

    def test_verdicts_count_every_decision_and_snoozes_are_told(self):
        self.decide(self.case, "benign")
        self.case.refresh_from_db()
        reopen(self.case, actor=self.lea, rationale="again")
        self.decide(self.case, "confirmed")
        snooze(make_case(2), actor=self.ana, until=timezone.now() + timedelta(days=1))
        told = self.told()
        counts = {row["outcome"]: row["count"] for row in told["verdicts"]}
        self.assertEqual(counts, {"confirmed": 1, "benign": 1, "other_abuse": 0, "inconclusive": 0})
        self.assertEqual(told["snoozed"], 1)

    def test_a_merged_case_is_counted_once(self):
        Case.objects.filter(pk=make_case(2).pk).update(merged_into=self.case)
        self.assertEqual(self.told()["all"].open, 1)


class WorthTest(ReportsCase):
    def order(self, case, number=1, **fields):
        order = Enforcement.objects.create(
            number=number, case=case, kind="suspend", connector=self.connector, tiers=["core"],
            reason="seen", requested_by=self.ana, reviewed_by=self.lea, state="done",
        )  # fmt: skip
        acted_at = timezone.now() - timedelta(days=2)
        fields.setdefault("tokens_before", 1_000_000)
        fields.setdefault("first_signal_at", acted_at - timedelta(hours=6))
        return Aftermath.objects.create(
            order=order, acted_at=acted_at, accounts=3, as_of=timezone.now(), **fields
        )

    def setUp(self):
        super().setUp()
        self.connector = set_up_webhook(
            "platform", name="Platform", url="https://platform.example/orders",
            secret="whsec_" + "c2VjcmV0" * 6,
        )  # fmt: skip

    def window(self, before, after, unknown=""):
        share = None if unknown else after / before
        return {
            "requests_before": before, "requests_after": after, "accounts_before": 3,
            "accounts_after": 1, "share": share, "accounts_share": share, "unknown": unknown,
            "start": "2026-11-01T00:00:00+00:00", "end": "2026-11-02T00:00:00+00:00",
        }  # fmt: skip

    def test_return_traffic_is_pooled_over_the_actions_of_which_it_is_known(self):
        other = make_case(2)
        self.order(self.case, 1, returned={"1": self.window(900, 90), "7": self.window(10, 5)})
        self.order(
            other, 2, tokens_before=None, hours_missing=4, first_signal_at=None,
            returned={"1": self.window(100, 60), "7": self.window(1, 1, "not over yet")},
        )  # fmt: skip
        told = self.told()["acted"]
        self.assertEqual((told.orders, told.accounts, told.tokens_before), (2, 6, 1_000_000))
        self.assertEqual((told.time_to_act, told.hours_missing), (timedelta(hours=6), 4))
        day, week, month = told.returned
        self.assertAlmostEqual(day.share, 150 / 1000)
        self.assertEqual((week.share, week.known, week.orders), (0.5, 1, 2))
        self.assertEqual((month.share, month.known), (None, 0))
        page = self.client.get(PAGE)
        self.assertContains(page, "known of 1 of 2 actions")
        self.assertContains(page, 'title="not over yet"')

    def test_what_was_taken_is_a_range_over_confirmed_cases(self):
        self.assertEqual(self.told()["taken"].cases, 0)
        for number, taken in [(2, {"core": 10, "weighted": 15, "all": 20}), (3, None)]:
            case = make_case(number, explanation={"extraction": taken} if taken else {})
            self.decide(case)
        self.decide(make_case(4, explanation={"extraction": {"core": 1, "all": 1}}), "benign")
        told = self.told()["taken"]
        self.assertEqual(
            (told.cases, told.core, told.weighted, told.all, told.missing), (2, 10, 15, 20, 1)
        )

    def test_a_restricted_case_is_in_its_readers_figures_alone(self):
        case = make_case(2, restricted=True, due_at=timezone.now() - timedelta(hours=1))
        self.order(case, 1, returned={"1": self.window(900, 90)})
        Case.objects.filter(pk=case.pk).update(explanation={"extraction": {"all": 5}})
        self.decide(case)
        for reader, seen in [(self.ana, 0), (self.bo, 1)]:
            case.readers.set([self.bo])
            self.client.force_login(reader)
            told = self.told()
            self.assertEqual(told["acted"].orders, seen)
            self.assertEqual(told["taken"].cases, seen)
            self.assertEqual(told["verdicts"][0]["count"], seen)
            self.assertEqual(told["all"].due, seen)
            rows = self.client.get(TABLE).content.decode().splitlines()
            self.assertEqual(rows[-1].split(",")[2], str(seen))

    def test_queries_do_not_grow_with_the_desk(self):
        with CaptureQueriesContext(connection) as few:
            self.client.get(PAGE)
        for number in range(2, 7):
            case = make_case(number)
            self.order(case, number, returned={"1": self.window(900, 90)})
            self.decide(case)
        with CaptureQueriesContext(connection) as many:
            self.client.get(PAGE)
        self.assertEqual(len(few), len(many))


class AgreementTest(ReportsCase):
    def read(self, answers):
        """answers: by reader, one answer an account."""
        sample = Sample.objects.create(
            case=self.case, seed="1", frame_digest="0", members=3, size=3, drawn_by=self.ana,
            state="finished",
        )  # fmt: skip
        stratum = SampleStratum.objects.create(
            sample=sample, tier="core", members=3, drawn=3, frame=[]
        )
        items = [
            SampleItem.objects.create(
                sample=sample, stratum=stratum, member=member, inclusion_probability=1, place=at + 1
            )
            for at, member in enumerate(self.case.members.order_by("pk"))
        ]
        for place, (reader, said) in enumerate(answers.items()):
            reading = Reading.objects.create(
                sample=sample,
                reader=reader,
                assigned_by=self.lea,
                second=place > 0,
                finished_at=timezone.now(),
            )
            for item, answer in zip(items, said, strict=True):
                if answer:
                    SampleAnswer.objects.create(
                        reading=reading, item=item, answer=answer, answered_at=timezone.now()
                    )

    def test_two_readers_agreement_is_kept_back_and_threes_is_told(self):
        self.read({self.ana: ["in", "in", "out"], self.bo: ["in", "out", "out"]})
        told = self.told()["agreement"]
        self.assertEqual((told.alpha, told.private, told.units), (None, True, 3))
        self.assertContains(self.client.get(PAGE), "kept back")
        third = make_user("cy", "analyst")
        self.read({self.lea: ["in", "in", "out"], third: ["in", "in", "out"]})
        told = self.told()["agreement"]
        self.assertFalse(told.private)
        self.assertEqual((told.readers, told.units), (4, 6))
        self.assertAlmostEqual(told.alpha, 24 / 35)

    def test_nothing_read_twice_is_said(self):
        self.read({self.ana: ["in", "in", "out"], self.bo: ["", "", ""]})
        self.assertEqual(self.told()["agreement"].units, 0)
        self.assertContains(self.client.get(PAGE), "nobody read the same account twice")


class DoorTest(ReportsCase):
    def test_every_reader_and_nobody_else(self):
        for url in (PAGE, FIGURE, TABLE):
            self.client.force_login(self.aud)
            self.assertEqual(self.client.get(url).status_code, 200)
            self.client.force_login(self.stranger)
            self.assertEqual(self.client.get(url).status_code, 404)
            self.client.logout()
            self.assertEqual(self.client.get(url).status_code, 302)

    def test_days_that_are_not_offered_are_the_usual_ones(self):
        for asked in ("", "5", "x", "-7", "9" * 5000):
            self.assertEqual(self.told(days=asked)["when"].days, 28)
        self.assertEqual(self.told(days="90")["when"].days, 90)
