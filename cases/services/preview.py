"""What a change would do to the cases: asked for here, computed by a worker, applied in apply.py.

The facts are read under grouping's lock, as they would be with the change; the pure grouping runs
over them outside of any transaction; what differs from the stored cases is kept as rows.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from cases.errors import CaseError
from cases.grouping import METHOD, Constraints, Facts, Previous, group
from cases.models import AllowEntry, Calibration, GroupingRun, PreviewCase, RegroupPreview
from cases.services.calibrate import in_force
from cases.services.constrain import has_news, hold_grouping, standing
from cases.services.group import group_new_signals
from cases.services.group_memory import same_epoch
from cases.services.group_read import read_facts, read_previous
from cases.services.hidden import hidden_counts
from cases.services.left_out import (
    LeftOut,
    entries_in_force,
    has_left_out_news,
    left_out,
    withdrawals_in_force,
)
from cases.services.nudge import after_commit
from cases.services.preview_basis import fingerprint
from cases.services.preview_write import write_differences
from cases.services.reliance import record_reliance
from cases.services.terms import current_prior
from ingest.models import Census, Job, Signal, Withdrawal
from ingest.services import jobs
from ingest.services.withdraw import signals_of

log = logging.getLogger(__name__)

KIND = "regroup"
STEPS = 4
BEAT = 10.0  # seconds between signs of life while numbers are crunched
DAY = timedelta(hours=24)
TRIES = 3  # to find the tables without news
LOWEST, HIGHEST = 1e-9, 0.5
Kind = RegroupPreview.Kind


class _Busy(Exception):
    """Grouping is at work: the preview waits for the next sweep."""


@dataclass(frozen=True, slots=True)
class _Read:
    facts: Facts
    previous: list[Previous]
    constraints: Constraints


@transaction.atomic
def request_preview(
    *,
    actor: User | None,
    kind: str,
    prior: float | None = None,
    calibration: Calibration | None = None,
    withdrawal: Withdrawal | None = None,
    entry: AllowEntry | None = None,
) -> RegroupPreview:
    """Ask what a change would do. Nothing changes by it. Raises CaseError where it makes no sense.

    prior for a threshold, calibration to activate, withdrawal to withdraw or to lift, entry to
    allow or to end.
    """
    if kind == Kind.THRESHOLD:
        if prior is None or not LOWEST <= prior <= HIGHEST:  # NaN is refused too
            raise CaseError(f"Threshold: a probability from {LOWEST:g} to {HIGHEST:g}.")
        if prior == current_prior():
            raise CaseError("Threshold: that is what holds already. Name another one.")
    if kind == Kind.CALIBRATION and (
        calibration is None or Calibration.objects.in_force().filter(pk=calibration.pk).exists()
    ):
        raise CaseError("That calibration counts already. Name another version.")
    if kind == Kind.WITHDRAW and (withdrawal is None or withdrawal.applied_at):
        raise CaseError("That release is withdrawn already.")
    if kind == Kind.LIFT and (withdrawal is None or not withdrawal.stands):
        raise CaseError("That release is not withdrawn, so there is nothing to restore.")
    if kind == Kind.ALLOW and (entry is None or entry.added_at):
        raise CaseError("That entry is on the allow-list already.")
    if kind == Kind.END and (entry is None or entry.state != "standing"):
        raise CaseError("That entry does not stand, so there is nothing to end.")
    job = Job.objects.create(kind=KIND, started_by=actor, total=STEPS)
    preview = RegroupPreview.objects.create(
        kind=kind, prior=prior, calibration=calibration, withdrawal=withdrawal, entry=entry,
        job=job, requested_by=actor,
    )  # fmt: skip
    after_commit("run_regroup_previews")
    return preview


@transaction.atomic
def count_hidden_daily() -> RegroupPreview | None:
    """The sweep: once a day, while entries of the allow-list hold, ask what they hide."""
    if not AllowEntry.objects.in_force().exists():
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('count what is hidden'))")
        if not cursor.fetchone()[0]:
            return None
    recent = timezone.now() - DAY
    if RegroupPreview.objects.filter(kind=Kind.HIDDEN, requested_at__gt=recent).exists():
        return None
    return request_preview(actor=None, kind=Kind.HIDDEN)


def cancel_preview(preview: RegroupPreview, *, actor: User) -> None:
    """Stop computing it. Raises CaseError where it is over."""
    if not jobs.cancel(preview.job):
        raise CaseError(f"{preview.ref} is over already.")


def run_waiting() -> bool:
    """The sweep: the oldest preview that waits or was left behind. False: none could be taken."""
    taken = jobs.take(Job.objects.filter(regroup_preview__isnull=False), KIND)
    if taken is None:
        return False
    job, was_left = taken
    previews = RegroupPreview.objects.select_related("withdrawal", "entry", "calibration")
    preview = previews.get(job=job)
    hold = jobs.Hold(job)
    preview.stalls = preview.stalls + 1 if was_left else 0
    preview.save(update_fields=["stalls"])
    try:
        if preview.stalls >= jobs.GIVEN_UP:
            raise CaseError(f"Given up: {preview.stalls} workers died on it, one after another.")
        _compute(preview, hold)
    except _Busy:
        hold.release()
    except jobs.Cancelled:
        hold.stop()
    except jobs.Superseded:
        log.warning("%s was taken by another worker", preview.ref)
    except CaseError as error:
        hold.fail(str(error))
    except Exception as error:
        hold.fail(f"{type(error).__name__}: {error}")
        raise
    return True


def _compute(preview: RegroupPreview, hold: jobs.Hold) -> None:
    prior = preview.prior if preview.kind == Kind.THRESHOLD else current_prior()
    hold.beat(step="taking what is new", done=0)
    with _signs_of_life(hold):
        read = _read_without_news(preview)
    hold.beat(step="grouping the facts as they would be", done=1)
    with _signs_of_life(hold):
        answer = group(
            read.facts, prior=prior, previous=read.previous, constraints=read.constraints
        )
    hold.beat(step="comparing with the cases as they stand", done=2)
    with _signs_of_life(hold):
        covers = _covered(preview)
    hold.beat(done=3)
    with transaction.atomic():
        preview.cases.all().delete()
        if preview.kind == Kind.HIDDEN:  # nobody decides by an older count
            PreviewCase.objects.filter(preview__kind=Kind.HIDDEN).delete()
        preview.summary = write_differences(preview, answer) | covers
        if preview.kind == Kind.HIDDEN:
            preview.summary["hides"] = hidden_counts(preview)
        preview.save(update_fields=["summary", "read_at", "run", "census", "basis"])
        hold.beat(done=STEPS)
        hold.finish()


def _read_without_news(preview: RegroupPreview) -> _Read:
    """The facts with the change, at a moment when grouping has taken all that was new."""
    for turn in range(TRIES):
        group_new_signals()
        with transaction.atomic():
            try:
                hold_grouping()
            except CaseError:
                raise _Busy from None
            if turn + 1 < TRIES and _news_waits():
                continue
            preview.read_at = timezone.now()
            preview.run = GroupingRun.objects.order_by("-pk").first()
            preview.census = Census.objects.order_by("-pk").first()
            standard = in_force()
            begun = preview.run or preview.census
            if begun and not same_epoch(preview.run, preview.census, standard):
                raise _Busy  # a new epoch has begun, and another worker is at it
            if preview.calibration:
                standard = standard.with_calibration(preview.calibration)
            preview.basis = fingerprint() | {
                "method": METHOD,
                "prior": current_prior(),
                "waiting": Signal.objects.filter(taken_at=None).count(),
            }
            facts = read_facts(standard.curves, _without(preview))
            return _Read(facts, read_previous(), standing())
    raise AssertionError("the last turn always reads")


def _news_waits() -> bool:
    return (
        Signal.objects.filter(taken_at=None).exists()
        or has_news()
        or has_left_out_news(timezone.now())
    )


def _without(preview: RegroupPreview) -> LeftOut:
    """What grouping would leave out with the change."""
    withdrawals, entries = withdrawals_in_force(), entries_in_force()
    if preview.kind == Kind.WITHDRAW:
        withdrawals.add(preview.withdrawal_id)
    elif preview.kind == Kind.LIFT:
        withdrawals.discard(preview.withdrawal_id)
    elif preview.kind == Kind.ALLOW:
        entries.add(preview.entry_id)
    elif preview.kind == Kind.END:
        entries.discard(preview.entry_id)
    elif preview.kind == Kind.HIDDEN:
        entries = set()
    return left_out(withdrawals=withdrawals, entries=entries)


def _covered(preview: RegroupPreview) -> dict:
    """How many signals a release has, and, written as rows, what relied on them."""
    if preview.withdrawal is None:
        return {}
    record_reliance(preview.withdrawal)
    found = signals_of(preview.withdrawal)
    return {"signals": found["signals"], "accounts": found["accounts"]}


@contextmanager
def _signs_of_life(hold: jobs.Hold) -> Iterator[None]:
    """Beats from a thread of its own, with a connection of its own, while the body works. Raises
    Cancelled or Superseded after the body."""
    over, ended = threading.Event(), []

    def tell():
        try:
            while not over.wait(BEAT):
                try:
                    hold.beat()
                except (jobs.Cancelled, jobs.Superseded) as error:
                    ended.append(error)
                    return
                except DatabaseError as error:
                    log.warning("no sign of life could be given: %s", error)
        finally:
            connection.close()

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()
    if ended:
        raise ended[0]
