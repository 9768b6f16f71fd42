"""What grouping reads: everything, or what the closure of the news asks for."""

import ipaddress
from collections.abc import Mapping

import numpy as np
from django.db import connection

from cases.calibration import Curve
from cases.grouping import Facts, Previous
from cases.grouping.rarity import FAMILIES, FAMILY_CODE, KINDS
from cases.grouping.tables import distinct
from cases.services.group_copy import copy_out
from cases.services.left_out import LeftOut, left_out

ACCOUNTS = """
SELECT a.id::bigint,
       CASE WHEN a.organisation = '' THEN -a.id
            ELSE hashtextextended(a.organisation, 0) & 9223372036854775807 END,
       a.is_aggregate::int::bigint
FROM {of} ingest_account a {on}
"""
# Organisations are counted where the census counted them, else accounts. What detectors told of a
# value that no census counted holds for as long as the census does.
ATTRIBUTES = """
SELECT a.id::bigint,
       array_position({{kinds}}, a.kind::text)::bigint - 1,
       CASE WHEN by_party THEN a.organisations::float8
            WHEN a.census_id IS NULL THEN COALESCE(f.carriers, 'NaN')
            WHEN a.accounts IS NOT NULL THEN a.accounts::float8 ELSE 'NaN' END,
       CASE WHEN by_party THEN c.organisations::float8
            WHEN a.census_id IS NULL THEN COALESCE(f.population, 'NaN')
            WHEN a.accounts IS NOT NULL THEN a.population::float8 ELSE 'NaN' END
FROM {of} ingest_attribute a {on}
LEFT JOIN ingest_census c ON c.id = a.census_id
LEFT JOIN cases_frozenprevalence f ON f.attribute_id = a.id AND a.census_id IS NULL
CROSS JOIN LATERAL (
    SELECT COALESCE(a.organisations > 0 AND c.organisations > 0, false)
) b (by_party)
"""
USES = """
SELECT u.account_id::bigint, u.attribute_id::bigint,
       COALESCE(u.first_at, '-infinity'), COALESCE(u.last_at, '-infinity')
FROM {of} ingest_attributeuse u {on}
"""
CODE = f"-1 - (hashtextextended(s.detector_id::text || ':' || s.group_key, 0) & {2**62 - 1})"
SIGNALS = f"""
SELECT s.account_id::bigint, array_position({{{{families}}}}, d.family::text)::bigint - 1,
       COALESCE(s.p_value, 'NaN'),
       CASE WHEN s.group_key = '' THEN 0 ELSE {CODE} END, s.score
FROM {{of}} ingest_signal s {{on}} JOIN ingest_detector d ON d.id = s.detector_id {{where}}
"""
WANTED = "grouping_wanted"
MATES = """
, here AS (
    SELECT DISTINCT mine.case_id FROM cases_member mine
    JOIN cases_case c ON c.id = mine.case_id AND c.merged_into_id IS NULL
    WHERE mine.account_id IN (SELECT id FROM grouping_wanted)
      AND (mine.verdict = 'in' OR (mine.left_at IS NULL AND mine.verdict <> 'out'))
), bound AS (
    SELECT DISTINCT mine.constraint_id FROM cases_constraintaccount mine
    JOIN cases_constraint c ON c.id = mine.constraint_id AND c.lifted_at IS NULL
    WHERE mine.account_id IN (SELECT id FROM grouping_wanted) AND c.kind = 'together'
)
SELECT other.account_id::bigint FROM here JOIN cases_member other USING (case_id)
WHERE other.verdict = 'in' OR (other.left_at IS NULL AND other.verdict <> 'out')
UNION
SELECT other.account_id::bigint FROM bound JOIN cases_constraintaccount other USING (constraint_id)
"""
UNITS = """
SELECT DISTINCT l.unit::bigint FROM cases_lookedat l
WHERE l.account_id IN (SELECT id FROM grouping_wanted)
"""
SEARCHING = """
SELECT s.unit::bigint, s.value, s.domain FROM cases_searchedby s
WHERE s.value IN (SELECT id FROM grouping_wanted)
"""
BOUND = """
SELECT l.account_id FROM cases_lookedat l
WHERE l.bound AND l.unit IN (SELECT id FROM grouping_wanted)
"""
# the cases that accounts are in
HERE = """
here AS (
    SELECT DISTINCT m.case_id FROM cases_member m
    WHERE m.account_id IN (SELECT id FROM grouping_wanted)
      AND NOT (m.left_at IS NOT NULL AND m.verdict = '')
)
"""
# a case that was drawn by lot for labels says nothing of who belongs together
NO_LOT = "c.merged_into_id IS NULL AND c.id NOT IN (SELECT case_id FROM cases_labelprobe)"
STANDING = f"""
{{here}} SELECT c.number::bigint FROM cases_case c WHERE {NO_LOT} {{which}}
"""
SAID = f"""
{{here}} SELECT c.number::bigint, m.account_id::bigint,
       (m.left_at IS NULL AND m.verdict <> 'out')::int::smallint,
       (m.verdict = 'in')::int::smallint, (m.verdict = 'out')::int::smallint
FROM cases_case c JOIN cases_member m ON m.case_id = c.id
WHERE {NO_LOT} {{which}}
"""


def read_facts(curves: Mapping[str, Curve], out: LeftOut | None = None) -> Facts:
    """Everything that grouping looks at, as it stands in this transaction, without what is left
    out: by the last run, or by out. curves: by family, what calibration makes of scores."""
    out = left_out() if out is None else out
    every = {"of": "", "on": ""}
    account = out.rows(copy_out(ACCOUNTS.format(**every), "iii"))
    attribute = copy_out(ATTRIBUTES.format(**every), "iiff", kinds=KINDS)
    # of an account or attribute that is not listed no use or signal counts
    use = out.rows(copy_out(USES.format(**every), "iitt"), attribute=1)
    told = SIGNALS.format(**every, where=out.signals)
    signal = worth(copy_out(told, "iifif", families=FAMILIES), curves)
    return Facts.from_tables(
        account=account, attribute=attribute, use=use, signal=signal, networks=networks
    )


def worth(signal: list[np.ndarray], curves: Mapping[str, Curve]) -> list[np.ndarray]:
    """The columns of signals with bits in the place of the score; NaN where no curve speaks."""
    *columns, score = signal
    bits = np.full(len(score), np.nan)
    for family, curve in curves.items():
        mine = columns[1] == FAMILY_CODE[family]
        bits[mine] = curve.bits(score[mine])
    return [*columns, bits]


def _wanted(ids: np.ndarray) -> str:
    """The beginning of a query that asks for these ids. As a literal: the planner knows how many
    they are, and no table has to be filled.
    """
    literal = ",".join(map(str, distinct(ids).tolist()))
    return f"WITH {WANTED} (id) AS (SELECT unnest('{{{{{literal}}}}}'::bigint[]))"


class Tables:
    """What source.Source asks, from the tables as they stand in this transaction, without what
    grouping leaves out."""

    def __init__(self, curves: Mapping[str, Curve]):
        self.curves, self.out = curves, left_out()
        with connection.cursor() as cursor:
            # what is asked for is a small part of the tables, and lies in memory
            cursor.execute("SET LOCAL random_page_cost = 1.1")

    def _wanting(self, ids, query: str, shape: str, **lists) -> list[np.ndarray]:
        return copy_out(f"{_wanted(ids)} {query}", shape, **lists)

    def uses(self, accounts):
        on = "ON u.account_id = w.id"
        query = USES.format(of=f"{WANTED} w JOIN", on=on)
        return self.out.rows(self._wanting(accounts, query, "iitt"), attribute=1)

    def carriers(self, attributes):
        on = "ON u.attribute_id = w.id"
        query = USES.format(of=f"{WANTED} w JOIN", on=on)
        return self.out.rows(self._wanting(attributes, query, "iitt"), attribute=1)

    def attributes(self, ids):
        query = ATTRIBUTES.format(of=f"{WANTED} w JOIN", on="ON a.id = w.id")
        return self._wanting(ids, query, "iiff", kinds=KINDS)

    def accounts(self, ids):
        query = ACCOUNTS.format(of=f"{WANTED} w JOIN", on="ON a.id = w.id")
        return self.out.rows(self._wanting(ids, query, "iii"))

    def signals(self, accounts):
        return self._signals(accounts, "ON s.account_id = w.id")

    def observers(self, groups):
        if not len(groups):
            kinds = (np.int64, np.int64, float, np.int64, float)
            return [np.zeros(0, dtype=kind) for kind in kinds]
        return self._signals(groups, f"ON s.group_key <> '' AND {CODE} = w.id")

    def _signals(self, ids, on: str) -> list[np.ndarray]:
        query = SIGNALS.format(of=f"{WANTED} w JOIN", on=on, where=self.out.signals)
        told = self.out.rows(self._wanting(ids, query, "iifif", families=FAMILIES))
        return worth(told, self.curves)

    def mates(self, accounts):
        return self._wanting(accounts, MATES, "i")[0]

    def units(self, accounts, *, bound):
        return self._wanting(accounts, UNITS + ("AND l.bound" if bound else ""), "i")[0]

    def searching(self, values):
        return self._wanting(values, SEARCHING, "iis")

    def members(self, units):
        return self._wanting(units, BOUND, "i")[0]

    def networks(self, attributes):
        return networks(attributes)


def read_previous(accounts: np.ndarray | None = None) -> list[Previous]:
    """The cases as they stand, with what people said of their members; only those that one of the
    accounts is in, where accounts are given.
    """
    asked = {"here": "", "which": ""}
    if accounts is not None:
        asked["here"] = f"{_wanted(accounts)}, {HERE}"
        asked["which"] = "AND c.id IN (SELECT case_id FROM here)"
    (numbers,) = copy_out(STANDING.format(**asked), "i")
    case, account, *said = copy_out(SAID.format(**asked), "iisss")
    numbers = np.sort(numbers)
    order = np.argsort(case, kind="stable")
    ends = np.searchsorted(case[order], numbers, side="right")
    cuts = np.searchsorted(case[order], numbers, side="left")
    account, (now, kept_in, kept_out) = account[order], [flag[order] > 0 for flag in said]
    previous = []
    for number, low, high in zip(numbers.tolist(), cuts, ends, strict=True):
        sets = [
            frozenset(account[low:high][flag[low:high]].tolist())
            for flag in (now, kept_in, kept_out)
        ]
        previous.append(Previous(number, *sets))
    return previous


def networks(attributes: np.ndarray) -> np.ndarray:
    """For addresses and networks a code of the /24 (IPv4) or /64 (IPv6), for anything else −1."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, value FROM ingest_attribute "
            "WHERE id = ANY(%s) AND kind IN ('ip', 'ip_prefix')",
            [attributes.tolist()],
        )
        code = {pk: _network(value) for pk, value in cursor.fetchall()}
    return np.array([code.get(pk, -1) for pk in attributes.tolist()], dtype=np.int64)


def _network(value: str) -> int:
    try:
        address = ipaddress.ip_address(value.partition("/")[0])
    except ValueError:
        return -1
    if address.version == 4:
        return int(address) >> 8
    return (int(address) >> 64) % (1 << 62) | 1 << 62
