"""What a run over a window stores. Each piece is one transaction with the row that says it is done,
so that a run that was killed finds what is left to do."""

import re
import time
from datetime import timedelta
from types import ModuleType

import msgspec
from django.db import transaction
from django.utils import timezone

from ingest.detectors import DETECTORS, Findings
from ingest.detectors.activity import controls, hourly_activity
from ingest.detectors.sweeps import slots_of
from ingest.models import Attribute, Batch, Detector, DetectorCost, DetectorRun, Signal
from ingest.services import Receipt, record_activity, record_population, record_signals
from ingest.services.looking import Looked, Say
from ingest.services.signals import retried
from ingest.services.sweeps import record_slots
from ingest.wire import Observation

TEMPLATE = re.compile(r"\bt-[0-9a-f]{20}\b")  # frames.template_id
CONTROLS = 200  # accounts that nobody flagged, whose activity is kept for comparison
ACTIVITY = frozenset({"account_id", "at", "model"})  # leaves with the hourly activity


def tell(run: DetectorRun, looked: Looked, say: Say, expected: timedelta | None = None) -> None:
    """Census, signals and activity of the window: whatever of it is not stored yet. expected is the
    interval in which our detectors should be heard, for those that have none."""
    todo = [detector for detector in DETECTORS if not is_told(run, detector, looked)]
    if run.state == DetectorRun.State.DONE and not todo:
        say("every detector has told this window: nothing is stored")
        return
    if run.census is None:
        say("counting what accounts share")
        _count(run, looked, say)
    for detector in todo:
        row = row_of(detector, expected)
        if why := looked.why_not(detector):
            say(f"detector {detector.SLUG}: not tested, {why}")
            _settle(run, row, detector, not_tested=why[:300])
            continue
        say(f"detector {detector.SLUG}")
        found, seconds, rows = looked.ask(detector)
        receipt = _store(run, row, detector, looked, found, seconds, rows)
        say(
            f"{detector.SLUG}: {receipt.stored:,} signals stored, {receipt.repeated:,} "
            f"repeated, {len(receipt.rejected):,} rejected"
        )
        for problem in receipt.rejected[:3]:
            say(f"  rejected: {problem.field} {problem.reason}")
    told = _told_accounts(run)
    _record_hours(run, looked, told, say)
    if not looked.source.locked:  # a slot is words of a prompt
        slots = retried(lambda: record_slots(slots_of(looked.requests, looked.population, told)))
        say(f"sweeps: {slots:,} slot values that accounts have covered")
    close(run, looked)
    looked.say_what_left(say)


def close(run: DetectorRun, looked: Looked) -> None:
    """The window is told: what comes for it from here on is late."""
    run.state, run.finished_at, run.error = DetectorRun.State.DONE, timezone.now(), ""
    run.manifest, run.bytes_read = looked.crossing.manifest(), looked.meter.total
    run.save(update_fields=["state", "finished_at", "error", "manifest", "bytes_read"])


def is_told(run: DetectorRun, detector: ModuleType, looked: Looked) -> bool:
    """Whether this release of the detector is done with the window, or still can't look at it."""
    cost = run.costs.filter(detector__slug=detector.SLUG, version=detector.VERSION).first()
    return cost is not None and (not cost.not_tested or bool(looked.why_not(detector)))


def row_of(detector: ModuleType, expected: timedelta | None) -> Detector:
    """The detector's row, made when missing; its version is the code's."""
    row, _ = Detector.objects.update_or_create(
        slug=detector.SLUG,
        defaults={"version": detector.VERSION, "family": detector.FAMILY, "name": detector.NAME},
    )
    if expected and row.expected_interval is None:
        row.expected_interval = expected
        row.save(update_fields=["expected_interval"])
    return row


def counted(found: Findings) -> list[Observation]:
    """The observations, each with how many accounts were tested and what share of them is told of,
    where the detector said nothing itself: else nobody can say how many such chance would bring."""
    tested = found.accounts_tested
    if not tested:
        return found.observations
    # a cluster's signals may name accounts that were not tested by themselves
    rate = min(1.0, round(found.accounts_flagged / tested, 9))
    return [
        msgspec.structs.replace(o, accounts_tested=tested, base_rate=rate)
        if o.accounts_tested is None
        else o
        for o in found.observations
    ]


def numbered(observations: list[Observation]) -> list[Observation]:
    """The same, with a template called by the number that the desk gives it (T-2148). The census,
    stored before, holds every template of the log."""
    carried = {a.value for o in observations for a in o.attributes if a.kind == "template"}
    rows = Attribute.objects.filter(kind=Attribute.Kind.TEMPLATE, value__in=carried)
    names = {value: f"T-{pk}" for value, pk in rows.values_list("value", "pk")}
    return [
        msgspec.structs.replace(
            o, summary=TEMPLATE.sub(lambda found: names.get(found[0], found[0]), o.summary)
        )
        for o in observations
    ]


def _count(run: DetectorRun, looked: Looked, say: Say) -> None:
    began, population = time.monotonic(), looked.population
    shared, ties = population.shared, population.ties
    say(
        f"  {len(shared):,} values that two accounts or more carry, "
        f"{len(ties):,} uses of those that at most {population.cap} carry"
    )
    with transaction.atomic():
        run.census = record_population(
            as_of=run.window_end,
            window_start=run.window_start,
            window_end=run.window_end,
            accounts=len(population.accounts),
            organisations=population.organisations,
            attributes=population.attribute_counts(),
            uses=population.population_uses(),
            source=looked.source.logs,
        )
        run.accounts, run.counting_seconds = len(population.accounts), time.monotonic() - began
        run.save(update_fields=["census", "accounts", "counting_seconds"])
    say(f"census {run.census_id} stored")


def _store(
    run: DetectorRun,
    row: Detector,
    detector: ModuleType,
    looked: Looked,
    found: Findings,
    seconds: float,
    rows: int,
) -> Receipt:
    named = numbered(counted(found))

    @transaction.atomic
    def both() -> Receipt:
        receipt = record_signals(
            named, detector=row, door=Batch.Door.LOGS, source=looked.source.logs
        )
        figures = {"stored": receipt.stored, "repeated": receipt.repeated}
        figures |= {"rejected": len(receipt.rejected), "not_tested": "", "rows": rows}
        figures |= {"seconds": round(seconds, 3), "requests": run.requests}
        figures |= {"tested": found.accounts_tested, "flagged": found.accounts_flagged}
        _settle(run, row, detector, **figures)
        return receipt

    return retried(both)


def _settle(run: DetectorRun, row: Detector, detector: ModuleType, **figures) -> None:
    DetectorCost.objects.update_or_create(
        run=run, detector=row, version=detector.VERSION, defaults=figures
    )


def _told_accounts(run: DetectorRun) -> set[str]:
    """That a detector has told of in this window, also before it was interrupted."""
    told = Signal.objects.filter(
        detector__costs__run=run, window_start=run.window_start, window_end=run.window_end
    )
    return set(told.values_list("account__external_id", flat=True).distinct())


def _record_hours(run: DetectorRun, looked: Looked, flagged: set[str], say: Say) -> None:
    population = looked.population
    tied = set(population.ties.account_id)
    others = [name for name in population.accounts.index if name not in flagged | tied]
    wanted = sorted(flagged | tied | set(controls(others, CONTROLS)))
    with looked.crossing.of("activity", ACTIVITY):
        stored = record_activity(hourly_activity(looked.requests, wanted))
    say(f"activity: {stored:,} hours of {len(wanted):,} accounts")
