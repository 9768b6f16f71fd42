"""Appeals: a clock, a reviewer who had no part in it, an outcome with what follows from it."""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.db.models import Count, Q
from django.utils import timezone

from cases.errors import CaseError, NotAllowed
from cases.kinds import WANTED
from cases.models import (
    Appeal,
    Case,
    Decision,
    Enforcement,
    EnforcementItem,
    EvidencePacket,
    Member,
    Share,
    TimelineEvent,
)
from cases.sampling import wilson
from cases.services.judge import correct_label
from cases.services.nudge import after_commit
from cases.services.order_create import locked, move
from cases.services.order_plan import start
from cases.services.reverse import create_reversal, reached_items
from cases.services.timeline import append_event

NAMED = 200  # others by the same evidence that are kept by name

SAME_EVIDENCE = """
SELECT a.external_id FROM ingest_account a WHERE a.id IN (
    SELECT l.account_id
    FROM cases_link mine
    JOIN cases_link l ON l.case_id = mine.case_id AND l.attribute_id = mine.attribute_id
        AND l.account_id <> mine.account_id
    JOIN cases_enforcementitem i ON i.account_id = l.account_id AND i.state = 'done'
    JOIN cases_enforcement e ON e.id = i.enforcement_id AND e.case_id = mine.case_id
        AND e.kind = ANY(%s)
    WHERE mine.case_id = %s AND mine.account_id = %s AND mine.bits IS NOT NULL
) ORDER BY a.external_id
"""


@transaction.atomic
def file_appeal(
    order: Enforcement,
    *,
    account: str,
    text: str,
    actor: User | None,
    filed_at: datetime | None = None,
) -> Appeal:
    """Enter what a customer says against an order. The clock runs from filed_at.

    actor None: it came by a machine. One is open for an account of an order, since an attacker
    files thousands; filed alone it stops no order. Raises CaseError.
    """
    case = locked(order)
    now = timezone.now()
    filed_at = filed_at or now
    if not text.strip():
        raise CaseError("Enter what the customer says.")
    if filed_at > now:
        raise CaseError("It cannot have been filed in the future: check the time.")
    items = order.items.filter(account__external_id=account).select_related("account")
    item = items.filter(state__in=[EnforcementItem.State.DONE, EnforcementItem.State.UNKNOWN])
    item = item.order_by("pk").first()
    if item is None or order.kind not in WANTED or order.kind == Enforcement.Kind.REINSTATE:
        raise CaseError(f"{order.ref} did nothing to {account[:80]} that could be appealed.")
    try:
        with transaction.atomic():
            appeal = Appeal.objects.create(
                order=order, item=item, text=text[:8000], filed_at=filed_at, entered_by=actor,
                due_at=filed_at + timedelta(days=settings.APPEAL_DAYS),
            )  # fmt: skip
    except IntegrityError:
        first = Appeal.objects.get(item=item, decided_at=None)
        raise CaseError(f"{first.ref} of this account is open already: add to that one.") from None
    append_event(
        case,
        TimelineEvent.Kind.APPEAL_FILED,
        actor=actor,
        content={
            "appeal": appeal.ref, "order": order.ref, "account": item.account.external_id,
            "until": appeal.due_at.isoformat(),
        },
    )  # fmt: skip
    return appeal


def conflict_of(appeal: Appeal, user: User) -> str:
    """Why a person may not review an appeal, in words; "" when they had no part in it."""
    order = appeal.order
    if order.requested_by_id == user.pk:
        return f"You asked for {order.ref}"
    if order.reviewed_by_id == user.pk:
        return f"You approved {order.ref}"
    if Decision.objects.filter(case=order.case_id, decided_by=user).exists():
        return f"You decided {order.case.ref}"
    if Member.objects.filter(
        case=order.case_id, account=appeal.item.account_id, verdict_by=user
    ).exists():
        return "You judged this account"
    return ""


@transaction.atomic
def take_appeal(appeal: Appeal, *, actor: User) -> Appeal:
    """Become its reviewer. Raises NotAllowed for whoever had a part in it."""
    case = _locked(appeal)
    if said := conflict_of(appeal, actor):
        raise NotAllowed(f"{said}: another person reviews {appeal.ref}.")
    taken = Appeal.objects.filter(pk=appeal.pk, reviewer=None, decided_at=None).update(
        reviewer=actor, taken_at=timezone.now()
    )
    appeal.refresh_from_db()
    if not taken:
        who = appeal.reviewer.get_full_name() or appeal.reviewer.get_username()
        raise CaseError(f"{appeal.ref} is with {who}. Reload to see it.")
    append_event(
        case,
        TimelineEvent.Kind.APPEAL_TAKEN,
        actor=actor,
        content={"appeal": appeal.ref, "order": appeal.order.ref},
    )
    return appeal


@transaction.atomic
def decide_appeal(appeal: Appeal, *, actor: User, outcome: str, rationale: str) -> Appeal:
    """Grant or deny it. Granted: the account gets its state back, its label becomes "out", and
    shares, packets and others caught by the same evidence are listed and marked.
    """
    case = _locked(appeal)
    if outcome not in Appeal.Outcome.values:
        raise CaseError("An appeal is granted or denied.")
    if not rationale.strip():
        raise CaseError("Say why: the customer and the next reviewer read it.")
    if said := conflict_of(appeal, actor):
        raise NotAllowed(f"{said}: another person reviews {appeal.ref}.")
    if appeal.reviewer_id != actor.pk:
        raise NotAllowed(f"Take {appeal.ref} first: its reviewer decides it.")
    decided = Appeal.objects.filter(pk=appeal.pk, reviewer=actor, decided_at=None).update(
        outcome=outcome, rationale=rationale[:4000], decided_at=timezone.now()
    )
    if not decided:
        raise CaseError(f"{appeal.ref} is decided already. Reload to see it.")
    affected = {}
    if outcome == Appeal.Outcome.GRANTED:
        affected = _affected(appeal)
        restored = _restore(case, appeal, actor)
        Appeal.objects.filter(pk=appeal.pk).update(affected=affected, restored_by=restored)
        correct_label(case, appeal.item.account_id, actor=actor, reason=f"{appeal.ref} granted")
    append_event(
        case,
        TimelineEvent.Kind.APPEAL_DECIDED,
        actor=actor,
        content={
            "appeal": appeal.ref, "order": appeal.order.ref, "outcome": outcome,
            "rationale": rationale, "others": affected.get("others", 0),
        },
    )  # fmt: skip
    appeal.refresh_from_db()
    return appeal


def granted_about(name: str, pk: int) -> list[Appeal]:
    """Granted appeals that a share ("shares") or a packet ("packets") was made before."""
    rows = Appeal.objects.filter(
        outcome=Appeal.Outcome.GRANTED, **{f"affected__{name}__contains": [pk]}
    )
    return list(rows.select_related("order").order_by("pk"))


def overturn_rate(appeals=None) -> dict:
    """decided, granted, and the share of the decided that were granted with its 95 % interval."""
    rows = Appeal.objects.all() if appeals is None else appeals
    counts = rows.aggregate(
        decided=Count("pk", filter=~Q(outcome="")),
        granted=Count("pk", filter=Q(outcome=Appeal.Outcome.GRANTED)),
        open=Count("pk", filter=Q(outcome="")),
        late=Count("pk", filter=Q(outcome="", due_at__lt=timezone.now())),
    )
    if not counts["decided"]:
        return counts | {"share": None, "low": None, "high": None}
    low, high = wilson(counts["granted"], counts["decided"])
    return counts | {"share": counts["granted"] / counts["decided"], "low": low, "high": high}


def _affected(appeal: Appeal) -> dict:
    case, account = appeal.order.case_id, appeal.item.account_id
    with connection.cursor() as cursor:
        cursor.execute(SAME_EVIDENCE, [[k for k in WANTED if k != "reinstate"], case, account])
        names = [name for (name,) in cursor.fetchall()]
    shares = Share.objects.filter(case=case).exclude(state=Share.State.REFUSED)
    packets = EvidencePacket.objects.filter(case=case, sealed_at__isnull=False)
    return {
        "others": len(names),
        "names": names[:NAMED],
        "shares": list(shares.order_by("pk").values_list("pk", flat=True)),
        "packets": list(packets.order_by("pk").values_list("pk", flat=True)),
    }


def _restore(case: Case, appeal: Appeal, actor: User) -> Enforcement | None:
    """The reviewer had no part in the order: their word is the second person's."""
    order = appeal.order
    if order.connector_id is None:
        return None
    reached = reached_items(order, [appeal.item_id])
    if not reached.exists():
        return None
    back = create_reversal(
        case, order, reached, actor=actor, reason=f"{appeal.ref} was granted.", second_person=False
    )
    move(
        back, [Enforcement.State.REQUESTED], Enforcement.State.RUNNING,
        approved_hash=back.content_hash,
    )  # fmt: skip
    start(back, case)
    after_commit("deliver_due_items")
    return back


def _locked(appeal: Appeal) -> Case:
    case = Case.objects.select_for_update().get(pk=appeal.order.case_id)
    appeal.refresh_from_db()
    return case
