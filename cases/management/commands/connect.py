import base64
import json
import os
import secrets

from django.core.management.base import BaseCommand, CommandError

from cases.errors import CaseError
from cases.services.connect import CARRIERS, SIGNED, set_up_connector


class Command(BaseCommand):
    help = "Set up a connector that carries orders out, or bring it up to date."

    def add_arguments(self, parser):
        parser.add_argument("slug", help="its short name, e.g. gateway-eu")
        parser.add_argument("--kind", choices=[str(kind) for kind in CARRIERS], default="webhook")
        parser.add_argument("--name", required=True, help="as the desk shows it")
        parser.add_argument("--url", required=True, help="where orders go")
        parser.add_argument(
            "--setting",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="what its kind needs besides (docs/connectors.md), JSON or text; repeatable",
        )
        parser.add_argument(
            "--allow-private-host",
            action="append",
            default=[],
            metavar="HOST",
            help="a host of your own network that this connector alone may reach; repeatable",
        )

    def handle(self, *, slug, kind, name, url, setting, allow_private_host, **options):
        secret = os.environ.get("CONNECTOR_SECRET", "")
        made = not secret and kind in SIGNED
        if made:
            secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        try:
            connector = set_up_connector(
                slug, kind=kind, name=name, url=url, secret=secret, settings=_settings(setting),
                allowed_private_hosts=allow_private_host,
            )  # fmt: skip
        except CaseError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{connector.slug} is set up and switched on.")
        if made:
            self.stdout.write(f"Its secret, shown this once: {secret}")


def _settings(pairs: list[str]) -> dict:
    found = {}
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if not sign:
            raise CaseError(f"{pair!r} is no setting: write NAME=VALUE.")
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found
