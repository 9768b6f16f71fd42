import shutil

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from analyst import embedded
from analyst.demo import Busy, hold


class Command(BaseCommand):
    help = "Forget everything under VAR: database, broker, packets, demo logins. Asks first."

    def add_arguments(self, parser):
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args, yes, **options):
        var = settings.VAR
        if not settings.EMBEDDED_POSTGRES:
            raise CommandError("DATABASE_URL is set: this forgets only embedded databases.")
        if not (var / "postgres").is_dir():
            self.stdout.write(f"Nothing to forget in {var}.")
            return
        if not yes:
            answer = input(f"Delete all cases, packets and logins under {var}? Type yes: ")
            if answer.strip().lower() != "yes":
                self.stdout.write("Nothing was deleted.")
                return
        try:
            with hold(var):
                embedded.stop(var)
                shutil.rmtree(var)
        except Busy as busy:
            raise CommandError(str(busy)) from None
        self.stdout.write(f"{var} is gone; make demo starts afresh.")
