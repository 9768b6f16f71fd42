"""What the last answers depended on, kept so that a run may leave the rest alone."""

import numpy as np
from django.db import connection

from cases.grouping import METHOD
from cases.grouping.reach import Reach
from cases.models import GroupingRun
from cases.services.calibrate import Standard
from cases.services.group_copy import copy_in
from cases.services.terms import current_prior
from ingest.models import Census

FREEZE = """
INSERT INTO cases_frozenprevalence (attribute_id, carriers, population)
SELECT a.id, a.accounts, a.population FROM ingest_attribute a
WHERE a.census_id IS NULL AND a.accounts IS NOT NULL {which}
ON CONFLICT DO NOTHING RETURNING attribute_id
"""
NAMED = """
AND a.id IN (SELECT u.attribute_id FROM ingest_attributeuse u WHERE u.account_id = ANY(%s))
"""


def same_epoch(last: GroupingRun | None, census: Census | None, standard: Standard) -> bool:
    """Whether what is remembered still holds: the same census, method, prior and calibrations."""
    return (
        last is not None
        and last.census_id == (census and census.pk)
        and last.method == METHOD
        and last.prior == current_prior()
        and last.activation_id == (standard.activation and standard.activation.pk)
    )


def freeze_all(*, new_epoch: bool) -> None:
    """Fix the prevalence of every value that only detectors counted; anew with a new census."""
    with connection.cursor() as cursor:
        if new_epoch:
            cursor.execute("DELETE FROM cases_frozenprevalence")
        cursor.execute(FREEZE.format(which=""))


def freeze_of(accounts: np.ndarray) -> np.ndarray:
    """Fix the prevalence of values that these accounts brought, and return whoever carries one that
    had none before: it may tie them now."""
    with connection.cursor() as cursor:
        cursor.execute(FREEZE.format(which=NAMED), [accounts.tolist()])
        fresh = [row[0] for row in cursor.fetchall()]
        if not fresh:
            return np.zeros(0, dtype=np.int64)
        cursor.execute(
            "SELECT DISTINCT account_id FROM ingest_attributeuse WHERE attribute_id = ANY(%s)",
            [fresh],
        )
        return np.array([row[0] for row in cursor.fetchall()], dtype=np.int64)


def remember(reach: Reach, *, units: np.ndarray | None) -> None:
    """Keep what an answer depended on, in the place of these units; None: of all."""
    with connection.cursor() as cursor:
        if units is None:
            cursor.execute("TRUNCATE cases_lookedat, cases_searchedby")
        elif len(units):
            for table in ("cases_lookedat", "cases_searchedby"):
                cursor.execute(f"DELETE FROM {table} WHERE unit = ANY(%s)", [units.tolist()])
        cursor.execute("SELECT COALESCE(max(unit) + 1, 0) FROM cases_lookedat")
        base = cursor.fetchone()[0]
    copy_in(
        "cases_lookedat", "unit account_id bound", "nib",
        reach.unit + base, reach.account, reach.bound,
    )  # fmt: skip
    copy_in(
        "cases_searchedby", "unit value domain", "nis",
        reach.value_unit + base, reach.value, reach.domain,
    )  # fmt: skip
