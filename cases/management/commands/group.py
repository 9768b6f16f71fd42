from django.core.management.base import BaseCommand

from cases.services.group import group_new_signals


class Command(BaseCommand):
    help = "Groups new signals into cases and prints what changed. A second run changes nothing."

    def add_arguments(self, parser):
        parser.add_argument(
            "--full", action="store_true", help="regroup everything, even if nothing is new"
        )

    def handle(self, *args, full, **options):
        run = group_new_signals(full=full)
        if run is None:
            self.stdout.write("Nothing new, or another worker is grouping.")
            return
        report = run.report
        seconds = (run.finished_at - run.started_at).total_seconds()
        self.stdout.write(
            f"{run.signals:,} signals about {run.accounts:,} accounts: {report['clusters']:,} cases"
            f", {len(report['opened']):,} opened, {len(report['changed']):,} changed; "
            f"{report['joined']:,} members joined, {report['left']:,} left; {seconds:.1f} s"
        )
        for ref in report["opened"]:
            self.stdout.write(f"  {ref} opened")
        for ref in report["changed"]:
            into = report["merged"].get(ref)
            self.stdout.write(f"  {ref} " + (f"merged into {into}" if into else "changed"))
        for reason, count in sorted(report["refused"].items()):
            self.stdout.write(f"  no case, {count:,} times: {reason}")
