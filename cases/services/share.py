"""Sharing a case: prepared by one person, approved by another, and every download recorded."""

import hashlib
import uuid

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from cases.crypto import derive, key_id
from cases.errors import CaseError, NotAllowed
from cases.models import Case, Share, TimelineEvent
from cases.services.timeline import append_event
from cases.sharing.disclosure import disclosure
from cases.sharing.stix import build_bundle, campaign_of
from cases.sharing.tlp import wider

State = Share.State


def redaction_preview(case: Case, tlp: str) -> list[dict]:
    """Field by field {field, here, leaves, rule, why}: as it is here, and as it leaves."""
    return disclosure(case, tlp).rows


@transaction.atomic
def prepare_share(case: Case, *, actor: User, tlp: str) -> Share:
    """Build the bundle that a second person will look at. Raises CaseError when it may not go."""
    case = Case.objects.select_for_update().get(pk=case.pk)
    _refuse_unfit(case, tlp)
    if case.shares.filter(state=State.PREPARED, tlp=tlp).exists():
        raise CaseError(f"A share of {case.ref} at this label waits for approval already.")
    found = disclosure(case, tlp)
    bundle_id = f"bundle--{uuid.uuid4()}"
    earlier = case.shares.filter(state=State.APPROVED).order_by("pk").first()
    text = build_bundle(
        found,
        sender_name=settings.ORGANISATION,
        tlp=tlp,
        bundle_id=bundle_id,
        secret=derive(f"share {bundle_id}"),
        now=timezone.now(),
        campaign=campaign_of(earlier.bundle) if earlier else None,
    )
    share = Share.objects.create(
        case=case,
        tlp=tlp,
        bundle=text,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        prepared_by=actor,
    )
    _record(
        share,
        TimelineEvent.Kind.SHARE_PREPARED,
        actor,
        accounts=len(found.accounts),
        # with which key the share's secret can be derived again
        token_key=key_id(settings.ENCRYPTION_KEYS[0]).hex(),
    )
    return share


@transaction.atomic
def approve_share(share: Share, *, actor: User) -> Share:
    """A second person lets the bundle leave, as it was prepared."""
    case = Case.objects.select_for_update().get(pk=share.case_id)
    if share.prepared_by_id == actor.pk:
        raise NotAllowed("You prepared this share: another person approves it.")
    _refuse_unfit(case, share.tlp)
    _review(share, actor, State.APPROVED)
    _record(share, TimelineEvent.Kind.SHARE_APPROVED, actor)
    return share


@transaction.atomic
def refuse_share(share: Share, *, actor: User) -> Share:
    """A second person keeps the bundle here."""
    Case.objects.select_for_update().get(pk=share.case_id)  # case first, as everywhere
    if share.prepared_by_id == actor.pk:
        raise NotAllowed("You prepared this share: another person reviews it.")
    _review(share, actor, State.REFUSED)
    _record(share, TimelineEvent.Kind.SHARE_REFUSED, actor)
    return share


@transaction.atomic
def record_download(share: Share, *, actor: User, form: str = "STIX 2.1") -> str:
    """Write down who took the bundle, and give its text. Raises CaseError before approval.

    form: what the text becomes before it leaves.
    """
    share.refresh_from_db()
    if share.state != State.APPROVED:
        raise CaseError(f"This share is {share.get_state_display()}: it may not leave.")
    _record(share, TimelineEvent.Kind.SHARE_DOWNLOADED, actor, form=form)
    return share.bundle


def _refuse_unfit(case: Case, tlp: str) -> None:
    if tlp not in Case.TLP.values:
        raise CaseError("The label must be one of TLP 2.0.")
    if wider(tlp, case.tlp):
        raise CaseError(
            f"{case.ref} is {Case.TLP(case.tlp).label}: it may not go to the wider audience of "
            f"{Case.TLP(tlp).label}."
        )
    if case.verdict == Case.Verdict.BENIGN:
        raise CaseError(f"{case.ref} was found benign: nothing about it is shared.")


def _review(share: Share, actor: User, state: str) -> None:
    moved = Share.objects.filter(pk=share.pk, state=State.PREPARED).update(
        state=state, reviewed_by=actor, reviewed_at=timezone.now()
    )
    share.refresh_from_db()
    if not moved:
        raise CaseError(f"This share is {share.get_state_display()} already. Reload to see it.")


def _record(share: Share, kind: TimelineEvent.Kind, actor: User, **more) -> None:
    append_event(
        share.case,
        kind,
        actor=actor,
        content={"share": share.pk, "tlp": share.tlp, "sha256": share.sha256, **more},
    )
