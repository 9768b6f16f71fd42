"""Standing authorisations: two people approve in advance what a pool's successors meet.

Pools fail over within hours. Limit or verify only, above a stated strength of the tie, with a cap
on heads and an end; a suspension is never approved in advance (the database refuses it too).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.utils import timezone

from cases.errors import CaseError, NotAllowed
from cases.kinds import STANDING, clean_parameters
from cases.models import (
    Case,
    Connector,
    Enforcement,
    EnforcementItem,
    Member,
    Operator,
    StandingAuthorisation,
    TimelineEvent,
)
from cases.services.blast_radius import preview
from cases.services.hearsay import rests_on_hearsay
from cases.services.nudge import after_commit
from cases.services.order_create import create_order, move
from cases.services.order_fit import TEXT_BYTES
from cases.services.order_plan import start
from cases.services.targets import Choice, chosen_members, rows_of
from cases.services.timeline import append_event

State = StandingAuthorisation.State
LONGEST = timedelta(days=90)
NO_TIE = ("prior", "held", "partner")  # bars that say nothing of what a successor took up


@transaction.atomic
def propose_authorisation(
    operator: Operator,
    *,
    actor: User,
    kind: str,
    connector: Connector,
    least_bits: float,
    most_accounts: int,
    ends_at: datetime,
    lasts_hours: int,
    reason: str,
    notice: str = "",
    parameters: Mapping | None = None,
) -> StandingAuthorisation:
    """Ask that successors of an operator's waves are limited or asked to verify by themselves."""
    now = timezone.now()
    if kind not in STANDING:
        raise CaseError("Only a limit or a verification is approved in advance, never more.")
    if not reason.strip():
        raise CaseError("Say why it may act before anybody looks.")
    if len(reason.encode()) + len(notice.encode()) > TEXT_BYTES:
        raise CaseError("Reason and notice are too long for the connector: shorten them.")
    if not 0 < least_bits <= 100:
        raise CaseError("The least strength of a tie is more than 0 and at most 100 bits.")
    if not 1 <= most_accounts <= 10_000:
        raise CaseError("It may reach from 1 to 10,000 accounts in all.")
    if not now < ends_at <= now + LONGEST:
        raise CaseError("It ends within 90 days.")
    if not 1 <= lasts_hours <= 24 * 90:
        raise CaseError("Each of its orders lasts from an hour to 90 days.")
    if not connector.enabled:
        raise CaseError(f"{connector} is switched off: choose another.")
    try:
        parameters = clean_parameters(kind, parameters or {})
    except ValueError as error:
        raise CaseError(str(error)) from None
    asked = StandingAuthorisation.objects.create(
        operator=operator, kind=kind, connector=connector, parameters=parameters,
        least_bits=least_bits, most_accounts=most_accounts, ends_at=ends_at,
        lasts_hours=lasts_hours, reason=reason, notice=notice, proposed_by=actor,
    )  # fmt: skip
    _tell(asked, TimelineEvent.Kind.AUTHORISATION_PROPOSED, actor, reason)
    return asked


@transaction.atomic
def approve_authorisation(asked: StandingAuthorisation, *, actor: User) -> StandingAuthorisation:
    """A second person lets it stand."""
    if asked.proposed_by_id == actor.pk:
        raise NotAllowed(f"You proposed {asked.ref}: another person approves it.")
    if asked.ends_at <= timezone.now():
        raise CaseError(f"The end of {asked.ref} has passed: propose it anew.")
    _move(asked, [State.PROPOSED], State.STANDING, reviewed_by=actor, reviewed_at=timezone.now())
    _tell(asked, TimelineEvent.Kind.AUTHORISATION_APPROVED, actor, "")
    return asked


@transaction.atomic
def refuse_authorisation(
    asked: StandingAuthorisation, *, actor: User, reason: str
) -> StandingAuthorisation:
    if asked.proposed_by_id == actor.pk:
        raise NotAllowed(f"You proposed {asked.ref}: end it instead.")
    if not reason.strip():
        raise CaseError("Say why it is refused.")
    _move(asked, [State.PROPOSED], State.REFUSED, reviewed_by=actor, reviewed_at=timezone.now())
    _tell(asked, TimelineEvent.Kind.AUTHORISATION_REFUSED, actor, reason)
    return asked


@transaction.atomic
def end_authorisation(
    asked: StandingAuthorisation, *, actor: User, reason: str
) -> StandingAuthorisation:
    """Anybody who may act ends it, alone and at once. Its orders run on and lapse."""
    if not reason.strip():
        raise CaseError("Say why it ends.")
    _move(
        asked, [State.PROPOSED, State.STANDING], State.ENDED,
        ended_by=actor, ended_at=timezone.now(),
    )  # fmt: skip
    _tell(asked, TimelineEvent.Kind.AUTHORISATION_ENDED, actor, reason)
    return asked


def act_on_authorisations() -> list[Enforcement]:
    """The sweep: order what is approved in advance for successors in waves that opened since.

    A wave whose case was found benign, and members judged, protected, aggregate, reinstated by
    others or ordered upon already stay out.
    """
    made = []
    standing = StandingAuthorisation.objects.filter(
        state=State.STANDING, ends_at__gt=timezone.now(), used__lt=F("most_accounts"),
        connector__enabled=True,
    ).order_by("pk")  # fmt: skip
    for one in standing:
        waves = Case.objects.filter(
            operator=one.operator_id, predecessor__isnull=False, merged_into=None,
            opened_at__gt=one.reviewed_at,
        ).exclude(verdict__in=[Case.Verdict.BENIGN, Case.Verdict.OTHER_ABUSE])  # fmt: skip
        for wave in waves.order_by("pk"):
            order = _act(one.pk, wave.pk)
            made += [order] if order else []
    return made


@transaction.atomic
def _act(authorisation: int, wave: int) -> Enforcement | None:
    case = Case.objects.select_for_update().get(pk=wave)
    one = StandingAuthorisation.objects.select_for_update().get(pk=authorisation)
    left = one.most_accounts - one.used
    if one.state != State.STANDING or one.ends_at <= timezone.now() or left <= 0:
        return None
    if rests_on_hearsay(case):
        return None
    names = _successors(case, one)[:left]
    if not names:
        return None
    # bound to names, so that nobody who joins later slips in; aggregates were left out above
    choice = Choice(by="selection", accounts=tuple(names))
    members = chosen_members(case, one.kind, choice)
    radius = preview(case, kind=one.kind, choice=choice)
    if not radius["targets"]:
        return None
    order = create_order(
        case, rows_of(members, choice), radius,
        actor=one.proposed_by, kind=one.kind, connector=one.connector,
        selection={"by": "authorisation", "named": len(names)}, parameters=one.parameters,
        reason=f"{one.reason} ({one.ref}, approved in advance)"[:2000], notice=one.notice,
        expires_at=timezone.now() + timedelta(hours=one.lasts_hours), authorisation=one,
    )  # fmt: skip
    move(
        order, [Enforcement.State.REQUESTED], Enforcement.State.RUNNING, one.reviewed_by,
        f"approved in advance by {one.ref}", approved_hash=order.content_hash,
    )  # fmt: skip
    StandingAuthorisation.objects.filter(pk=one.pk).update(used=F("used") + radius["targets"])
    due = start(order, case)
    append_event(
        case,
        TimelineEvent.Kind.ENFORCEMENT_APPROVED,
        actor=one.reviewed_by,
        content={
            "order": order.ref, "kind": order.kind, "accounts": due, "skipped": 0,
            "note": f"approved in advance by {one.ref}", "hash": order.content_hash,
        },
    )  # fmt: skip
    after_commit("deliver_due_items")
    return order


def _successors(case: Case, one: StandingAuthorisation) -> list[str]:
    """External ids of members whose tie is strong enough, strongest first."""
    ordered = EnforcementItem.objects.filter(
        account=OuterRef("account"), enforcement__connector=one.connector_id
    ).exclude(state__in=[EnforcementItem.State.SKIPPED, EnforcementItem.State.FAILED])
    members = chosen_members(case, one.kind, Choice(tiers=tuple(Member.Tier.values)))
    rows = members.exclude(Exists(ordered)).values_list("account__external_id", "evidence")
    strong = [(tie_bits(evidence), name) for name, evidence in rows]
    return [
        name
        for bits, name in sorted(strong, key=lambda row: (-row[0], row[1]))
        if bits >= one.least_bits
    ]


def tie_bits(evidence: list[dict]) -> float:
    """What a member is tied by, in bits: everything that speaks for it but the prior."""
    return sum(
        bar["bits"]
        for bar in evidence
        if bar.get("family") not in NO_TIE and bar.get("bits", 0) > 0
    )


def _move(asked: StandingAuthorisation, from_states, to_state: str, **fields) -> None:
    moved = StandingAuthorisation.objects.filter(pk=asked.pk, state__in=from_states).update(
        state=to_state, **fields
    )
    asked.refresh_from_db()
    if not moved:
        raise CaseError(f"{asked.ref} is {asked.get_state_display()} already. Reload to see it.")


def _tell(asked: StandingAuthorisation, kind: TimelineEvent.Kind, actor: User, reason: str):
    """On the newest case of the operator, where people look."""
    case = Case.objects.filter(operator=asked.operator_id, merged_into=None).order_by("pk").last()
    if case is None:
        return
    append_event(
        case,
        kind,
        actor=actor,
        content={
            "authorisation": asked.ref, "kind": asked.kind, "accounts": asked.most_accounts,
            "reason": reason,
        },
    )  # fmt: skip
