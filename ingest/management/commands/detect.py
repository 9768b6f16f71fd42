"""Read request logs, count the population, run the detectors, store what they saw."""

import csv
import re
from datetime import UTC, datetime
from pathlib import Path

import ibis
import msgspec
from django.core.management.base import BaseCommand, CommandError
from django.utils.dateparse import parse_date, parse_datetime

from ingest.detectors import DETECTORS, Population
from ingest.detectors.activity import controls, hourly_activity
from ingest.detectors.combine import combined_scores
from ingest.models import Attribute, Batch, Detector
from ingest.readers import LogError, read_logs
from ingest.services import record_activity, record_population, record_signals
from ingest.wire import Observation

TEMPLATE = re.compile(r"\bt-[0-9a-f]{20}\b")  # frames.template_id
CONTROLS = 200  # accounts that nobody flagged, whose activity is kept for comparison


class Command(BaseCommand):
    help = "Run the detectors over request logs (Parquet, JSON lines, CSV, or a warehouse's table)."

    def add_arguments(self, parser):
        parser.add_argument(
            "logs", help="a file, a folder or a glob; with --backend a table's name"
        )
        parser.add_argument("--backend", default="", metavar="URL", help="an Ibis URL")
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="FIELD=COLUMN",
            help="which column of the log gives a field; may be repeated",
        )
        parser.add_argument("--since", type=as_moment, help="only requests from this moment, UTC")
        parser.add_argument("--until", type=as_moment, help="only requests before this moment, UTC")
        parser.add_argument(
            "--scores", type=Path, metavar="FILE", help="write account_id,score for every account"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="say what is found, store nothing"
        )

    def handle(self, *args, **options):
        try:
            self.detect(options)
        except LogError as error:
            raise CommandError(str(error)) from None

    def detect(self, options):
        if options["scores"] and not options["scores"].parent.is_dir():
            raise LogError(
                f"--scores {options['scores']}: there is no folder for it, make it first"
            )
        self.say(f"reading {options['logs']}")
        logs = read_logs(
            options["logs"], backend=options["backend"], mapping=as_mapping(options["map"])
        )
        self.tell_what_was_read(logs)
        requests = within(logs.requests, options["since"], options["until"])
        population = Population(requests)
        if not len(population.accounts):
            raise LogError("there is no request between --since and --until")
        start, end = population.window
        self.say(
            f"  {len(population.accounts):,} accounts of {population.organisations:,} "
            f"organisations, {int(population.accounts.requests.sum()):,} requests, "
            f"{start:%d %b %Y %H:%M} – {end:%d %b %Y %H:%M} UTC"
        )
        source = f"{options['logs']}"
        self.say("counting what accounts share")
        shared, ties = population.shared, population.ties
        self.say(
            f"  {len(shared):,} values that two accounts or more carry, "
            f"{len(ties):,} uses of those that at most {population.cap} carry"
        )
        findings = {}
        for detector in DETECTORS:
            self.say(f"detector {detector.SLUG}")
            findings[detector] = detector.detect(requests, population)
            self.say(f"  {len(findings[detector].observations):,} observations")
        if options["scores"]:
            write_scores(options["scores"], combined_scores(population))
            self.say(f"scores of {len(population.accounts):,} accounts in {options['scores']}")
        if options["dry_run"]:
            self.say("dry run: nothing is stored")
            return
        census = record_population(
            as_of=end,
            window_start=start,
            window_end=end,
            accounts=len(population.accounts),
            organisations=population.organisations,
            attributes=population.attribute_counts(),
            uses=population.population_uses(),
            source=source,
        )
        self.say(f"census {census.pk} stored")
        for detector, found in findings.items():
            receipt = record_signals(
                numbered(found.observations),
                detector=row_of(detector),
                door=Batch.Door.LOGS,
                source=source,
            )
            self.say(
                f"{detector.SLUG}: {receipt.stored:,} signals stored, {receipt.repeated:,} "
                f"repeated, {len(receipt.rejected):,} rejected"
            )
            for problem in receipt.rejected[:3]:
                self.say(f"  rejected: {problem.field} {problem.reason}")
        flagged = {o.account.id for found in findings.values() for o in found.observations}
        tied = set(ties.account_id)
        others = [name for name in population.accounts.index if name not in flagged | tied]
        wanted = sorted(flagged | tied | set(controls(others, CONTROLS)))
        stored = record_activity(hourly_activity(requests, wanted))
        self.say(f"activity: {stored:,} hours of {len(wanted):,} accounts")

    def tell_what_was_read(self, logs):
        self.say(f"  {logs.lines:,} lines, {logs.repeated:,} repeated and counted once")
        if logs.without_account:
            self.say(f"  {logs.without_account:,} lines have no account and are left out")
        if logs.without_time:
            self.say(f"  {logs.without_time:,} lines have no readable time and are left out")
        if logs.not_recorded:
            self.say(f"  not recorded in this log: {', '.join(logs.not_recorded)}")

    def say(self, text):
        self.stdout.write(text)
        self.stdout.flush()


def as_mapping(given: list[str]) -> dict[str, str]:
    mapping = {}
    for item in given:
        field, sign, column = item.partition("=")
        if not (field and sign and column):
            raise LogError(
                f"--map {item}: write it as FIELD=COLUMN, such as --map payment=card_hash"
            )
        mapping[field.strip()] = column.strip()
    return mapping


def as_moment(text: str) -> datetime:
    """A date or a date and time, UTC where it names no zone. Raises ValueError (argparse tells)."""
    day = parse_date(text) if len(text) == 10 else None
    found = datetime(day.year, day.month, day.day) if day else parse_datetime(text)
    if found is None:
        raise ValueError(text)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def within(requests, since: datetime | None, until: datetime | None):
    """The requests from since (included) to until (left out)."""
    if since:
        requests = requests.filter(requests["at"] >= ibis.timestamp(since.replace(tzinfo=None)))
    if until:
        requests = requests.filter(requests["at"] < ibis.timestamp(until.replace(tzinfo=None)))
    return requests


def row_of(detector) -> Detector:
    """The detector's row, made when missing; its version is the code's."""
    row, _ = Detector.objects.update_or_create(
        slug=detector.SLUG,
        defaults={"version": detector.VERSION, "family": detector.FAMILY, "name": detector.NAME},
    )
    return row


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


def write_scores(path: Path, scores: dict[str, float]) -> None:
    try:
        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["account_id", "score"])
            writer.writerows((name, f"{score:.6g}") for name, score in sorted(scores.items()))
    except OSError as error:
        raise LogError(f"--scores {path}: can't be written ({error.strerror})") from None
