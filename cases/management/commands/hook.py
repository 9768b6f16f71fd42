from django.core.management.base import BaseCommand, CommandError

from cases.errors import CaseError
from cases.hooked import HOOKED
from cases.services.hooks import set_up_hook


class Command(BaseCommand):
    help = (
        "Tell an address of events of orders and appeals, signed (Standard Webhooks). Makes the "
        "hook of that name, or changes it, and prints its new secret, once."
    )

    def add_arguments(self, parser):
        parser.add_argument("slug", metavar="SLUG")
        parser.add_argument("--url", required=True)
        parser.add_argument(
            "--event",
            action="append",
            default=[],
            metavar="KIND",
            help=f"several times; all unless told: {', '.join(sorted(HOOKED))}",
        )
        parser.add_argument("--allow-private-host", action="append", default=[], metavar="HOST")

    def handle(self, *, slug, url, event, allow_private_host, **options):
        try:
            hook, secret = set_up_hook(
                slug, actor=None, url=url, events=event, allowed_private_hosts=allow_private_host
            )
        except CaseError as error:
            raise CommandError(str(error)) from None
        self.stderr.write(f"The secret of {hook}; it is kept sealed and cannot be shown again:")
        self.stdout.write(secret)
