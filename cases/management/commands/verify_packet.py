from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from cases.evidence.bag import sha256
from cases.evidence.verify import verify


class Command(BaseCommand):
    help = "Check an evidence packet from its file alone. Needs no database; exits 1 on a problem."

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path)

    def handle(self, *, file, **options):
        problems = verify(file)
        for problem in problems:
            self.stderr.write(problem)
        if problems:
            raise CommandError(f"{file} does not hold: {len(problems)} problems", returncode=1)
        self.stdout.write(f"{file} holds.\nsha256 {sha256(file)}")
