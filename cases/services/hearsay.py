"""What partners told is a reason to look: alone it confirms nothing and orders nothing."""

from cases.errors import CaseError
from cases.models import Case, Member
from ingest.models import Detector, Signal


def rests_on_hearsay(case: Case) -> bool:
    """Whether partners told of its members, and nobody here saw or judged anything by themselves.

    A member that a person of ours judged to belong is our own finding, and so is a signal of any
    detector that is no partner.
    """
    members = Member.objects.current().filter(case=case)
    signals = Signal.objects.counting().filter(account__in=members.values("account"))
    partners = {"detector__family": Detector.Family.PARTNER}
    return (
        signals.filter(**partners).exists()
        and not signals.exclude(**partners).exists()
        and not members.filter(verdict="in").exists()
    )


def refuse_hearsay(case: Case, what: str) -> None:
    """Raises CaseError when the case rests on nothing but what partners told."""
    if rests_on_hearsay(case):
        raise CaseError(
            f"{case.ref} rests on what partners told alone: {what} needs a signal of ours, or a "
            "member that somebody here judged to belong."
        )
