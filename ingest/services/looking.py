"""A log that is being looked at: opened, metered, cut to a window, its detectors asked. Nothing is
stored here."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from types import ModuleType

from ingest.detectors import DETECTORS, Findings, Population, declaration
from ingest.detectors.combine import combined_scores
from ingest.detectors.crossing import Crossing
from ingest.detectors.population import moment
from ingest.detectors.warehouse import copy
from ingest.readers import LogError, Logs
from ingest.running import hour_key
from ingest.scan import Meter
from ingest.services.log_source import LogSource, within

Say = Callable[[str], None]


class Looked:
    """The log, cut to a window, behind its watched connection."""

    def __init__(self, source: LogSource, logs: Logs, crossing: Crossing, meter: Meter):
        self.source, self.logs, self.crossing, self.meter = source, logs, crossing, meter

    def cut(self, since: datetime | None, until: datetime | None) -> None:
        """requests and population are those from since to until, as far as the log goes where an
        end is open."""
        self.requests = within(self.logs.requests, since, until)
        self.population = Population(self.requests, (since, until))

    def copy(self) -> None:
        """What was cut, once in the normal form, where every query would go back to files. A locked
        log is not copied."""
        if self.logs.read_anew and not self.source.locked:
            self.requests = copy(self.requests)
            self.population = Population(self.requests, self.population.bounds)

    def count(self) -> int:
        return int(self.population.accounts.requests.sum())

    def by_hour(self) -> dict[str, int]:
        """Requests of each hour that has any, as running.hour_key writes hours."""
        t = self.requests
        hours = t.group_by(hour=t["at"].truncate("h")).aggregate(n=t.count())
        with self.crossing.of("run", frozenset({"at"})):
            rows = hours.execute()
        return {hour_key(moment(row.hour)): int(row.n) for row in rows.itertuples(index=False)}

    def why_not(self, detector: ModuleType) -> str:
        """Why the detector can't be asked of this log; empty when it can."""
        declared = declaration(detector)
        if lacking := declared.lacks(self.logs.not_recorded):
            return f"the log does not record {', '.join(lacking)}"
        if self.source.locked and declared.why_not_locked:
            return f"not in log-locked mode: {declared.why_not_locked}"
        return ""

    def ask(self, detector: ModuleType) -> tuple[Findings, float, int]:
        """Its findings, the seconds that it took, and the rows that came back for it."""
        declared = declaration(detector)
        began = time.monotonic()
        with self.crossing.of(declared.slug, declared.exports):
            found = detector.detect(self.requests, self.population)
        had = self.crossing.passed.get(declared.slug)
        return found, time.monotonic() - began, had.rows if had else 0

    def scores(self) -> dict[str, float] | None:
        """One number for every account; None for a locked log, whose prompts aren't compared."""
        return None if self.source.locked else combined_scores(self.population)

    def say_what_left(self, say: Say) -> None:
        for row in self.crossing.manifest() if self.source.locked else ():
            carried = sorted({label for labels in row["columns"].values() for label in labels})
            say(
                f"left the warehouse for {row['party']}: {row['rows']:,} rows in "
                f"{row['results']:,} results, with {', '.join(carried)}"
            )


@contextmanager
def looking(source: LogSource, say: Say) -> Iterator[Looked]:
    """The log, opened, with everything that comes back from it watched and metered. Raises
    LogError; before anything is read, when it would cost more than the source's cap."""
    meter = Meter(source)
    meter.refuse_beyond_cap()
    say(f"reading {source.logs}")
    logs = source.read()
    meter.opened()
    say(f"  {logs.lines:,} lines, {logs.repeated:,} repeated and counted once")
    if logs.without_account:
        say(f"  {logs.without_account:,} lines have no account and are left out")
    if logs.without_time:
        say(f"  {logs.without_time:,} lines have no readable time and are left out")
    if logs.not_recorded:
        say(f"  not recorded in this log: {', '.join(logs.not_recorded)}")
    for gap in logs.gaps:
        say(f"  {gap}")
    crossing = Crossing(logs.requests, locked=source.locked, meter=meter.read)
    with crossing.open():
        yield Looked(source, logs, crossing, meter)


def look(looked: Looked, since: datetime | None, until: datetime | None, say: Say) -> None:
    """Cut the log and say who is in it. Raises LogError when nobody is."""
    looked.cut(since, until)
    looked.copy()
    population = looked.population
    if not len(population.accounts):
        raise LogError("there is no request between --since and --until")
    start, end = population.window
    say(
        f"  {len(population.accounts):,} accounts of {population.organisations:,} "
        f"organisations, {looked.count():,} requests, "
        f"{start:%d %b %Y %H:%M} – {end:%d %b %Y %H:%M} UTC"
    )


def preview(
    source: LogSource, *, since: datetime | None, until: datetime | None, say: Say
) -> dict[str, float] | None:
    """A run that stores nothing: says what would be found. The scores of every account, None for a
    locked log. Raises LogError."""
    with looking(source, say) as looked:
        look(looked, since, until, say)
        for detector in DETECTORS:
            if why := looked.why_not(detector):
                say(f"detector {detector.SLUG}: not tested, {why}")
                continue
            say(f"detector {detector.SLUG}")
            found, _, _ = looked.ask(detector)
            say(f"  {len(found.observations):,} observations")
        looked.say_what_left(say)
        return looked.scores()
