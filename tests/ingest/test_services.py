from datetime import UTC, datetime, timedelta

import msgspec
from django.db import connection, transaction
from django.test import TestCase

from ingest import wire
from ingest.models import (
    Account,
    ActivityHour,
    Attribute,
    AttributeUse,
    Batch,
    Census,
    Rejection,
    Signal,
)
from ingest.services import (
    AttributeCount,
    PopulationUse,
    record_account_state,
    record_activity,
    record_population,
    record_signals,
    replay_rejections,
    waiting_rejections,
)
from tests.base import make_detector
from tests.ingest.records import DAY, as_lines, make_record

ROWS = (Account, Attribute, AttributeUse, ActivityHour, Signal)


def counts():
    return [model.objects.count() for model in ROWS]


def deliver(*records, detector=None):
    return record_signals(
        wire.decode_delivery(as_lines(*records), wire.NDJSON),
        detector=detector or make_detector(),
        door=Batch.Door.API,
        source="test",
    )


def card(value="card-1", **fields):
    return {"kind": "payment", "value": value} | fields


class RecordSignalsTests(TestCase):
    def test_every_part_of_a_record_has_its_row(self):
        receipt = deliver(make_record(accounts_tested=2000, base_rate=0.0125))
        self.assertEqual((receipt.stored, receipt.repeated, receipt.rejected), (1, 0, []))
        signal = Signal.objects.select_related("account", "batch", "detector").get()
        self.assertEqual(signal.summary, "40 times the median of its plan")
        self.assertEqual(signal.samples, [{"text": "<b>Solve</b> \u202etask\u202c 7"}])
        self.assertEqual(signal.evidence, {"requests": 9000, "median": 40.5})
        self.assertEqual((signal.window_start, signal.score, signal.p_value), (DAY, 0.9, 1e-6))
        self.assertEqual((signal.accounts_tested, signal.base_rate), (2000, 0.0125))
        self.assertAlmostEqual(signal.by_chance, 0.002)
        self.assertEqual(signal.detector_version, "1", "the detector's, where the record has none")
        self.assertIsNone(signal.taken_at)
        self.assertEqual((signal.batch.stored, signal.batch.source), (1, "test"))
        use = AttributeUse.objects.get()
        self.assertEqual(use.first_at, DAY + timedelta(hours=2))
        self.assertEqual(use.last_at, DAY + timedelta(hours=20, microseconds=123457))
        self.assertEqual(use.count, 7)
        hour = ActivityHour.objects.get()
        self.assertEqual((hour.model, hour.requests, hour.output_tokens), ("orion", 30, None))
        self.assertEqual(signal.account.organisation, "org-1")
        self.assertEqual(signal.account.first_seen_at, use.first_at)
        self.assertEqual(signal.account.last_seen_at, use.last_at)
        self.assertIsNotNone(signal.detector.last_heard_at)

    def test_the_same_delivery_twice_stores_nothing_twice(self):
        records = [make_record(f"r-{n}", account={"id": f"a-{n % 3}"}) for n in range(6)]
        deliver(*records)
        before = counts()
        receipt = deliver(*records)
        self.assertEqual((receipt.stored, receipt.repeated, receipt.rejected), (0, 6, []))
        self.assertEqual(counts(), before)

    def test_a_changed_body_under_a_known_reference_is_a_conflict_and_changes_nothing(self):
        deliver(make_record())
        before = counts()
        changed = make_record(score=0.5, attributes=[card("card-2")], account={"id": "other"})
        receipt = deliver(changed, make_record("r-2"))
        self.assertEqual([(p.line, p.field) for p in receipt.rejected], [(1, "ref")])
        self.assertEqual(receipt.stored, 1)
        self.assertEqual(Signal.objects.get(ref="r-1").score, 0.9)
        self.assertEqual(counts(), [*before[:4], before[4] + 1])
        self.assertIn(b'"score": 0.5', bytes(Rejection.objects.get().body))

    def test_a_reference_twice_within_one_delivery(self):
        first, again, changed = make_record(), make_record(), make_record(score=0.1)
        receipt = deliver(first, again, changed)
        self.assertEqual((receipt.stored, receipt.repeated), (1, 1))
        self.assertEqual([(p.line, p.field) for p in receipt.rejected], [(3, "ref")])
        self.assertEqual(Signal.objects.get().score, 0.9)

    def test_two_detectors_may_use_the_same_reference(self):
        deliver(make_record())
        self.assertEqual(deliver(make_record(), detector=make_detector("other")).stored, 1)

    def test_what_is_rejected_is_kept_with_its_bytes(self):
        deliver(make_record(), b'{"ref": ')
        rejection = Rejection.objects.get()
        self.assertEqual((rejection.line, bytes(rejection.body)), (2, b'{"ref": '))
        self.assertEqual(rejection.batch.rejected, 1)

    def test_a_known_account_is_completed_and_its_span_widened_but_not_overwritten(self):
        Account.objects.create(
            external_id="acct-1",
            organisation="org-ours",
            last_seen_at=DAY + timedelta(hours=4),
            state="suspended",
        )
        born = DAY - timedelta(days=3)
        account = {"id": "acct-1", "organisation": "org-1", "plan": "build", "is_aggregate": True}
        deliver(make_record(account=account | {"created_at": born.isoformat()}))
        known = Account.objects.get()
        self.assertEqual((known.organisation, known.plan), ("org-ours", "build"))
        self.assertEqual((known.created_at, known.is_aggregate), (born, True))
        self.assertEqual(known.first_seen_at, DAY + timedelta(hours=2))
        self.assertGreater(known.last_seen_at, DAY + timedelta(hours=19))
        self.assertEqual(known.state, "suspended")

    def test_uses_and_hours_of_several_signals_are_merged(self):
        early, late = DAY.isoformat(), (DAY + timedelta(hours=5)).isoformat()
        hour = {"hour": early, "model": "orion"}
        deliver(
            make_record(
                "a",
                attributes=[card(first_at=late, last_at=late, count=2)],
                activity=[hour | {"requests": 5, "output_tokens": 10}],
            ),
            make_record(
                "b",
                attributes=[card(first_at=early, last_at=early, count=9)],
                activity=[hour | {"requests": 7}],
            ),
        )
        deliver(make_record("c", attributes=[card(first_at=late, last_at=late)], activity=[]))
        use = AttributeUse.objects.get()
        self.assertEqual((use.first_at, use.last_at), (DAY, DAY + timedelta(hours=5)))
        self.assertEqual(use.count, 9)
        merged = ActivityHour.objects.get()
        self.assertEqual((merged.requests, merged.output_tokens, merged.refusals), (7, 10, None))

    def test_an_attribute_without_times_counts_for_the_window(self):
        deliver(make_record(attributes=[card()]))
        use = AttributeUse.objects.get()
        self.assertEqual((use.first_at, use.last_at), (DAY, DAY + timedelta(days=1)))

    def test_an_account_without_traces_was_seen_in_the_window_and_not_before_it_was_born(self):
        born = DAY + timedelta(hours=6)
        account = {"id": "young", "created_at": born.isoformat()}
        deliver(make_record(account=account, attributes=[], activity=[]))
        seen = Account.objects.get()
        self.assertEqual((seen.first_seen_at, seen.last_seen_at), (born, DAY + timedelta(days=1)))

    def test_the_prevalence_that_makes_a_value_commonest_stays_whatever_the_order(self):
        rare, common = {"accounts": 2, "population": 1000}, {"accounts": 9, "population": 1000}
        for order in ((rare, common), (common, rare)):
            with self.subTest(order=order), transaction.atomic():
                for n, prevalence in enumerate(order):
                    deliver(make_record(f"r-{n}", attributes=[card(prevalence=prevalence)]))
                one = Attribute.objects.get()
                self.assertEqual((one.accounts, one.population, one.census), (9, 1000, None))
                transaction.set_rollback(True)
        deliver(
            make_record("a", attributes=[card(prevalence=common, label="Card")]),
            make_record("b", attributes=[card(prevalence=rare)]),
        )
        one = Attribute.objects.get()
        self.assertEqual((one.accounts, one.label), (9, "Card"))

    def test_a_census_figure_is_never_overwritten_by_a_record(self):
        census = take_census([AttributeCount("payment", "card-1", "Visa", 3, 2)])
        prevalence = {"accounts": 90, "population": 100}
        deliver(make_record(attributes=[card(prevalence=prevalence, label="other")]))
        one = Attribute.objects.get()
        self.assertEqual((one.accounts, one.population, one.census), (3, 1000, census))
        self.assertEqual(one.label, "Visa")

    def test_an_observation_made_in_python_takes_the_same_way(self):
        good = msgspec.convert(make_record(), wire.Observation)
        bad = msgspec.structs.replace(good, ref="r-2", score=float("nan"))
        receipt = record_signals([good, bad], detector=make_detector(), door=Batch.Door.LOGS)
        self.assertEqual(receipt.stored, 1)
        self.assertEqual([(p.line, p.field) for p in receipt.rejected], [(2, "score")])

    def test_hostile_text_survives_the_copy(self):
        nasty = "a\tb\nc\\d\\N \\. 'quote' \u202e <script>"
        deliver(make_record(summary=nasty, attributes=[card(nasty)], account={"id": nasty}))
        self.assertEqual(Signal.objects.get().summary, nasty)
        self.assertEqual(Attribute.objects.get().value, nasty)
        self.assertEqual(Account.objects.get().external_id, nasty)

    def test_a_delivery_takes_as_many_queries_at_any_size(self):
        deliver(make_record(), detector=(detector := make_detector()))
        numbers = []
        for size in (3, 60):
            records = [
                make_record(f"{size}-{n}", account={"id": f"{size}-{n}"}) for n in range(size)
            ]
            with self.subTest(size=size), CaptureQueries() as queries:
                deliver(*records, detector=detector)
            numbers.append(len(queries))
        self.assertEqual(numbers[0], numbers[1])


class CaptureQueries:
    def __enter__(self):
        self.seen = []
        self.wrapper = connection.execute_wrapper(self.note)
        self.wrapper.__enter__()
        return self.seen

    def note(self, execute, sql, params, many, context):
        self.seen.append(sql)
        return execute(sql, params, many, context)

    def __exit__(self, *error):
        self.wrapper.__exit__(*error)


def take_census(attributes, uses=(), accounts=1000, **fields):
    fields = {"as_of": DAY, "window_start": DAY - timedelta(days=14), "window_end": DAY} | fields
    return record_population(
        accounts=accounts, organisations=400, attributes=attributes, uses=uses, **fields
    )


def used(name, value, kind="payment", **fields):
    moments = {"first_at": DAY - timedelta(days=2), "last_at": DAY, "count": 4} | fields
    return PopulationUse(
        wire.AccountRef(id=name, organisation=f"org-{name}"), kind, value, **moments
    )


class RecordPopulationTests(TestCase):
    def test_values_and_their_accounts_are_stored_flagged_or_not(self):
        census = take_census(
            [
                AttributeCount("payment", "card-1", "Visa", 2, 2),
                AttributeCount("asn", "1", "", 9, 3),
            ],
            [used("a", "card-1"), used("b", "card-1")],
        )
        one = Attribute.objects.get(kind="payment")
        self.assertEqual((one.accounts, one.organisations, one.population), (2, 2, 1000))
        self.assertEqual((one.census, one.label), (census, "Visa"))
        self.assertEqual(one.uses.count(), 2)
        account = Account.objects.get(external_id="a")
        self.assertEqual((account.organisation, account.last_seen_at), ("org-a", DAY))
        self.assertEqual(account.first_seen_at, DAY - timedelta(days=2))

    def test_a_new_census_replaces_what_it_counts_and_leaves_the_rest_with_its_own_population(self):
        first = take_census(
            [AttributeCount("payment", "a", "", 2, 2), AttributeCount("payment", "b", "", 5, 5)]
        )
        second = take_census([AttributeCount("payment", "a", "", 7, 6)], accounts=2000)
        a, b = Attribute.objects.order_by("value")
        self.assertEqual((a.accounts, a.population, a.census), (7, 2000, second))
        self.assertEqual((b.accounts, b.population, b.census), (5, 1000, first))
        self.assertEqual(Census.objects.latest(), second)

    def test_counting_twice_changes_no_use(self):
        for _ in range(2):
            take_census([AttributeCount("payment", "a", "", 2, 2)], [used("x", "a")])
        self.assertEqual(AttributeUse.objects.get().count, 4)

    def test_more_accounts_than_there_are_is_refused_whole(self):
        with self.assertRaisesRegex(ValueError, "population has 1000"), transaction.atomic():
            take_census([AttributeCount("payment", "a", "", 1001, 2)])
        self.assertFalse(Census.objects.exists())

    def test_a_value_that_cannot_be_kept_does_not_stop_the_census(self):
        with self.assertLogs("ingest.services.population", "WARNING") as logged:
            take_census(
                [
                    AttributeCount("user_agent", "a\0b", "", 2, 2),
                    AttributeCount("user_agent", "x" * 501, "", 2, 2),
                    AttributeCount("shoe", "x", "", 2, 2),
                    AttributeCount("user_agent", "good", "nu\0ll", 2, 2),
                ],
                [
                    used("x", "a\0b"),
                    used("a\0", "good", "user_agent"),
                    used("x", "good", "user_agent"),
                ],
            )
        self.assertIn("5 values left out", logged.output[0])
        self.assertEqual(AttributeUse.objects.get().attribute.value, "good")

    def test_a_use_of_a_value_that_was_not_counted_stays_of_unknown_prevalence(self):
        take_census([], [used("x", "a")])
        self.assertIsNone(Attribute.objects.get().accounts)


class RecordActivityTests(TestCase):
    def test_the_larger_figure_stays_and_unknown_accounts_are_left_out(self):
        Account.objects.create(external_id="a")

        def hour(**fields):
            return wire.ActivityHour(hour=DAY, model="orion", **fields)

        self.assertEqual(record_activity([("a", hour(requests=5)), ("b", hour(requests=5))]), 1)
        self.assertEqual(record_activity([("a", hour(requests=3, refusals=2))]), 1)
        self.assertEqual(record_activity([("a", hour(requests=4))]), 0)
        merged = ActivityHour.objects.get()
        self.assertEqual((merged.requests, merged.refusals, merged.output_tokens), (5, 2, None))


class RecordAccountStateTests(TestCase):
    def note(self, state, at, name="a"):
        return record_account_state(name, state=state, actor="gateway", reason="abuse\0", at=at)

    def test_the_newest_word_of_the_platform_holds(self):
        Account.objects.create(external_id="a")
        self.assertTrue(self.note("suspended", DAY))
        self.assertFalse(self.note("suspended", DAY), "the same news twice")
        self.assertFalse(self.note("active", DAY - timedelta(hours=1)), "late news")
        account = Account.objects.get()
        self.assertEqual((account.state, account.state_actor), ("suspended", "gateway"))
        self.assertTrue(self.note("active", DAY + timedelta(hours=1)))

    def test_an_unknown_account_or_state_is_told(self):
        self.assertFalse(self.note("suspended", DAY, "nobody"))
        with self.assertRaisesRegex(ValueError, "no state"):
            self.note("frozen", DAY)


class ReplayTests(TestCase):
    def test_what_goes_through_is_marked_and_the_rest_keeps_its_newest_reason(self):
        tomorrow = datetime.now(UTC) + timedelta(days=2)
        early = make_record("early", window_end=tomorrow.isoformat(), attributes=[], activity=[])
        deliver(make_record("other"), early, b"{broken")
        self.assertEqual(waiting_rejections().count(), 2)
        # the clock was right, only early: the record's day has come
        body = as_lines(early | {"window_end": DAY.isoformat()}).strip()
        Rejection.objects.filter(line=2).update(body=body)
        done = replay_rejections(waiting_rejections())
        self.assertEqual((done.stored, done.repeated, len(done.problems)), (1, 0, 1))
        self.assertTrue(Signal.objects.filter(ref="early").exists())
        self.assertIsNotNone(Rejection.objects.get(line=2).replayed_at)
        waiting = waiting_rejections().get()
        self.assertEqual((waiting.line, Rejection.objects.count()), (3, 2))
        self.assertEqual(replay_rejections(waiting_rejections()).stored, 0)

    def test_a_conflict_stays_a_conflict(self):
        deliver(make_record())
        deliver(make_record(score=0.2))
        done = replay_rejections(waiting_rejections(detector="volume"))
        self.assertEqual([p.field for p in done.problems.values()], ["ref"])
        self.assertEqual(Signal.objects.get().score, 0.9)
        self.assertFalse(waiting_rejections(detector="other").exists())

    def test_a_record_that_was_cut_says_so(self):
        deliver(b"x" * 300_000)
        [problem] = replay_rejections(waiting_rejections()).problems.values()
        self.assertIn("first 64 KiB", problem.reason)
