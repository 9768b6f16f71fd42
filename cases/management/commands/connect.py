import base64
import os
import secrets

from django.core.management.base import BaseCommand, CommandError

from cases.errors import CaseError
from cases.services.connect import set_up_webhook


class Command(BaseCommand):
    help = "Set up the webhook connector that carries orders out, or bring it up to date."

    def add_arguments(self, parser):
        parser.add_argument("slug", help="its short name, e.g. gateway-eu")
        parser.add_argument("--name", required=True, help="as the desk shows it")
        parser.add_argument("--url", required=True, help="where orders are posted")
        parser.add_argument(
            "--allow-private-host",
            action="append",
            default=[],
            metavar="HOST",
            help="a host of your own network that this connector alone may reach; repeatable",
        )

    def handle(self, *, slug, name, url, allow_private_host, **options):
        secret = os.environ.get("CONNECTOR_SECRET", "")
        made = not secret
        if made:
            secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        try:
            connector = set_up_webhook(
                slug, name=name, url=url, secret=secret, allowed_private_hosts=allow_private_host
            )
        except CaseError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{connector.slug} is set up and switched on.")
        if made:
            self.stdout.write(f"Its secret, shown this once: {secret}")
