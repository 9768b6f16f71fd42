import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from ingest.models import Attribute, Census
from ingest.services.staging import (
    COUNT_ATTRIBUTES,
    MERGE_ACCOUNTS,
    MERGE_USES,
    copy_rows,
    seconds,
    staging,
)
from ingest.wire import AccountRef

log = logging.getLogger(__name__)
KINDS = set(Attribute.Kind.values)


@dataclass(frozen=True, slots=True)
class AttributeCount:
    """How many accounts and organisations of the whole population carry a value: d(v)."""

    kind: str
    value: str
    label: str
    accounts: int
    organisations: int | None
    hub: str = ""  # Attribute.Hub, if the counting looked at how its users behave


@dataclass(frozen=True, slots=True)
class PopulationUse:
    """An account, flagged or not, that carries a value."""

    account: AccountRef
    kind: str
    value: str
    first_at: datetime | None
    last_at: datetime | None
    count: int


@transaction.atomic
def record_population(
    *,
    as_of: datetime,
    window_start: datetime,
    window_end: datetime,
    accounts: int,
    organisations: int,
    attributes: Iterable[AttributeCount],
    uses: Iterable[PopulationUse],
    source: str = "",
) -> Census:
    """Store one counting of the whole population, and with it start a new census epoch.

    attributes are the d(v), uses the accounts of those values that few share (2 ≤ d ≤ cap). A value
    counted earlier that is not counted now keeps its older figure together with the population and
    the census that gave it: nobody saw it in this window, which does not make it rarer, and its
    ratio stays sound because N is kept beside d(v). Values that cannot be kept (too long, a null
    byte, an unknown kind) are left out and logged. Raises ValueError when a value is carried by
    more accounts than there are.
    """
    census = Census.objects.create(
        as_of=as_of,
        window_start=window_start,
        window_end=window_end,
        accounts=accounts,
        organisations=organisations,
        source=source[:200],
    )
    left_out: list[str] = []
    with staging("stage_attribute", "stage_population_use") as cursor:
        copy_rows(cursor, "stage_attribute", _attribute_rows(attributes, accounts, left_out))
        copy_rows(cursor, "stage_population_use", _use_rows(uses, left_out))
        cursor.execute(MERGE_ACCOUNTS.format(source="stage_population_use"))
        cursor.execute(COUNT_ATTRIBUTES, {"census": census.pk})
        cursor.execute(MERGE_USES.format(source="stage_population_use"))
        # until autovacuum comes by, grouping's plans would be made for empty tables
        cursor.execute("ANALYZE ingest_account, ingest_attribute, ingest_attributeuse")
    if left_out:
        log.warning("census %s: %s values left out, as %s", census.pk, len(left_out), left_out[0])
    return census


def _attribute_rows(
    attributes: Iterable[AttributeCount], population: int, left_out: list[str]
) -> Iterator[tuple]:
    for a in attributes:
        if a.accounts > population:
            raise ValueError(
                f"{a.kind} {a.value[:80]!r} is carried by {a.accounts} accounts, "
                f"and the population has {population}"
            )
        if _storable(a.kind, a.value):
            label = a.label.replace("\0", "\N{REPLACEMENT CHARACTER}")[:500]
            yield (a.kind, a.value, label, a.accounts, a.organisations, population, a.hub)
        else:
            left_out.append(f"{a.kind} {a.value[:80]!r}")


def _use_rows(uses: Iterable[PopulationUse], left_out: list[str]) -> Iterator[tuple]:
    for use in uses:
        account = use.account
        names = (account.id, account.organisation, account.plan)
        if (
            _storable(use.kind, use.value)
            and 0 < len(account.id) <= 200
            and len(account.organisation) <= 200
            and len(account.plan) <= 60
            and not any("\0" in name for name in names)
        ):
            first, last = seconds(use.first_at), seconds(use.last_at)
            yield (
                *names,
                seconds(account.created_at),
                account.is_aggregate,
                first or last,
                last or first,
                use.kind,
                use.value,
                first,
                last,
                use.count,
            )
        else:
            left_out.append(f"{use.kind} {use.value[:80]!r} of {account.id[:80]!r}")


def _storable(kind: str, value: str) -> bool:
    return kind in KINDS and 0 < len(value) <= 500 and "\0" not in value
