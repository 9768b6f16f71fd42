"""Read request logs, count the population, run the detectors, store what they saw."""

import csv
from datetime import UTC, datetime
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils.dateparse import parse_date, parse_datetime

from ingest.readers import NAMES, LogError
from ingest.scan import cost_of
from ingest.services.detect import configured_pace, detect, detect_due
from ingest.services.log_source import LogSource, as_mapping
from ingest.services.looking import preview


class Command(BaseCommand):
    help = "Run the detectors over request logs: files, folders, globs, or a warehouse's table."

    def add_arguments(self, parser):
        parser.add_argument(
            "logs", help="a file, a folder or a glob; with --backend a table's name"
        )
        parser.add_argument("--backend", default="", metavar="URL", help="an Ibis URL")
        parser.add_argument("--format", choices=NAMES, help="where it is not recognised by itself")
        parser.add_argument("--zone", help="of times that name none, such as UTC or Europe/Berlin")
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
            "--running",
            action="store_true",
            help="tell the next window that is complete (DETECT_WINDOW, DETECT_STEP and "
            "DETECT_LATENESS), or nothing while none is",
        )
        parser.add_argument(
            "--locked",
            action="store_true",
            help="the log may not leave its warehouse: only request ids, aggregates and declared "
            "columns come back",
        )
        parser.add_argument(
            "--max-bytes", type=int, metavar="N", help="refuse to read more than this"
        )
        parser.add_argument(
            "--scores", type=Path, metavar="FILE", help="write account_id,score for every account"
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="say what would be read and, of files, what is found; store nothing",
        )

    def handle(self, *args, **options):
        try:
            self.run(options)
        except LogError as error:
            raise CommandError(str(error)) from None

    def run(self, options):
        check_options(options)
        source = LogSource(
            options["logs"],
            backend=options["backend"],
            mapping=as_mapping(options["map"]),
            format=options["format"],
            zone=options["zone"],
            locked=options["locked"],
            max_bytes=options["max_bytes"],
        )
        span = {"since": options["since"], "until": options["until"]}
        if options["running"]:
            detect_due(source, configured_pace(), say=self.say)
        elif options["dry_run"]:
            self.say(f"a run would read {cost_of(source)}")
            if options["backend"]:
                self.say("dry run: nothing else was read, and nothing is stored")
            else:
                self.write_scores(options["scores"], preview(source, say=self.say, **span))
                self.say("dry run: nothing is stored")
        else:
            _, scores = detect(source, say=self.say, **span)
            self.write_scores(options["scores"], scores)

    def write_scores(self, path: Path | None, scores: dict[str, float]):
        if path:
            write_scores(path, scores)
            self.say(f"scores of {len(scores):,} accounts in {path}")

    def say(self, text):
        self.stdout.write(text)
        self.stdout.flush()


def check_options(options: dict) -> None:
    """What doesn't go together is said before anything is read. Raises LogError."""
    scores = options["scores"]
    if scores and not scores.parent.is_dir():
        raise LogError(f"--scores {scores}: there is no folder for it, make it first")
    if scores and options["locked"]:
        raise LogError("--scores compares prompts outside the warehouse: leave out --locked or it")
    if scores and options["dry_run"] and options["backend"]:
        raise LogError("--dry-run of a warehouse tells the cost alone: leave it out for --scores")
    if options["running"]:
        for name in ("since", "until", "scores", "dry_run"):
            if options[name]:
                option = name.replace("_", "-")
                raise LogError(f"--running has windows of its own: leave out --{option}")
    if options["max_bytes"] is not None and options["max_bytes"] < 1:
        raise LogError("--max-bytes is a number of bytes, 1 or more")
    if options["since"] and options["until"] and options["since"] >= options["until"]:
        raise LogError("--since must be before --until")


def as_moment(text: str) -> datetime:
    """A date or a date and time, UTC where it names no zone. Raises ValueError (argparse tells)."""
    day = parse_date(text) if len(text) == 10 else None
    found = datetime(day.year, day.month, day.day) if day else parse_datetime(text)
    if found is None:
        raise ValueError(text)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def write_scores(path: Path, scores: dict[str, float]) -> None:
    try:
        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["account_id", "score"])
            writer.writerows((name, f"{score:.6g}") for name, score in sorted(scores.items()))
    except OSError as error:
        raise LogError(f"--scores {path}: can't be written ({error.strerror})") from None
