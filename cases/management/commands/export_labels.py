import csv
import json

from django.core.management.base import BaseCommand

from cases.services.lots import weighted_labels

COLUMNS = ("source", "account", "case", "unit", "stratum", "score", "inclusion_probability",
           "weight", "label", "at")  # fmt: skip


class Command(BaseCommand):
    help = (
        "Prints labels with the chance that each account had to be drawn, and its weight, for"
        " retraining: accounts drawn by lot from below the threshold, and samples read blind."
    )

    def add_arguments(self, parser):
        parser.add_argument("--format", choices=["jsonl", "csv"], default="jsonl")

    def handle(self, *args, format, **options):
        if format == "csv":
            writer = csv.DictWriter(self.stdout, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(
                row | {"account": _harmless(row["account"])} for row in weighted_labels()
            )
            return
        for row in weighted_labels():
            self.stdout.write(json.dumps(row))


def _harmless(text: str) -> str:
    """Names are strangers' text: a spreadsheet must not run them."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
