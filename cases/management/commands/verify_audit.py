from django.core.management.base import BaseCommand, CommandError

from cases.models import Case, EvidencePacket
from cases.services.timeline import broken_links


class Command(BaseCommand):
    help = "Walk every case's timeline chain, and hold it against the sealed packets; 1 on a break."

    def handle(self, **options):
        problems, cases = [], 0
        for case in Case.objects.order_by("pk").iterator():
            problems += broken_links(case)
            problems += self.packets(case)
            cases += 1
        for problem in problems:
            self.stderr.write(problem)
        if problems:
            raise CommandError(f"{len(problems)} problems in {cases} timelines", returncode=1)
        self.stdout.write(f"{cases} timelines hold.")

    def packets(self, case: Case) -> list[str]:
        """A chain that was rewritten from some event on no longer meets what was sealed before."""
        events = dict(case.events.values_list("seq", "hash"))
        return [
            f"{case.ref} event {packet.chain_seq}: differs from the packet sealed on "
            f"{packet.sealed_at:%d %b %Y %H:%M} UTC"
            for packet in EvidencePacket.objects.filter(case=case, sealed_at__isnull=False)
            if events.get(packet.chain_seq) != packet.chain_head
        ]
