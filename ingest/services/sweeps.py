"""Which slot values of a template each account has covered, as detect tells it."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.db import transaction

from ingest.models import Account, Attribute, TemplateSlot
from ingest.services.staging import copy_rows, seconds, staging

MANY = 10_000  # rows that change what the planner should know
MERGE_SLOTS = f"""
    INSERT INTO {TemplateSlot._meta.db_table} AS ours
        (template_id, account_id, slot, first_at, count)
    SELECT attribute.id, account.id, s.slot, to_timestamp(min(s.first_at)), max(s.count)
    FROM stage_slot AS s
    JOIN {Account._meta.db_table} AS account USING (external_id)
    JOIN {Attribute._meta.db_table} AS attribute
        ON attribute.kind = 'template' AND attribute.value = s.template
    GROUP BY attribute.id, account.id, s.slot ORDER BY attribute.id, account.id, s.slot
    ON CONFLICT (template_id, account_id, slot) DO UPDATE SET
        first_at = least(ours.first_at, excluded.first_at),
        count = greatest(ours.count, excluded.count)
    WHERE excluded.first_at < ours.first_at OR excluded.count > ours.count
"""


class CoveredSlot(NamedTuple):
    """An account (its external id) asked count times for a slot value of a template (its id)."""

    account: str
    template: str
    slot: str
    first_at: datetime
    count: int


@transaction.atomic
def record_slots(covered: Iterable[CoveredSlot]) -> int:
    """Merge what was covered: the earliest moment and the larger count stay, so that a window told
    twice changes nothing. Accounts and templates that are not known are left out. Returns how many
    rows were new or grew."""
    with staging("stage_slot") as cursor:
        copy_rows(cursor, "stage_slot", ((*s[:3], seconds(s.first_at), s.count) for s in covered))
        cursor.execute(MERGE_SLOTS)
        stored = cursor.rowcount
        if stored > MANY:
            cursor.execute(f"ANALYZE {TemplateSlot._meta.db_table}")
    return stored
