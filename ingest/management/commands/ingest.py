import itertools
import re

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from ingest.files import BadFile, SignalFile
from ingest.models import Batch, Detector
from ingest.services import record_signals
from ingest.wire import decode_record

BATCH = 2000
PROBLEMS_SHOWN = 10


class Command(BaseCommand):
    help = (
        "Store files of signals: .jsonl, .csv or .parquet, each also .gz or .zst. They go the "
        "same way as the API, in transactions of 2,000 records. A file that was broken off goes "
        "on after its last stored batch; nothing is stored twice. Ends with 1 when a record was "
        "rejected (it is kept: manage.py replay_rejections) and with 2 when a file could not be "
        "read. docs/detectors.md has the format."
    )

    def add_arguments(self, parser):
        parser.add_argument("files", nargs="+", metavar="FILE")
        parser.add_argument(
            "--detector",
            metavar="SLUG",
            help="whose signals these are; needed when there are several detectors",
        )

    def handle(self, *, files, detector, **options):
        detector = find_detector(detector)
        rejected = 0
        try:
            for path in files:
                with SignalFile(path) as file:
                    rejected += self.take(file, detector)
        except BadFile as error:
            raise CommandError(str(error), returncode=2) from None
        except KeyboardInterrupt:
            raise CommandError(
                "Stopped. The same command goes on from here.", returncode=130
            ) from None
        if rejected:
            raise CommandError(
                f"{rejected} records were rejected and are kept: mend the cause, then "
                f"manage.py replay_rejections --detector {detector.slug}"
            )

    def take(self, file: SignalFile, detector: Detector) -> int:
        """Store one file from where it was left. Returns how many records were rejected."""
        name, digest = file.path.name[-150:], file.digest()
        done = records_stored(detector, digest)
        if done:
            self.stdout.write(f"{name}: goes on after record {done:,}, which is stored already")
        stored = repeated = rejected = 0
        records = file.records(skip=done)
        with tqdm(
            total=file.size, unit="B", unit_scale=True, desc=name[-40:], disable=None
        ) as progress:
            while chunk := list(itertools.islice(records, BATCH)):
                receipt = record_signals(
                    [
                        decode_record(record, number) if isinstance(record, bytes) else record
                        for number, record in chunk
                    ],
                    detector=detector,
                    door=Batch.Door.FILE,
                    source=f"{name}:{digest}:{chunk[-1][0]}",
                )
                stored += receipt.stored
                repeated += receipt.repeated
                for problem in receipt.rejected[: max(0, PROBLEMS_SHOWN - rejected)]:
                    where = f", {problem.field}" if problem.field else ""
                    tqdm.write(
                        f"{name}: record {problem.line}{where}: {problem.reason}",
                        file=self.stderr,
                    )
                rejected += len(receipt.rejected)
                progress.update(min(file.position(), file.size) - progress.n)
        self.stdout.write(
            f"{name}: {stored:,} stored, {repeated:,} repeated, {rejected:,} rejected"
        )
        return rejected


def find_detector(slug: str | None) -> Detector:
    """The detector of this slug, or the only one there is. Raises CommandError."""
    known = list(Detector.objects.filter(enabled=True).order_by("slug"))
    found = [d for d in known if d.slug == slug] if slug else known
    if len(found) == 1:
        return found[0]
    if slug and Detector.objects.filter(slug=slug).exists():
        raise CommandError(f"the detector {slug} is disabled", returncode=2)
    names = ", ".join(d.slug for d in known) or "none"
    problem = f"no detector is called {slug!r}" if slug else "say whose signals: --detector SLUG"
    raise CommandError(
        f"{problem} (there are: {names}); "
        f"manage.py create_detector {slug or 'SLUG'} --family FAMILY makes one",
        returncode=2,
    )


def records_stored(detector: Detector, digest: str) -> int:
    """How many records of the file with this digest are stored: batches of a file follow on."""
    last = (
        Batch.objects.filter(
            detector=detector, door=Batch.Door.FILE, source__contains=f":{digest}:"
        )
        .order_by("-pk")
        .values_list("source", flat=True)
        .first()
    )
    return int(re.search(r":(\d+)$", last)[1]) if last else 0
