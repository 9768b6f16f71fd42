import json
import sys

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from analyst import demo


class Command(BaseCommand):
    help = (
        "The desk on simulated traffic: starts the embedded services, plants campaigns and "
        "innocent look-alikes, detects, groups, and serves web, worker, beat and a gateway."
    )
    requires_system_checks = []

    def add_arguments(self, parser):
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--seed", type=int, default=1, help="which two weeks to simulate")
        parser.add_argument(
            "--once",
            action="store_true",
            help="all but serving; prints found against planted as JSON, exit 1 if it falls short",
        )

    def handle(self, *args, port, seed, once, **options):
        if not settings.EMBEDDED_POSTGRES:
            raise CommandError("DATABASE_URL is set: the demo makes a database of its own.")
        try:
            with demo.hold(settings.VAR):
                if once:
                    report = demo.run_once(seed)
                    self.stdout.write(json.dumps(report, indent=1))
                    sys.exit(0 if report["ok"] else 1)
                demo.serve(port, seed)
        except demo.Busy as busy:
            raise CommandError(str(busy)) from None
