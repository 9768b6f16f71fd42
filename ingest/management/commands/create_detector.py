from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from ingest.census import CENSUS_TAKER
from ingest.models import Detector
from ingest.platform_wire import PLATFORM


class Command(BaseCommand):
    help = (
        "Make a detector and print its token, once. The token lets it send signals and nothing "
        f"else; the one called {CENSUS_TAKER} delivers the census, the one called {PLATFORM} the "
        "states of accounts, and nothing else."
    )

    def add_arguments(self, parser):
        parser.add_argument("slug", metavar="SLUG", help="short name, such as volume-eu")
        parser.add_argument(
            "--family",
            choices=Detector.Family.values,
            help=f"what kind of evidence it gives; needed for all but {CENSUS_TAKER}, {PLATFORM}",
        )
        parser.add_argument("--name", default="", help="what the screens call it")
        parser.add_argument(
            "--replace-token",
            action="store_true",
            help="of a detector that exists: the old token stops working at once",
        )

    def handle(self, *, slug, family, name, replace_token, **options):
        detector = Detector.objects.filter(slug=slug).first()
        if detector and not replace_token:
            raise CommandError(f"{slug} exists: --replace-token gives it a new token")
        if replace_token:
            if detector is None:
                raise CommandError(f"no detector is called {slug!r}")
            token = detector.issue_token()
            detector.save(update_fields=["token_digest", "token_prefix", "token_issued_at"])
        else:
            if not family and slug not in (CENSUS_TAKER, PLATFORM):
                raise CommandError(f"--family is needed: {', '.join(Detector.Family.values)}")
            detector = Detector(slug=slug, name=name or slug, family=family or "")
            token = detector.issue_token()
            try:
                detector.full_clean(exclude=["family"])
            except ValidationError as error:
                field, messages = next(iter(error.message_dict.items()))
                raise CommandError(f"{field}: {messages[0]}") from None
            detector.save(force_insert=True)
        self.stderr.write(f"The token of {slug}; it is not kept and cannot be shown again:")
        self.stdout.write(token)
