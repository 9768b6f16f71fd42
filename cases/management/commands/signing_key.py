from django.core.management.base import BaseCommand, CommandError

from cases.models import SigningKey
from cases.services.signing import rotate_signing_key, signing_key


class Command(BaseCommand):
    help = "List the keys that packets were signed with; the first signs now."

    def add_arguments(self, parser):
        parser.add_argument(
            "--rotate", action="store_true",
            help="make a new key; the old one's secret is dropped, its public half stays published",
        )  # fmt: skip

    def handle(self, *, rotate, **options):
        try:
            rotate_signing_key() if rotate else signing_key()
        except ValueError as error:
            raise CommandError(str(error)) from None
        for key in SigningKey.objects.order_by("retired_at", "-created_at"):
            until = f"retired {key.retired_at:%d %b %Y}" if key.retired_at else "signs now"
            self.stdout.write(f"{key.key_id}  made {key.created_at:%d %b %Y}  {until}")
