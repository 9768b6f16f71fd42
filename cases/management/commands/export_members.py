import csv
import json
import os
import sys

from django.core.management.base import BaseCommand, CommandError

from cases.models import Member

COLUMNS = ("account_id", "case_ref", "probability", "tier")


class Command(BaseCommand):
    help = (
        "Prints who is in which case: account_id, case_ref, probability, tier. A machine's format "
        "(RFC 4180): account names are written as they are, so don't open it in a spreadsheet "
        "that runs formulas. Accounts that a person ruled out, and merged cases, are left out."
    )

    def add_arguments(self, parser):
        parser.add_argument("--format", choices=("csv", "json"), default="csv")
        parser.add_argument("--out", help="write to this file instead of standard output")

    def handle(self, *args, format, out, **options):
        rows = (
            Member.objects.current()
            .filter(case__merged_into=None)
            .exclude(verdict=Member.Verdict.OUT)
            .order_by("case__number", "account__external_id")
            .values_list("account__external_id", "case__number", "probability", "tier")
        )
        try:
            if out:
                with open(out, "w", encoding="utf-8", newline="") as file:
                    write(file, rows.iterator(chunk_size=10_000), format)
            else:
                write(self.stdout, rows.iterator(chunk_size=10_000), format)
                self.stdout.flush()
        except BrokenPipeError:  # the reader has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except OSError as error:
            raise CommandError(f"cannot write {out}: {error.strerror}") from None


def write(file, rows, format: str) -> None:
    """Stream the rows; json is one array with an object a line."""
    if format == "csv":
        sheet = csv.writer(Unended(file), lineterminator="\n")
        sheet.writerow(COLUMNS)
        sheet.writerows(
            (account, f"C-{number}", f"{p:.6f}", tier) for account, number, p, tier in rows
        )
        return
    between = "["
    for account, number, p, tier in rows:
        row = dict(zip(COLUMNS, (account, f"C-{number}", round(p, 6), tier), strict=True))
        Unended(file).write(f"{between}\n{json.dumps(row)}")
        between = ","
    Unended(file).write("[]\n" if between == "[" else "\n]\n")


class Unended:
    """Django's stdout ends each write with a newline of its own; this one does not."""

    def __init__(self, file):
        self.file = getattr(file, "_out", file)

    def write(self, text: str) -> None:
        self.file.write(text)
