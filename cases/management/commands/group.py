import sys

from django.core.management.base import BaseCommand

from cases.services.group import group_new_signals


class Command(BaseCommand):
    help = "Groups new signals into cases and prints what changed. A second run changes nothing."

    def add_arguments(self, parser):
        parser.add_argument(
            "--full",
            action="store_true",
            help="group what is new, then everything from scratch, and print what differs: nothing,"
            " within a census. Exit code 1 if anything does.",
        )

    def handle(self, *args, full, **options):
        run = group_new_signals()
        if run is not None:
            self._tell(run)
        elif not full:
            self.stdout.write("Nothing new, or another worker is grouping.")
        if full:
            again = group_new_signals(full=True)
            if again is None:
                self.stderr.write("Another worker is grouping. Try again when it has finished.")
                sys.exit(2)
            self._tell(again)
            self._compare(again.report.get("difference"))

    def _tell(self, run):
        report = run.report
        seconds = (run.finished_at - run.started_at).total_seconds()
        self.stdout.write(
            f"{run.signals:,} signals about {run.accounts:,} accounts: {report['clusters']:,} cases"
            f" {'in all' if run.whole else 'touched'}, {len(report['opened']):,} opened, "
            f"{len(report['changed']):,} changed; "
            f"{report['joined']:,} members joined, {report['left']:,} left; {seconds:.1f} s"
        )
        for ref in report["opened"]:
            self.stdout.write(f"  {ref} opened")
        for ref in report["changed"]:
            into = report["merged"].get(ref)
            self.stdout.write(f"  {ref} " + (f"merged into {into}" if into else "changed"))
        for reason, count in sorted(report["refused"].items()):
            self.stdout.write(f"  no case, {count:,} times: {reason}")

    def _compare(self, difference):
        if difference is None:
            self.stdout.write("A new census began: there is nothing to compare with.")
            return
        for ref, counts in difference.items():
            said = ", ".join(f"{count:,} {word}" for word, count in counts.items() if count)
            self.stdout.write(f"  {ref} differs: {said}")
        if difference:
            sys.exit(1)
        self.stdout.write("No difference from scratch.")
