from django.conf import settings
from django.core.management.base import BaseCommand

from analyst import embedded


class Command(BaseCommand):
    help = "Start or stop the embedded PostgreSQL and broker of VAR, or print their URLs."

    def add_arguments(self, parser):
        parser.add_argument("what", choices=["start", "stop", "urls"])

    def handle(self, *args, what, **options):
        if what == "stop":
            embedded.stop(settings.VAR)
            return
        if what == "start":
            embedded.start_postgres(settings.VAR)
            embedded.start_valkey(settings.VAR)
        self.stdout.write(f"DATABASE_URL={embedded.postgres_url(settings.VAR)}")
        self.stdout.write(f"CELERY_BROKER_URL={embedded.valkey_url(settings.VAR)}")
