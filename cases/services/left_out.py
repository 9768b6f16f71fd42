"""What grouping leaves out: signals of withdrawn releases, and what the allow-list names.

The rows say what people want; their taken_at and released_at say what the last run obeyed. A run
first takes the difference between the two as news, then reads the facts by what it has taken.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.db import connection
from django.db.models import Q, QuerySet

from cases.grouping.rarity import FEW, FEW_SHARE
from cases.models import AllowEntry
from ingest.models import Withdrawal
from ingest.models.withdrawal import COVERS

ACCOUNTS = """
SELECT a.id FROM cases_allowentry e
JOIN ingest_account a ON a.external_id = e.value WHERE e.kind = 'account' AND e.id = ANY(%(ids)s)
UNION
SELECT a.id FROM cases_allowentry e
JOIN ingest_account a ON a.organisation = e.value
WHERE e.kind = 'organisation' AND e.id = ANY(%(ids)s)
"""
ATTRIBUTES = """
SELECT a.id FROM cases_allowentry e
JOIN ingest_attribute a ON a.kind = e.attribute_kind AND a.value = e.value
WHERE e.kind = 'attribute' AND e.id = ANY(%s)
"""
NETWORKS = """
SELECT value FROM cases_allowentry
WHERE kind = 'attribute' AND attribute_kind = 'ip_prefix' AND id = ANY(%s)
"""
INSIDE = r"""
SELECT id, value FROM ingest_attribute
WHERE kind IN ('ip', 'ip_prefix') AND value LIKE %s
"""
SPOKEN_OF = f"""
SELECT DISTINCT s.account_id FROM ingest_withdrawal w JOIN ingest_signal s ON {COVERS}
WHERE w.id = ANY(%s)
"""
# whoever an account's going or coming touches: fellows of an observation, whose median moves, and
# carriers of its rare values, whose episodes it may join or divide
FELLOWS = """
SELECT other.account_id FROM ingest_attributeuse mine
JOIN ingest_attribute a ON a.id = mine.attribute_id
    AND LEAST(a.organisations, a.accounts) <= GREATEST(%(few)s, a.population * %(share)s)
JOIN ingest_attributeuse other ON other.attribute_id = a.id
WHERE mine.account_id = ANY(%(accounts)s)
UNION
SELECT other.account_id FROM ingest_signal mine
JOIN ingest_signal other ON other.detector_id = mine.detector_id
    AND other.group_key = mine.group_key
WHERE mine.group_key <> '' AND mine.account_id = ANY(%(accounts)s)
"""
CARRIERS = "SELECT DISTINCT account_id FROM ingest_attributeuse WHERE attribute_id = ANY(%s)"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """accounts and attributes: ids, ascending; withdrawals: keys of those whose signals count for
    nothing."""

    accounts: np.ndarray
    attributes: np.ndarray
    withdrawals: tuple[int, ...] = ()

    @property
    def signals(self) -> str:
        """A condition on signals s, for a query that is formatted once more; empty where none."""
        if not self.withdrawals:
            return ""
        keys = ", ".join(str(int(key)) for key in self.withdrawals)
        covers = COVERS.strip().replace("{", "{{").replace("}", "}}")
        return (
            "WHERE NOT EXISTS (SELECT FROM ingest_withdrawal w "
            f"WHERE w.id IN ({keys}) AND {covers})"
        )

    def takes_part(self, account: np.ndarray, attribute: np.ndarray | None = None) -> np.ndarray:
        """Which rows stay: their account, and attribute if they have one, is not left out."""
        stays = np.ones(len(account), dtype=bool)
        if len(self.accounts):
            stays &= ~np.isin(account, self.accounts)
        if attribute is not None and len(self.attributes):
            stays &= ~np.isin(attribute, self.attributes)
        return stays

    def rows(self, columns, *, attribute: int | None = None) -> list[np.ndarray]:
        """Columns, the first of them accounts, without the rows that are left out."""
        if not len(self.accounts) and (attribute is None or not len(self.attributes)):
            return list(columns)
        stays = self.takes_part(columns[0], None if attribute is None else columns[attribute])
        return [column[stays] for column in columns]


NOTHING = LeftOut(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


def left_out(
    *, withdrawals: Iterable[int] | None = None, entries: Iterable[int] | None = None
) -> LeftOut:
    """What the last run left out; or what these withdrawals and allow-list entries would."""
    if withdrawals is None:
        withdrawals = withdrawals_in_force()
    if entries is None:
        entries = entries_in_force()
    withdrawals, entries = sorted(withdrawals), sorted(entries)
    if not entries:
        return LeftOut(NOTHING.accounts, NOTHING.attributes, tuple(withdrawals))
    return LeftOut(accounts_of(entries), attributes_of(entries), tuple(withdrawals))


def withdrawals_in_force() -> set[int]:
    return set(Withdrawal.objects.in_force().values_list("pk", flat=True))


def entries_in_force() -> set[int]:
    return set(AllowEntry.objects.in_force().values_list("pk", flat=True))


def accounts_of(entries: Iterable[int]) -> np.ndarray:
    """The accounts that entries of kind account or organisation name, ascending."""
    return _ids(ACCOUNTS, {"ids": list(entries)})


def attributes_of(entries: Iterable[int]) -> np.ndarray:
    """The attributes that entries name, ascending; of a network also the addresses inside it."""
    entries = list(entries)
    found = set(_ids(ATTRIBUTES, [entries]).tolist())
    with connection.cursor() as cursor:
        cursor.execute(NETWORKS, [entries])
        networks = [row[0] for row in cursor.fetchall()]
        for text in networks:
            network = _network(text)
            if network is None:
                continue
            cursor.execute(INSIDE, [_beginning(network)])
            found.update(pk for pk, value in cursor.fetchall() if _inside(value, network))
    return np.array(sorted(found), dtype=np.int64)


def has_left_out_news(at: datetime) -> bool:
    """Is something to be left out, or used again, that no run has obeyed yet."""
    return any(rows.exists() for rows in (*_withdrawals_to_move(), *_entries_to_move(at)))


def take_left_out(at: datetime) -> set[int]:
    """Obey from now on what people want left out at this moment; the accounts that it touches.

    Inside the transaction of the run that uses it.
    """
    moved_withdrawals = _move(_withdrawals_to_move(), at)
    moved_entries = _move(_entries_to_move(at), at)
    if not moved_withdrawals and not moved_entries:
        return set()
    direct = np.union1d(_ids(SPOKEN_OF, [moved_withdrawals]), accounts_of(moved_entries))
    carriers = _ids(CARRIERS, [attributes_of(moved_entries).tolist()])
    fellows = _ids(FELLOWS, {"accounts": direct.tolist(), "few": FEW, "share": FEW_SHARE})
    return {*direct.tolist(), *carriers.tolist(), *fellows.tolist()}


def _withdrawals_to_move() -> tuple[QuerySet, QuerySet]:
    """(to leave out, to use again)."""
    return (
        Withdrawal.objects.standing().filter(taken_at=None),
        Withdrawal.objects.in_force().filter(lifted_at__isnull=False),
    )


def _entries_to_move(at: datetime) -> tuple[QuerySet, QuerySet]:
    return (
        AllowEntry.objects.standing(at).filter(taken_at=None),
        AllowEntry.objects.in_force().filter(Q(ended_at__isnull=False) | Q(expires_at__lte=at)),
    )


def _move(pair: tuple[QuerySet, QuerySet], at: datetime) -> list[int]:
    moved = []
    for rows, column in zip(pair, ("taken_at", "released_at"), strict=True):
        keys = list(rows.values_list("pk", flat=True))
        if keys:
            rows.model.objects.filter(pk__in=keys).update(**{column: at})
        moved += keys
    return moved


def _ids(query: str, parameters) -> np.ndarray:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return np.array(sorted(row[0] for row in cursor.fetchall()), dtype=np.int64)


def _network(text: str):
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _inside(value: str, network) -> bool:
    other = _network(value)
    return other is not None and other.version == network.version and other.subnet_of(network)


def _beginning(network) -> str:
    """A pattern of LIKE for all addresses in a network, as wide as its whole octets or groups."""
    if network.version == 4:
        octets = str(network.network_address).split(".")[: network.prefixlen // 8]
        return "".join(f"{octet}." for octet in octets[:3]) + "%"
    groups = str(network.network_address.exploded).split(":")[: min(network.prefixlen // 16, 2)]
    # a group of zeros may be written as "::": the pattern ends before the first of them
    whole = []
    for group in groups:
        if int(group, 16) == 0:
            break
        whole.append(f"{int(group, 16):x}:")
    return "".join(whole) + "%"
