"""Deliveries and censuses at the same time: nothing twice, no deadlock, nobody held up."""

import random
import threading
import time

from django.db import OperationalError, connection, transaction
from django.test import TransactionTestCase

from ingest.models import (
    Attribute,
    Batch,
    Detector,
    Signal,
)
from ingest.services import AttributeCount
from ingest.services import signals as signal_service
from tests.base import make_detector
from tests.ingest.records import make_record
from tests.ingest.test_services import card, counts, deliver, take_census, used


def dawdle(execute, *arguments):
    """Statements of several connections interleave in ever other ways."""
    time.sleep(random.random() / 50)
    return execute(*arguments)


class ConcurrentDeliveryTests(TransactionTestCase):
    def allow_no_deadlock(self):
        """A deadlock is not tried again, so that it shows."""
        self.addCleanup(setattr, signal_service, "TRIES", signal_service.TRIES)
        signal_service.TRIES = 1

    def at_once(self, *works):
        errors, barrier = [], threading.Barrier(len(works))

        def run(work):
            try:
                barrier.wait(10)
                with connection.execute_wrapper(dawdle):
                    work()
            except Exception as error:
                errors.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=run, args=[work]) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual(errors, [])

    def test_the_same_delivery_from_four_connections_stores_nothing_twice(self):
        self.allow_no_deadlock()
        detector = make_detector()
        records = [make_record(f"r-{n}", account={"id": f"a-{n % 40}"}) for n in range(300)]
        receipts = []

        def work(order):
            return lambda: receipts.append(deliver(*order, detector=detector))

        self.at_once(*(work(r) for r in (records, records[::-1], records, records[::-1])))
        self.assertEqual(sum(r.stored for r in receipts), 300)
        self.assertEqual(sum(r.repeated for r in receipts), 900)
        self.assertEqual(counts(), [40, 1, 40, 40, 300])
        self.assertEqual(sum(b.stored for b in Batch.objects.all()), 300)

    def test_deliveries_that_contradict_each_other_do_not_deadlock(self):
        self.allow_no_deadlock()
        detector, receipts = make_detector(), []

        def work(who, step):
            records = [make_record(f"r-{n}", account={"id": f"{who}-{n}"}) for n in range(2000)]
            return lambda: receipts.append(deliver(*records[::step], detector=detector))

        self.at_once(work("a", 1), work("b", -1), work("c", 1))
        self.assertEqual(sum(r.stored for r in receipts), 2000)
        self.assertEqual(sum(len(r.rejected) for r in receipts), 4000)

    def test_a_census_and_deliveries_of_the_same_values_do_not_deadlock(self):
        self.allow_no_deadlock()
        detector = make_detector()
        for n in range(8):
            names = [f"{n}-{i:03}" for i in range(200)]
            # half of the values are known and lack a label, which the deliveries bring
            Attribute.objects.bulk_create(
                Attribute(kind="payment", value=name) for name in reversed(names[::2])
            )
            # accounts of their own: otherwise they would line up at the accounts already
            one, two = (
                [
                    make_record(f"{who}-{name}", account={"id": who}, attributes=[worn])
                    for name in names
                    for worn in [card(name, label="Card")]
                ]
                for who in (f"a{n}", f"b{n}")
            )
            figures = [AttributeCount("payment", name, "", 2, 2) for name in names[::4]]
            uses = [used("c", name) for name in reversed(names)]
            self.at_once(
                lambda one=one: deliver(*one, detector=detector),
                lambda figures=figures, uses=uses: take_census(figures, uses),
                lambda two=two: deliver(*two, detector=detector),
            )
        self.assertEqual(Attribute.objects.count(), 1600)
        self.assertFalse(Attribute.objects.exclude(label="Card").exists())
        self.assertEqual(Attribute.objects.filter(census__isnull=False).count(), 400)

    def test_of_two_bodies_under_one_reference_one_wins_and_the_other_leaves_no_trace(self):
        detector = make_detector()
        for n in range(5):
            receipts = []

            def work(value, n=n, receipts=receipts):
                record = make_record(f"r-{n}", attributes=[card(f"{n}-{value}")])
                return lambda: receipts.append(deliver(record, detector=detector))

            self.at_once(work("a"), work("b"))
            self.assertEqual(sorted(r.stored for r in receipts), [0, 1])
            self.assertEqual(Attribute.objects.filter(value__startswith=f"{n}-").count(), 1)

    def test_a_deadlock_is_tried_again_and_stored_once(self):
        detector, tries = make_detector(), []
        whole = signal_service.heard_from

        def break_once(detector):
            whole(detector)
            if not tries:
                tries.append(1)
                with connection.cursor() as cursor:
                    cursor.execute("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$")

        signal_service.heard_from = break_once
        self.addCleanup(setattr, signal_service, "heard_from", whole)
        receipt = deliver(make_record(), detector=detector)
        self.assertEqual((tries, receipt.stored), ([1], 1))
        self.assertEqual((Signal.objects.count(), Batch.objects.count()), (1, 1))

    def test_other_database_errors_are_not_tried_again(self):
        def away():
            calls.append(1)
            raise OperationalError("away")

        calls = []
        with self.assertRaises(OperationalError):
            signal_service.retried(away)
        self.assertEqual(calls, [1])

    def test_a_detector_that_is_busy_does_not_hold_up_a_delivery(self):
        detector = make_detector()
        held, done = threading.Event(), threading.Event()

        def hold():
            with transaction.atomic():
                Detector.objects.select_for_update(no_key=True).get(pk=detector.pk)
                held.set()
                done.wait(20)

        def work():
            held.wait(20)
            try:
                self.assertEqual(deliver(make_record(), detector=detector).stored, 1)
            finally:
                done.set()

        self.at_once(hold, work)
