from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from cases.evidence.bag import sha256
from cases.evidence.verify import signed_by, verify


class Command(BaseCommand):
    help = (
        "Check an evidence packet from its file alone: parts, signature, timeline, the zip itself. "
        "Needs no database; exits 1 on a problem."
    )

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--key", type=Path, metavar="PEM",
            help="the sender's public key, had from the sender's desk and not with the packet",
        )  # fmt: skip
        parser.add_argument(
            "--rebuild", action="store_true",
            help="also build the packet again from its own data and compare every byte",
        )  # fmt: skip

    def handle(self, *, file, key, rebuild, **options):
        try:
            trusted = key and key.read_bytes()
        except OSError as error:
            raise CommandError(f"--key {key}: {error.strerror}") from None
        problems = verify(file, trusted=trusted, again=rebuild)
        for problem in problems:
            self.stderr.write(problem)
        if problems:
            raise CommandError(f"{file} does not hold: {len(problems)} problems", returncode=1)
        told = f"{file} holds.\nsha256 {sha256(file)}\nsigned with key {signed_by(file)}"
        if not key:
            told += ", as it says itself: give --key to be sure whose it is"
        self.stdout.write(told)
