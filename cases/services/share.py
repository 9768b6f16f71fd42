"""Sharing a case: prepared by one person, approved by another, and every download recorded."""

import contextlib
import hashlib
import uuid
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from cases.crypto import derive, key_id
from cases.errors import CaseError, NotAllowed
from cases.models import Case, Partner, Share, TimelineEvent
from cases.services.partner import token_key
from cases.services.publish import publish_share, revoke_share
from cases.services.timeline import append_event
from cases.sharing.disclosure import VALID, disclosure, limited
from cases.sharing.stix import build_bundle, campaign_of
from cases.sharing.tlp import wider

State = Share.State


def redaction_preview(case: Case, tlp: str, partner: Partner | None = None) -> list[dict]:
    """Field by field {field, here, leaves, rule, why}: as it is here, and as it leaves."""
    return disclosure(case, tlp, partner.fields if partner else None).rows


def what_each_learns(case: Case, tlp: str) -> list[dict]:
    """Of every partner {partner, refused, rows}: why it may get nothing, or what it would learn."""
    rows = disclosure(case, tlp).rows
    told = []
    for partner in Partner.objects.filter(enabled=True):
        try:
            _refuse_unfit(case, tlp, partner)
            refused = ""
        except CaseError as error:
            refused = str(error)
        told.append({"partner": partner, "refused": refused, "rows": limited(rows, partner.fields)})
    return told


@transaction.atomic
def prepare_share(
    case: Case,
    *,
    actor: User,
    tlp: str,
    partner: Partner | None = None,
    legal_basis: str = "",
) -> Share:
    """Build the bundle that a second person will look at. Raises CaseError when it may not go.

    partner: who gets it, by its policy and under its tokens; None: a file to be handed over.
    """
    case = Case.objects.select_for_update().get(pk=case.pk)
    _refuse_unfit(case, tlp, partner)
    if case.shares.filter(state=State.PREPARED, tlp=tlp, partner=partner).exists():
        raise CaseError(f"A share of {case.ref} at this label waits for approval already.")
    basis = legal_basis.strip() or (partner.legal_basis if partner else "")
    if partner and not basis:
        raise CaseError(f"Legal basis: say on which agreement {partner} is told.")
    found = disclosure(case, tlp, partner.fields if partner else None)
    bundle_id = f"bundle--{uuid.uuid4()}"
    days = timedelta(days=partner.keep_days) if partner else VALID
    now = timezone.now()
    text = build_bundle(
        found,
        sender_name=settings.ORGANISATION,
        tlp=tlp,
        bundle_id=bundle_id,
        secret=token_key(partner) if partner else derive(f"share {bundle_id}"),
        epoch=partner.epoch if partner else None,
        legal_basis=basis,
        valid=days,
        now=now,
        campaign=_campaign_before(case, partner),
    )
    share = Share.objects.create(
        case=case,
        partner=partner,
        legal_basis=basis,
        epoch=partner.epoch if partner else None,
        expires_at=now + days,
        tlp=tlp,
        bundle=text,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        prepared_by=actor,
    )
    # with which key the tokens can be made again
    key = {"epoch": share.epoch} if partner else {"token_key": _desk_key()}
    _record(
        share,
        TimelineEvent.Kind.SHARE_PREPARED,
        actor,
        accounts=len(found.accounts),
        legal_basis=basis,
        **key,
    )
    return share


@transaction.atomic
def approve_share(share: Share, *, actor: User) -> Share:
    """A second person lets the bundle leave, as it was prepared."""
    case = Case.objects.select_for_update().get(pk=share.case_id)
    if share.prepared_by_id == actor.pk:
        raise NotAllowed("You prepared this share: another person approves it.")
    _refuse_unfit(case, share.tlp, share.partner)
    _review(share, actor, State.APPROVED)
    _record(share, TimelineEvent.Kind.SHARE_APPROVED, actor)
    if share.partner:
        before = case.shares.filter(partner=share.partner, state=State.APPROVED)
        before = list(before.exclude(pk=share.pk))
        publish_share(share, actor=actor)
        for older in before:
            _end(older, actor, State.RECALLED, f"S-{share.pk} took its place")
    return share


@transaction.atomic
def recall_share(share: Share, *, actor: User, reason: str) -> Share:
    """Take back what is out: its objects are revoked wherever the partner finds them."""
    Case.objects.select_for_update().get(pk=share.case_id)
    if not reason.strip():
        raise CaseError("Reason: say why it is taken back.")
    _end(share, actor, State.RECALLED, reason.strip()[:300])
    return share


def end_shares() -> int:
    """The sweep: shares that have expired, or whose case was found benign. How many ended."""
    standing = Share.objects.filter(state=State.APPROVED)
    due = standing.filter(
        Q(expires_at__lte=timezone.now()) | Q(case__verdict=Case.Verdict.BENIGN)
    ).order_by("pk")
    ended = 0
    for share in due.select_related("case", "partner")[:500]:
        benign = share.case.verdict == Case.Verdict.BENIGN
        with transaction.atomic(), contextlib.suppress(CaseError):  # another was faster
            Case.objects.select_for_update().get(pk=share.case_id)
            if benign:
                _end(share, None, State.RECALLED, "the case was found benign")
            else:
                _end(share, None, State.EXPIRED, "its time is over")
            ended += 1
    return ended


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
    if share.state == State.APPROVED and share.expires_at and share.expires_at <= timezone.now():
        raise CaseError("This share has expired: it may not leave any more.")
    if share.state != State.APPROVED:
        raise CaseError(f"This share is {share.get_state_display()}: it may not leave.")
    _record(share, TimelineEvent.Kind.SHARE_DOWNLOADED, actor, form=form)
    return share.bundle


def _end(share: Share, actor: User | None, state: str, reason: str) -> None:
    moved = Share.objects.filter(pk=share.pk, state=State.APPROVED).update(
        state=state, ended_by=actor, ended_at=timezone.now(), end_reason=reason
    )
    share.refresh_from_db()
    if not moved:
        raise CaseError(f"This share is {share.get_state_display()}: there is nothing to recall.")
    expired = state == State.EXPIRED
    kind = TimelineEvent.Kind.SHARE_EXPIRED if expired else TimelineEvent.Kind.SHARE_RECALLED
    _record(share, kind, actor, reason=reason)
    if share.partner:
        revoke_share(share, actor=actor)


def _campaign_before(case: Case, partner: Partner | None) -> dict | None:
    """The campaign of the newest share that stands, unless this partner saw it taken back."""
    standing = case.shares.filter(state=State.APPROVED).order_by("-pk").first()
    found = campaign_of(standing.bundle) if standing else None
    if found and partner:
        gone = case.shares.filter(partner=partner, state__in=[State.RECALLED, State.EXPIRED])
        still = case.shares.filter(partner=partner, state=State.APPROVED)
        if gone.filter(bundle__contains=found["id"]).exists() and not still.exists():
            return None
    return found


def _desk_key() -> str:
    return key_id(settings.ENCRYPTION_KEYS[0]).hex()


def _refuse_unfit(case: Case, tlp: str, partner: Partner | None = None) -> None:
    if tlp not in Case.TLP.values:
        raise CaseError("The label must be one of TLP 2.0.")
    if wider(tlp, case.tlp):
        raise CaseError(
            f"{case.ref} is {Case.TLP(case.tlp).label}: it may not go to the wider audience of "
            f"{Case.TLP(tlp).label}."
        )
    if case.verdict == Case.Verdict.BENIGN:
        raise CaseError(f"{case.ref} was found benign: nothing about it is shared.")
    if partner and not partner.enabled:
        raise CaseError(f"{partner} is switched off: nothing goes to it.")
    if partner and wider(partner.clearance, tlp):
        raise CaseError(
            f"{partner} may be sent {Case.TLP(partner.clearance).label} and wider, not "
            f"{Case.TLP(tlp).label}."
        )


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
        content={
            "share": share.pk,
            "tlp": share.tlp,
            "sha256": share.sha256,
            **({"partner": share.partner.slug} if share.partner else {}),
            **more,
        },
    )
