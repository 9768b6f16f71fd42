"""What stands against an order, before it is asked for and again before it runs."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from cases.errors import CaseError
from cases.kinds import HARD, INSIDE, LAPSING, RENEWED
from cases.models import Case, Connector, Enforcement, EnforcementItem, NoticeVersion

Kind, State = Enforcement.Kind, Enforcement.State
TEXT_BYTES = 12_000  # reason and notice together; a webhook's body stays under 20 kB
LONGEST_WINDOW = 7 * 24 * 60  # minutes


def refuse_unfit(
    case: Case,
    kind: str,
    connector: Connector | None,
    *,
    reason: str,
    notice: str,
    expires_at=None,
    window_minutes: int = 0,
    stage_minutes: int = 0,
) -> None:
    """Raise CaseError with the first thing that stands against an order."""
    if kind not in Kind.values:
        raise CaseError(f"{kind[:20]!r} is no kind of action.")
    if kind in INSIDE and connector:
        raise CaseError(f"{Kind(kind).label.capitalize()} leaves the desk by no connector.")
    if kind not in INSIDE and not connector:
        raise CaseError("Choose the connector that carries it out.")
    if not reason.strip():
        raise CaseError("Say why: the reason goes with the order.")
    if len(reason.encode()) + len(notice.encode()) > TEXT_BYTES:
        raise CaseError("Reason and notice are too long for the connector: shorten them.")
    if kind == Kind.CONTACT and not notice.strip():
        raise CaseError("Choose the notice that the customers are sent.")
    refuse_switched_off(connector)
    refuse_by_verdict(case, kind)
    if expires_at and kind not in LAPSING | RENEWED:
        raise CaseError(
            "Only a watch, a verification or a limit ends by itself, and a suspension asks for "
            "renewal: leave the end out."
        )
    if expires_at and expires_at <= timezone.now():
        raise CaseError("The end must lie ahead.")
    if not 0 <= window_minutes <= LONGEST_WINDOW or not 0 <= stage_minutes <= LONGEST_WINDOW:
        raise CaseError("A window and the wait between stages are at most seven days, in minutes.")


def refuse_equal(case: Case, **fields) -> None:
    """An equal order that waits or runs is named instead of doubled."""
    equal = case.enforcements.filter(**fields, state__in=[State.REQUESTED, State.RUNNING]).first()
    if equal:
        raise CaseError(f"{equal.ref} is the same order and {equal.get_state_display()}.")


def refuse_switched_off(connector: Connector | None) -> None:
    if connector and not connector.enabled:
        raise CaseError(f"{connector} is switched off: choose another, or have it switched on.")


def refuse_by_verdict(case: Case, kind: str) -> None:
    if kind in (Kind.REINSTATE, Kind.WATCH):
        return
    if kind in HARD and case.verdict != Case.Verdict.CONFIRMED:
        raise CaseError(
            f"{case.ref} has no confirmed verdict ({case.get_verdict_display()}): "
            "decide it before suspending anybody."
        )
    if case.verdict == Case.Verdict.BENIGN:
        raise CaseError(f"{case.ref} was found benign: reopen it before acting on it.")


def approved_notice(version: NoticeVersion | None, kind: str) -> str:
    """The text of a version of the library. Raises CaseError when it may not be used."""
    if version is None:
        return ""
    if version.approved_at is None or version.notice.retired_at:
        raise CaseError(f"{version} is not approved, or was retired: choose another notice.")
    if kind not in version.notice.kinds:
        raise CaseError(f"{version.notice} is not for this kind of action: choose another.")
    return version.text


def needs_second_person(case: Case, kind: str, targets: int) -> bool:
    """Whether so many targets are above what one person may order alone.

    What was ordered alone on the case within a day counts too: large orders cannot be cut up.
    """
    alone = settings.ORDER_ALONE.get(kind, 0)
    if not alone or targets > alone:
        return True
    lately = EnforcementItem.objects.filter(
        enforcement__case=case,
        enforcement__kind=kind,
        enforcement__second_person=False,
        enforcement__authorisation=None,
        enforcement__reverses=None,
        enforcement__requested_at__gt=timezone.now() - timedelta(days=1),
    )
    return targets + lately.count() > alone
