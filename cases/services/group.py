"""From new signals to cases. One worker at a time; nothing new, nothing done."""

from datetime import datetime

import numpy as np
from django.db import connection, transaction
from django.utils import timezone

from cases.grouping import METHOD, Grouping, group
from cases.grouping.closure import regroup
from cases.models import GroupingRun
from cases.services.calibrate import Standard, in_force
from cases.services.constrain import LOCK, has_news, standing, take_news
from cases.services.group_difference import Snapshot
from cases.services.group_memory import freeze_all, freeze_of, remember, same_epoch
from cases.services.group_read import Tables, read_facts, read_previous
from cases.services.group_write import write_grouping
from cases.services.left_out import has_left_out_news, take_left_out
from cases.services.terms import current_prior
from ingest.models import Census

TAKE = """
WITH taken AS (
    UPDATE ingest_signal SET taken_at = %s WHERE taken_at IS NULL RETURNING account_id
) SELECT count(*), COALESCE(array_agg(DISTINCT account_id), ARRAY[]::bigint[]) FROM taken
"""


@transaction.atomic
def group_new_signals(*, full: bool = False) -> GroupingRun | None:
    """Group what has arrived, in one transaction. None: nothing new, or another worker is at it.

    News is a signal that no run has taken, a newer census, what people did and undid to members, a
    release that was withdrawn or restored, or an allow-list entry that began or ended; full
    regroups without any. Only what the news can have touched is grouped again, unless the
    census, the method, the prior or a calibration is another than the last run's. Signals are taken
    in the transaction that uses them: a worker that dies leaves them untaken. Running it again
    changes nothing. With full, the run's report tells what differs from what was stored.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return None
    last = GroupingRun.objects.order_by("-pk").first()
    census = Census.objects.order_by("-pk").first()
    if not full and not _has_news(last, census):
        return None
    started_at = timezone.now()
    signals, accounts = _take(started_at)
    said = take_news(started_at) | take_left_out(started_at)
    news = np.union1d(accounts, np.array(sorted(said), dtype=np.int64))
    standard = in_force()
    same = same_epoch(last, census, standard)
    whole = full or not same
    before = Snapshot() if whole and same else None
    if whole:
        freeze_all(new_epoch=not same)
        answer, units = _run_whole(standard), None
    else:
        answer, units = _run_touched(news, standard)
    written = write_grouping(answer, census=census)
    remember(answer.reach, units=units)
    difference = {"difference": before.difference()} if before else {}
    return GroupingRun.objects.create(
        started_at=started_at,
        finished_at=timezone.now(),
        census=census,
        method=METHOD,
        prior=current_prior(),
        activation=standard.activation,
        whole=whole,
        signals=signals,
        accounts=len(accounts),
        opened=len(written.opened),
        updated=len(written.changed),
        report=written.report | {"refused": answer.refused} | difference,
    )


def _take(at: datetime) -> tuple[int, np.ndarray]:
    """(new signals, the accounts that they are about), marked as used by this run."""
    with connection.cursor() as cursor:
        cursor.execute(TAKE, [at])
        signals, accounts = cursor.fetchone()
    return signals, np.array(accounts, dtype=np.int64)


def _run_whole(standard: Standard) -> Grouping:
    return group(
        read_facts(standard.curves),
        prior=current_prior(),
        previous=read_previous(),
        constraints=standing(),
    )


def _run_touched(news: np.ndarray, standard: Standard) -> tuple[Grouping, np.ndarray]:
    """(the answer about what news can have touched, the units that it replaces)."""
    prior, constraints = current_prior(), standing()

    def run(facts, core, ids):
        return group(
            facts,
            prior=prior,
            previous=read_previous(ids),
            constraints=constraints,
            core=core,
        )

    tables = Tables(standard.curves)
    found = regroup(tables, np.union1d(news, freeze_of(news)), run, prior=prior)
    return found.answer, found.units


def _has_news(last: GroupingRun | None, census: Census | None) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM ingest_signal WHERE taken_at IS NULL)")
        if cursor.fetchone()[0]:
            return True
    if last is None:
        return census is not None
    if not same_epoch(last, census, in_force()):
        return True
    return has_news() or has_left_out_news(timezone.now())
