"""Who has covered what of a template's slot, and whether accounts divide it."""

from datetime import UTC, datetime, timedelta

import ibis
import numpy as np
import pandas as pd
import pytest
from django.test import TestCase

from ingest.detectors import Population
from ingest.detectors.division import division, expected_shared
from ingest.detectors.sweeps import anchor, covered, slots_of
from ingest.models import Account, Attribute, TemplateSlot
from ingest.readers.columns import TYPES
from ingest.services.sweeps import CoveredSlot, record_slots
from tests.ingest.logs import LogBook

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("label", "found"),
    [
        ("you are a patient examiner. claim: ⟨…⟩", ("you are a patient examiner. claim:", True)),
        ("⟨…⟩ answer with one verdict only", ("answer with one verdict only", False)),
        ("grade ⟨n⟩ of the answers below: ⟨…⟩ ok", ("of the answers below:", True)),
        ("one wording without any slot at all", None),
        ("a: ⟨…⟩ b", None),
    ],
)
def test_a_slot_is_found_beside_the_longest_fixed_words(label, found):
    assert anchor(label) == found


def plant(book: LogBook, accounts: int = 4, items: int = 24) -> None:
    """accounts of as many organisations that divide a list, twice each item; others in between."""
    for number in range(40):
        for turn in range(4):
            book.add(f"u{number}", f"What do I do about problem {number} of week {turn}, friend?",
                     hours=turn * 30)  # fmt: skip
    for item in range(items):
        for again in range(2):
            text = (
                f"You are a careful examiner of proofs.\nClaim: {'abcdefgh'[item % 8]}{item} holds."
            )
            book.add(f"camp{item % accounts}", text, hours=item + again * 40)


def test_each_account_s_values_are_told_as_digests_with_first_use_and_count(tmp_path):
    book = LogBook()
    plant(book)
    requests = book.open(tmp_path)
    population = Population(requests)
    rows = list(slots_of(requests, population, [f"camp{n}" for n in range(4)]))
    assert len(rows) == 24 and {row.count for row in rows} == {2}
    assert len({row.slot for row in rows}) == 24 and len({row.template for row in rows}) == 1
    assert all(len(row.slot) == 32 and "claim" not in row.slot for row in rows)
    assert min(row.first_at for row in rows) == min(
        row["at"] for row in book.rows if row["account_id"].startswith("camp")
    )
    assert list(slots_of(requests, population, ["u1"])) == []
    cells = np.array([(row.account, row.slot, row.count) for row in rows]).T
    found = division(cells[0], cells[1], cells[2].astype(int))
    assert (found.accounts, found.values, found.overlap) == (4, 24, 0.0)
    assert found.chance > 0.6 and found.p == 0.001


@pytest.mark.parametrize("dialect", ["snowflake", "bigquery", "clickhouse", "pyspark"])
def test_the_slots_are_found_in_every_warehouse(dialect):
    wanted = pd.DataFrame(
        {"account_id": ["a"], "template": ["t-1"], "fixed": ["words"], "after": [True]}
    )
    requests = ibis.table(TYPES, name="requests")
    assert ibis.to_sql(covered(requests, wanted), dialect=dialect)


def test_a_list_that_everybody_goes_through_is_not_divided():
    who, what = np.divmod(np.arange(60), 12)
    found = division(who, what, np.ones(60, int))
    assert found.overlap == 1.0 and found.p > 0.5


def test_values_that_never_come_again_say_nothing():
    found = division(np.arange(40) % 5, np.arange(40), np.ones(40, int))
    assert found.again == 0 and found.p == 1.0 and found.chance == pytest.approx(0)


def test_one_account_divides_nothing():
    assert division(np.zeros(5), np.arange(5), np.ones(5, int)) is None
    assert division(np.array([]), np.array([]), np.array([], int)) is None


def test_chance_is_what_dealing_anew_gives_on_average():
    rng = np.random.default_rng(3)
    busy, sizes = np.array([30, 10, 5, 5]), np.array([1] * 10 + [2] * 10 + [5] * 4)
    who, what = np.repeat(np.arange(4), busy), np.repeat(np.arange(24), sizes)
    dealt = [
        len({w for w in range(24) if len(set(mixed[what == w])) > 1})
        for mixed in (rng.permutation(who) for _ in range(2000))
    ]
    assert expected_shared(busy, sizes) == pytest.approx(np.mean(dealt), abs=0.15)


class RecordSlotsTest(TestCase):
    def setUp(self):
        self.account = Account.objects.create(external_id="a")
        self.template = Attribute.objects.create(kind="template", value="t-1")

    def slot(self, **other):
        row = {"account": "a", "template": "t-1", "slot": "s", "first_at": NOON, "count": 3} | other
        return CoveredSlot(**row)

    def test_a_window_told_twice_changes_nothing_and_overlapping_ones_keep_the_larger(self):
        self.assertEqual(record_slots([self.slot()]), 1)
        self.assertEqual(record_slots([self.slot()]), 0)
        earlier = NOON - timedelta(hours=1)
        self.assertEqual(record_slots([self.slot(first_at=earlier, count=2)]), 1)
        row = TemplateSlot.objects.get()
        self.assertEqual((row.first_at, row.count), (earlier, 3))

    def test_who_or_what_is_not_known_is_left_out(self):
        slots = [self.slot(account="nobody"), self.slot(template="t-2")]
        self.assertEqual(record_slots(slots), 0)
        self.assertEqual(TemplateSlot.objects.count(), 0)
