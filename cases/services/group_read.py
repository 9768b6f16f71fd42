"""What grouping reads, as arrays: one COPY a table, no row ever becomes an object."""

import ipaddress

import numpy as np
from django.db import connection
from psycopg import sql

from cases.grouping import Facts, Previous
from cases.grouping.rarity import FAMILIES, KINDS
from cases.models import Case, Member

HEADER = 19  # bytes before the first row of PostgreSQL's binary COPY
NONE = -1

ACCOUNTS = """
SELECT id::bigint,
       CASE WHEN organisation = '' THEN -id
            ELSE hashtextextended(organisation, 0) & 9223372036854775807 END,
       is_aggregate::int::bigint
FROM ingest_account
"""
# Organisations are counted where the census counted them, else accounts.
ATTRIBUTES = """
SELECT a.id::bigint,
       array_position({kinds}, a.kind::text)::bigint - 1,
       CASE WHEN by_party THEN a.organisations::float8
            WHEN a.accounts IS NOT NULL THEN a.accounts::float8 ELSE 'NaN' END,
       CASE WHEN by_party THEN c.organisations::float8
            WHEN a.accounts IS NOT NULL THEN a.population::float8 ELSE 'NaN' END
FROM ingest_attribute a
LEFT JOIN ingest_census c ON c.id = a.census_id
CROSS JOIN LATERAL (
    SELECT COALESCE(a.organisations > 0 AND c.organisations > 0, false)
) b (by_party)
"""
USES = """
SELECT account_id::bigint, attribute_id::bigint,
       COALESCE(floor(extract(epoch FROM first_at))::bigint, -1),
       COALESCE(floor(extract(epoch FROM last_at))::bigint, -1)
FROM ingest_attributeuse
"""
SIGNALS = """
SELECT s.account_id::bigint, array_position({families}, d.family::text)::bigint - 1,
       COALESCE(s.p_value, 'NaN'), CASE WHEN s.group_key = '' THEN 0 ELSE
           hashtextextended(s.detector_id::text || ':' || s.group_key, 0) END
FROM ingest_signal s JOIN ingest_detector d ON d.id = s.detector_id
"""


def read_facts() -> Facts:
    """Everything that grouping looks at, as it stands in this transaction."""
    account = _copy(ACCOUNTS, "iii")
    attribute = _copy(ATTRIBUTES, "iiff", kinds=list(KINDS))
    use = _copy(USES, "iiii")
    signal = _copy(SIGNALS, "iifi", families=list(FAMILIES))
    keys = np.array([str(code) if code else "" for code in np.unique(signal[3])], dtype=object)
    group = keys[np.searchsorted(np.unique(signal[3]), signal[3])] if len(keys) else []
    return Facts.from_columns(
        account=account[0],
        party=account[1],
        aggregate=account[2].astype(bool),
        attribute=attribute[0],
        kind=attribute[1].astype(np.int8),
        carriers=attribute[2],
        population=attribute[3],
        place=_places(attribute[0]),
        use_account=use[0],
        use_attribute=use[1],
        use_first=use[2],
        use_last=use[3],
        signal_account=signal[0],
        signal_family=signal[1].astype(np.int8),
        signal_p=signal[2],
        signal_group=group,
    )


def read_previous() -> list[Previous]:
    """The cases as they stand, with what people said of their members."""
    members: dict[int, set[int]] = {}
    kept = {Member.Verdict.IN: {}, Member.Verdict.OUT: {}}
    rows = (
        Member.objects.filter(case__merged_into=None)
        .order_by("case__number", "account_id")
        .values_list("case__number", "account_id", "left_at", "verdict")
    )
    for number, account, left_at, verdict in rows.iterator(chunk_size=20_000):
        if verdict in kept:
            kept[verdict].setdefault(number, set()).add(account)
        if left_at is None and verdict != Member.Verdict.OUT:
            members.setdefault(number, set()).add(account)
    numbers = Case.objects.filter(merged_into=None).order_by("number")
    return [
        Previous(
            number,
            frozenset(members.get(number, ())),
            frozenset(kept[Member.Verdict.IN].get(number, ())),
            frozenset(kept[Member.Verdict.OUT].get(number, ())),
        )
        for number in numbers.values_list("number", flat=True)
    ]


def _copy(query: str, shape: str, **lists: list[str]) -> list[np.ndarray]:
    """The columns of a query whose values are all bigint ("i") or float8 ("f") and never null."""
    literals = {
        name: sql.SQL("ARRAY[{}]::text[]").format(sql.SQL(", ").join(map(sql.Literal, values)))
        for name, values in lists.items()
    }
    fields: list[tuple[str, str]] = [("n", ">i2")]
    for place, letter in enumerate(shape):
        fields += [(f"l{place}", ">i4"), (f"v{place}", ">i8" if letter == "i" else ">f8")]
    connection.ensure_connection()
    wrapped = sql.SQL("COPY ({}) TO STDOUT (FORMAT binary)").format(
        sql.SQL(query).format(**literals)
    )
    data = bytearray()
    with connection.connection.cursor() as cursor, cursor.copy(wrapped) as copy:
        for block in copy:
            data += block
    rows = np.frombuffer(data, dtype=np.dtype(fields), offset=HEADER, count=_rows(data, fields))
    return [rows[f"v{place}"].astype(np.dtype(rows[f"v{place}"].dtype.newbyteorder("=")))
            for place in range(len(shape))]  # fmt: skip


def _rows(data: bytearray, fields) -> int:
    size = np.dtype(fields).itemsize
    rows, rest = divmod(len(data) - HEADER - 2, size)  # two bytes close the stream
    if rest:
        raise ValueError("a column of grouping's input was null")
    return rows


def _places(attributes: np.ndarray) -> np.ndarray:
    """For each attribute the network (an ip_prefix) that it lies in, or −1."""
    place = np.full(len(attributes), NONE, dtype=np.int64)
    networks = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, value FROM ingest_attribute WHERE kind = 'ip_prefix'")
        for pk, value in cursor.fetchall():
            if key := _network(value):
                networks[key] = pk
        if not networks:
            return place
        where = {int(pk): at for at, pk in enumerate(attributes)}
        cursor.execute("SELECT id, value FROM ingest_attribute WHERE kind = 'ip'")
        for pk, value in cursor.fetchall():
            place[where[pk]] = networks.get(_network(value), NONE)
    return place


def _network(value: str) -> tuple[int, int] | None:
    """The /24 of an IPv4 address or network, the /64 of an IPv6 one."""
    try:
        address = ipaddress.ip_address(value.partition("/")[0])
    except ValueError:
        return None
    return (4, int(address) >> 8) if address.version == 4 else (6, int(address) >> 64)
