from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from ingest.models import Batch, Detector
from ingest.services import replay_rejections, waiting_rejections


class Command(BaseCommand):
    help = (
        "Try again the records that were rejected and wait: after a limit was raised, a clock set "
        "right, a bug mended. What goes through is marked; what does not keeps its newest reason."
    )

    def add_arguments(self, parser):
        parser.add_argument("--detector", metavar="SLUG", help="only this detector's")
        parser.add_argument("--batch", metavar="ID", type=int, help="only this delivery's")

    def handle(self, *, detector, batch, **options):
        if detector and not Detector.objects.filter(slug=detector).exists():
            raise CommandError(f"no detector is called {detector!r}")
        if batch and not Batch.objects.filter(pk=batch).exists():
            raise CommandError(f"there is no delivery {batch}")
        waiting = waiting_rejections(detector=detector, batch=batch)
        with tqdm(total=waiting.count(), unit="record", disable=None) as progress:
            done = replay_rejections(waiting, on_progress=progress.update)
        self.stdout.write(
            f"{done.stored:,} stored, {done.repeated:,} repeated, "
            f"{len(done.problems):,} rejected again"
        )
        for line, problem in list(done.problems.items())[:10]:
            where = f", {problem.field}" if problem.field else ""
            self.stderr.write(f"rejection {line}{where}: {problem.reason}")
