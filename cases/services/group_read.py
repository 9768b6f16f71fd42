"""What grouping reads: everything, or what the closure of the news asks for."""

import ipaddress
from collections.abc import Mapping

import numpy as np
from django.db import connection

from cases.calibration import Curve
from cases.grouping import Facts, Previous
from cases.grouping.rarity import FAMILIES, FAMILY_CODE, KINDS
from cases.models import Case, Member
from cases.services.group_copy import copy_in, copy_out
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
CODE = "-1 - (hashtextextended(s.detector_id::text || ':' || s.group_key, 0) & {mask})"
SIGNALS = f"""
SELECT s.account_id::bigint, array_position({{{{families}}}}, d.family::text)::bigint - 1,
       COALESCE(s.p_value, 'NaN'),
       CASE WHEN s.group_key = '' THEN 0 ELSE {CODE.format(mask=2**62 - 1)} END, s.score
FROM {{of}} ingest_signal s {{on}} JOIN ingest_detector d ON d.id = s.detector_id {{where}}
"""
WANTED = "grouping_wanted"
MATES = """
SELECT DISTINCT other.account_id::bigint
FROM cases_member mine
JOIN cases_case c ON c.id = mine.case_id AND c.merged_into_id IS NULL
JOIN cases_member other ON other.case_id = c.id
WHERE mine.account_id IN (SELECT id FROM grouping_wanted)
  AND (mine.verdict = 'in' OR (mine.left_at IS NULL AND mine.verdict <> 'out'))
  AND (other.verdict = 'in' OR (other.left_at IS NULL AND other.verdict <> 'out'))
UNION
SELECT other.account_id::bigint
FROM cases_constraintaccount mine
JOIN cases_constraint c ON c.id = mine.constraint_id AND c.lifted_at IS NULL
JOIN cases_constraintaccount other ON other.constraint_id = c.id
WHERE mine.account_id IN (SELECT id FROM grouping_wanted) AND c.kind = 'together'
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
    return Facts.from_columns(
        account=account[0],
        party=account[1],
        aggregate=account[2],
        attribute=attribute[0],
        kind=attribute[1],
        carriers=attribute[2],
        population=attribute[3],
        networks=networks,
        use_account=use[0],
        use_attribute=use[1],
        use_first=use[2],
        use_last=use[3],
        signal_account=signal[0],
        signal_family=signal[1],
        signal_p=signal[2],
        signal_group=signal[3],
        signal_bits=signal[4],
    )


def worth(signal: list[np.ndarray], curves: Mapping[str, Curve]) -> list[np.ndarray]:
    """The columns of signals with bits in the place of the score; NaN where no curve speaks."""
    *columns, score = signal
    bits = np.full(len(score), np.nan)
    for family, curve in curves.items():
        mine = columns[1] == FAMILY_CODE[family]
        bits[mine] = curve.bits(score[mine])
    return [*columns, bits]


class Tables:
    """What closure.Source asks, from the tables as they stand in this transaction, without what
    grouping leaves out."""

    def __init__(self, curves: Mapping[str, Curve]):
        self.curves, self.out = curves, left_out()
        with connection.cursor() as cursor:
            cursor.execute(
                f"CREATE TEMPORARY TABLE IF NOT EXISTS {WANTED} (id bigint) ON COMMIT DROP"
            )
            # what is asked for is a small part of the tables, and lies in memory
            cursor.execute("SET LOCAL random_page_cost = 1.1")

    def _wanting(self, ids, query: str, shape: str, **lists) -> list[np.ndarray]:
        ids = np.unique(ids)
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {WANTED}")
            copy_in(WANTED, "id", "i", ids)
            cursor.execute(f"ANALYZE {WANTED}")
        return copy_out(query, shape, **lists)

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
        coded = CODE.format(mask=2**62 - 1)
        on = f"ON s.group_key <> '' AND {coded} = w.id"
        return self._signals(groups, on)

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
    rows = Member.objects.filter(case__merged_into=None).order_by("case__number", "account_id")
    numbers = Case.objects.filter(merged_into=None).order_by("number")
    if accounts is not None:
        here = Member.objects.filter(account__in=accounts.tolist(), case__merged_into=None)
        here = here.exclude(left_at__isnull=False, verdict="")
        numbers = numbers.filter(pk__in=set(here.values_list("case", flat=True)))
        rows = rows.filter(case__in=set(numbers.values_list("pk", flat=True)))
    members: dict[int, set[int]] = {}
    kept = {Member.Verdict.IN: {}, Member.Verdict.OUT: {}}
    columns = rows.values_list("case__number", "account_id", "left_at", "verdict")
    for number, account, left_at, verdict in columns.iterator(chunk_size=20_000):
        if verdict in kept:
            kept[verdict].setdefault(number, set()).add(account)
        if left_at is None and verdict != Member.Verdict.OUT:
            members.setdefault(number, set()).add(account)
    return [
        Previous(
            number,
            frozenset(members.get(number, ())),
            frozenset(kept[Member.Verdict.IN].get(number, ())),
            frozenset(kept[Member.Verdict.OUT].get(number, ())),
        )
        for number in numbers.values_list("number", flat=True)
    ]


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
