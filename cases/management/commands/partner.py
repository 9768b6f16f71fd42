import base64
import binascii
import sys

from django.core.management.base import BaseCommand, CommandError

from cases.errors import CaseError
from cases.models import Case, Partner
from cases.services.partner import (
    change_policy,
    issue_credential,
    pairwise_secret,
    set_server,
    set_up_partner,
    start_epoch,
)

ACTS = ("add", "policy", "token", "server", "epoch")


class Command(BaseCommand):
    help = (
        "Partners. add: make one; without --secret the pairwise secret is made here and printed "
        "once. policy: change what may go to it. token: a new credential for our doors, printed "
        "once. server: where its TAXII server is (the login, user:password, is read from standard "
        "input). epoch: begin a new one, on both desks."
    )

    def add_arguments(self, parser):
        parser.add_argument("act", choices=ACTS)
        parser.add_argument("slug", metavar="SLUG", help="short name, such as north-lab")
        parser.add_argument("--name", help="the name of its STIX identity")
        parser.add_argument("--secret", help="base64 of the 32 bytes that the partner handed over")
        parser.add_argument(
            "--clearance", choices=Case.TLP.values, help="the narrowest label it may be sent"
        )
        parser.add_argument(
            "--fields", nargs="*", choices=Partner.Field.values, help="what may leave besides"
        )
        parser.add_argument(
            "--returns", nargs="*", choices=Partner.Return.values, help="what goes back by itself"
        )
        parser.add_argument("--legal-basis", help="the agreement that sharing rests on")
        parser.add_argument("--url", default="", help="server: https://host/root/")
        parser.add_argument(
            "--private-host", nargs="*", default=[], help="server: may have a private address"
        )

    def handle(self, *, act, slug, secret, url, private_host, **options):
        policy = {
            name: options[name]
            for name in ("name", "clearance", "fields", "returns", "legal_basis")
            if options[name] is not None
        }
        try:
            if act == "add":
                return self.add(slug, secret, policy)
            partner = Partner.objects.filter(slug=slug).first()
            if partner is None:
                raise CommandError(f"no partner is called {slug!r}")
            if act == "policy":
                change_policy(partner, actor=None, **policy)
            elif act == "token":
                token = issue_credential(partner, actor=None)
                self.stderr.write(f"User {slug}; the token cannot be shown again:")
                self.stdout.write(token)
            elif act == "server":
                login = sys.stdin.readline().strip() if url else ""
                set_server(
                    partner, actor=None, url=url, login=login, allowed_private_hosts=private_host
                )
            else:
                epoch = start_epoch(partner, actor=None).epoch
                self.stderr.write(f"Epoch {epoch}: the partner has to begin it too.")
        except CaseError as error:
            raise CommandError(str(error)) from None

    def add(self, slug: str, secret: str | None, policy: dict) -> None:
        try:
            known = base64.b64decode(secret, validate=True) if secret else None
        except (binascii.Error, ValueError):
            raise CommandError("--secret must be base64 of 32 bytes") from None
        partner = set_up_partner(
            slug, actor=None, name=policy.pop("name", slug), secret=known, **policy
        )
        if known is None:
            self.stderr.write("The pairwise secret: hand it over on another way than this one.")
            self.stdout.write(base64.b64encode(pairwise_secret(partner)).decode())
