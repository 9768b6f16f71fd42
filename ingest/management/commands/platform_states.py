import sys
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from ingest.platform_wire import FIELDS, TooMany, decode_states, read_csv
from ingest.services.platform import record_platform_states
from ingest.wire import NDJSON

SHOWN = 10


class Command(BaseCommand):
    help = (
        "Read a file of states that accounts, keys and end users have at the platform: CSV with a "
        f"header ({', '.join(FIELDS)}), or one JSON object a line. Reading it twice changes "
        "nothing more."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "file", metavar="FILE", help=".csv, or JSON lines; - for lines on stdin"
        )

    def handle(self, *, file, **options):
        try:
            if file.lower().endswith(".csv"):
                with Path(file).open(encoding="utf-8-sig", newline="") as rows:
                    receipt = record_platform_states(read_csv(rows), source=Path(file).name)
            else:
                body = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
                receipt = record_platform_states(
                    decode_states(body, NDJSON), source=Path(file).name
                )
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}") from None
        except (TooMany, ValueError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(
            f"{receipt.stored:,} stored, {receipt.repeated:,} repeated, {receipt.changed:,} "
            f"changed a state, {len(receipt.rejected):,} rejected"
        )
        for problem in receipt.rejected[:SHOWN]:
            where = f", {problem.field}" if problem.field else ""
            self.stderr.write(f"line {problem.line}{where}: {problem.reason}")
        if receipt.rejected and not receipt.stored and not receipt.repeated:
            raise CommandError("nothing of it holds")
