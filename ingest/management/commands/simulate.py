"""Write a provider's invented traffic, with the truth about it beside."""

from collections import Counter
from datetime import UTC
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils.dateparse import parse_datetime

from ingest.simulate import simulate


class Command(BaseCommand):
    help = (
        "Write a log of invented API traffic (requests.parquet) and what was planted (truth.json)."
    )

    def add_arguments(self, parser):
        parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--days", type=int, default=14)
        parser.add_argument("--end", metavar="TIME", help="last moment, UTC; today's midnight")

    def handle(self, *args, **options):
        end = None
        if options["end"]:
            end = parse_datetime(options["end"])
            if end is None:
                raise CommandError(f"--end {options['end']}: write it as 2026-11-24T00:00:00Z")
            end = end if end.tzinfo else end.replace(tzinfo=UTC)
        if not 2 <= options["days"] <= 60:
            raise CommandError(f"--days {options['days']}: from 2 to 60")
        try:
            truth = simulate(options["out"], seed=options["seed"], days=options["days"], end=end)
        except OSError as error:
            raise CommandError(f"{options['out']}: {error.strerror or error}") from None
        labels = Counter(label.label for label in truth.accounts.values())
        self.stdout.write(
            f"{truth.requests:,} requests of {len(truth.accounts):,} accounts in {truth.log}: "
            f"{len(truth.campaigns)} campaigns of {labels['campaign']} accounts, "
            f"{labels['lookalike']} innocent look-alikes"
        )
