"""Columns out of the database and back in, and what a run leaves as it is."""

import numpy as np
from django.db import connection
from django.test import TestCase

from cases.services.group import group_new_signals
from cases.services.group_copy import copy_in, copy_out
from ingest.models import Attribute
from tests.cases.test_group_service import carry, flag, make_accounts, make_campaign, make_census

ROWS = """
SELECT n::bigint, n / 4.0::float8, (n % 7)::smallint,
       CASE WHEN n % 2 = 0 THEN timestamptz '2026-06-01 00:00:00.5Z' ELSE '-infinity' END
FROM generate_series(-50, 49) n
"""


class ColumnsTest(TestCase):
    def test_every_type_travels_and_rows_stay_together(self):
        number, quarter, small, moment = copy_out(ROWS, "ifst")
        self.assertEqual(sorted(number.tolist()), list(range(-50, 50)))
        np.testing.assert_array_equal(quarter, number / 4)
        np.testing.assert_array_equal(small, np.fmod(number, 7))
        np.testing.assert_array_equal(moment, np.where(number % 2, -1, 1_780_272_000))

    def test_no_row_gives_empty_columns(self):
        columns = copy_out("SELECT 1::bigint, 1.0::float8 WHERE false", "if")
        self.assertEqual([len(column) for column in columns], [0, 0])

    def test_a_null_is_told_and_not_left_out(self):
        with self.assertRaisesMessage(ValueError, "null"):
            copy_out("SELECT n, NULLIF(n, 3) FROM generate_series(1, 64::bigint) n", "ii")

    def test_arrays_go_in_as_they_come_out(self):
        numbers = np.array([-(2**40), 0, 2**62])
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE went (n bigint, f float8) ON COMMIT DROP")
        copy_in("went", "n f", "if", numbers, numbers / 3)
        n, f = copy_out("SELECT n, f FROM went", "if")
        order = np.argsort(n)
        np.testing.assert_array_equal(n[order], numbers)
        np.testing.assert_array_equal(f[order], numbers / 3)


class UntouchedTest(TestCase):
    def places(self, table):
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT id, ctid::text FROM {table}")
            return dict(cursor.fetchall())

    def test_a_run_that_finds_the_same_writes_no_member_and_no_link(self):
        make_census()
        make_campaign("one")
        group_new_signals()
        before = [self.places(table) for table in ("cases_member", "cases_link")]
        self.assertTrue(all(before))
        flag(make_accounts("stranger", 1))
        group_new_signals()
        group_new_signals(full=True)
        self.assertEqual([self.places(t) for t in ("cases_member", "cases_link")], before)

    def test_of_the_links_of_a_case_only_those_that_differ_are_written(self):
        make_census()
        make_campaign("one")
        group_new_signals()
        before = self.places("cases_link")
        (late,) = make_accounts("late", 1)
        values = Attribute.objects.filter(value__in=["t-one", "ip-one-0", "payment-one-0"])
        for value in values:
            carry([late], value)
        flag([late])
        group_new_signals()
        after = self.places("cases_link")
        kept = {pk for pk in before if after.get(pk) == before[pk]}
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT id FROM cases_link WHERE attribute_id <> ALL(%s)",
                [[value.pk for value in values]],
            )
            others = {row[0] for row in cursor.fetchall()}
        self.assertTrue(others)
        self.assertEqual(kept, others)
