"""Tips: read, held against what we see, kept, and turned into signals of the family partner."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from cases.errors import CaseError
from cases.models import Case, Member, Partner, Tip
from cases.services.partner import record_exchange
from cases.services.partner_record import weight_of
from cases.tips.observable import TipError
from cases.tips.read import Read, read_tip
from ingest.models import Account, Batch, Detector, Signal
from ingest.services import record_signals
from ingest.wire import AccountRef, Observation

SHOWN = 200
MOST = 5_000  # pairs of account and value that one tip may point at
BYSTANDERS = 0.01  # a value that more of all accounts carry than this points at nobody
HAND = "tips"  # the detector of tips from nobody that we have an agreement with

# accounts by the values that a tip names; template_hash is compared with the hash of our values
FIND = """
WITH told(kind, value) AS (SELECT * FROM unnest(%(kinds)s::text[], %(values)s::text[])),
named AS (
    SELECT a.id AS account_id, t.kind, t.value, NULL::bigint AS carried
    FROM told t JOIN ingest_account a ON t.kind = 'account' AND a.external_id = t.value
    UNION ALL
    SELECT a.id, 'account', a.external_id, NULL
    FROM ingest_account a WHERE a.external_id = ANY(%(words)s)
),
attributes AS (
    SELECT b.id, t.kind, t.value, b.accounts, b.population, b.hub
    FROM told t JOIN ingest_attribute b ON b.kind = t.kind AND b.value = t.value
    UNION ALL
    SELECT b.id, t.kind, t.value, b.accounts, b.population, b.hub
    FROM told t JOIN ingest_attribute b
        ON t.kind = 'template_hash' AND b.kind = 'template'
        AND encode(sha256(convert_to(b.value, 'UTF8')), 'hex') = t.value
),
telling AS (
    SELECT * FROM attributes
    WHERE hub = '' AND (accounts IS NULL OR accounts <= greatest(2, %(share)s * population))
)
SELECT account_id, kind, value FROM named
UNION
SELECT u.account_id, t.kind, t.value
FROM telling t JOIN ingest_attributeuse u ON u.attribute_id = t.id
ORDER BY 1, 2, 3
LIMIT %(most)s
"""
COMMON = """
SELECT t.kind, t.value, b.accounts, b.hub
FROM unnest(%(kinds)s::text[], %(values)s::text[]) AS t(kind, value)
JOIN ingest_attribute b ON b.kind = t.kind AND b.value = t.value
WHERE b.hub <> '' OR b.accounts > greatest(2, %(share)s * b.population)
ORDER BY 1, 2 LIMIT %(most)s
"""


@dataclass(frozen=True)
class Match:
    """An account of ours that a tip points at, by what, and the cases it is in."""

    account: Account
    by: list[tuple[str, str]]
    cases: list[Case]


@dataclass(frozen=True)
class Preview:
    read: Read
    matches: list[Match]
    common: list[tuple[str, str, int | None, str]]  # kind, value, accounts, hub: point at nobody
    weight: float
    known: Tip | None  # the same text from the same source, entered before
    heard: int  # earlier tips of the same root that named one of these accounts


def preview_tip(
    form: str, text: str, *, told_by: str, origin: str = "", partner: Partner | None = None,
    user: User | None = None,
) -> Preview:  # fmt: skip
    """What a tip says and whom of ours it points at; nothing is stored. Raises CaseError.

    user: whose cases may be named; None names none.
    """
    read = _read(form, text)
    matches = _matches(read, user)
    root = origin or read.origin or told_by
    earlier = Tip.objects.filter(state=Tip.State.TAKEN, batch__signals__account__in=[
        one.account for one in matches
    ])  # fmt: skip
    heard = sum(tip.root == root for tip in earlier.distinct().only("origin", "told_by"))
    return Preview(
        read=read,
        matches=matches,
        common=_common(read),
        weight=weight_of(partner),
        known=Tip.objects.filter(sha256=_digest(text), told_by=told_by).first(),
        heard=heard,
    )


@transaction.atomic
def enter_tip(
    form: str, text: str, *, actor: User, title: str, told_by: str, origin: str = "",
    hops: int = 1, tlp: str = Case.TLP.AMBER, seen_at: datetime | None = None,
    partner: Partner | None = None,
) -> Tip:  # fmt: skip
    """Keep a tip, and write a signal for every account that it points at.

    A signal says who told it, who saw it first and over how many hops. The same root through
    another source is kept as a tip, but writes no second signal. Raises CaseError.
    """
    read = _read(form, text)
    if Tip.objects.filter(sha256=_digest(text), told_by=told_by).exists():
        raise CaseError(f"This text from {told_by} was entered before.")
    if hops < 1 or (origin and origin != told_by and hops < 2):
        raise CaseError("hops: 1 is who saw it; one more for each that passed it on.")
    tip = Tip.objects.create(
        form=form,
        title=title or read.title or "untitled",
        partner=partner,
        told_by=told_by,
        origin=(origin or read.origin)[:120],
        hops=hops,
        tlp=tlp,
        seen_at=seen_at or timezone.now(),
        body=text,
        sha256=_digest(text),
        observables=[[one.kind, one.value] for one in read.observables],
        words=read.words,
        problems=read.problems,
        entered_by=actor,
    )
    if partner:
        record_exchange(
            partner, "in", "tip_entered", actor=actor, objects=len(read.observables),
            sha256=tip.sha256, detail={"tip": tip.ref},
        )  # fmt: skip
    return _take(tip, _matches(read, None))


@transaction.atomic
def look_again(tip: Tip, *, actor: User) -> Tip:
    """Hold an open tip against what is seen by now."""
    tip = Tip.objects.select_for_update().get(pk=tip.pk)
    if tip.state != Tip.State.OPEN:
        raise CaseError(f"{tip.ref}: {tip.get_state_display()} already.")
    return _take(tip, _matches(_read(tip.form, tip.body), None))


@transaction.atomic
def set_aside(tip: Tip, *, actor: User, reason: str) -> Tip:
    """Nothing comes of it: with a reason. Raises CaseError when signals were written."""
    moved = Tip.objects.filter(pk=tip.pk, state=Tip.State.OPEN).update(
        state=Tip.State.ASIDE, settled_by=actor, settled_at=timezone.now(), reason=reason[:300]
    )
    tip.refresh_from_db()
    if not moved:
        raise CaseError(f"{tip.ref}: {tip.get_state_display()}. Reload to see it.")
    return tip


def matches_of(tip: Tip, user: User) -> list[Match]:
    """Whom it points at now, as a person may see it."""
    return _matches(_read(tip.form, tip.body), user)


def _take(tip: Tip, matches: list[Match]) -> Tip:
    heard = _heard_of(tip, [one.account for one in matches])
    fresh = [one for one in matches if one.account.pk not in heard]
    if not fresh:
        return tip
    weight = weight_of(tip.partner)
    observations = [
        Observation(
            ref=f"{tip.ref}:{one.account.external_id}"[:200],
            account=AccountRef(
                id=one.account.external_id,
                organisation=one.account.organisation,
                plan=one.account.plan,
                created_at=one.account.created_at,
                is_aggregate=one.account.is_aggregate,
            ),
            window_start=tip.seen_at,
            window_end=tip.seen_at,
            score=weight,
            summary=f"{tip.told_by} told us: {tip.title}"[:500],
            evidence={
                "tip": tip.ref, "told_by": tip.told_by, "origin": tip.root, "hops": tip.hops,
                "tlp": tip.tlp, "kind": one.by[0][0],
                "matched_by": [list(pair) for pair in one.by[:20]], "weight": weight,
            },
            group_key=tip.ref,
        )
        for one in fresh
    ]  # fmt: skip
    receipt = record_signals(
        observations, detector=_detector(tip.partner), door=Batch.Door.FILE, source=tip.ref
    )
    if receipt.rejected:
        problem = receipt.rejected[0]
        raise CaseError(f"{problem.field or 'the tip'}: {problem.reason}")
    tip.batch, tip.state = receipt.batch, Tip.State.TAKEN
    tip.save(update_fields=["batch", "state"])
    return tip


def _heard_of(tip: Tip, accounts: list[Account]) -> set[int]:
    """Accounts that a signal of the same root named before, through whomever."""
    return set(
        Signal.objects.filter(
            account__in=accounts,
            detector__family=Detector.Family.PARTNER,
            evidence__origin=tip.root,
        ).values_list("account", flat=True)
    )


def _detector(partner: Partner | None) -> Detector:
    if partner:
        return partner.detector
    return Detector.objects.get_or_create(
        slug=HAND, defaults={"name": "Tips by hand", "family": Detector.Family.PARTNER}
    )[0]


def _read(form: str, text: str) -> Read:
    if form not in Tip.Form.values:
        raise CaseError(f"form: must be one of {', '.join(Tip.Form.values)}.")
    try:
        return read_tip(form, text)
    except TipError as error:
        raise CaseError(str(error)) from None


def _matches(read: Read, user: User | None) -> list[Match]:
    """In three queries, however many values the tip names."""
    by: dict[int, list[tuple[str, str]]] = {}
    rows = _rows(FIND, read, MOST + 1)
    if len(rows) > MOST:
        raise CaseError(f"It points at more than {MOST:,} accounts: leave out what many share.")
    for account, kind, value in rows:
        by.setdefault(account, []).append((kind, value))
    accounts = Account.objects.filter(pk__in=by).order_by("external_id")
    cases: dict[int, list[Case]] = {}
    if user is not None:
        members = Member.objects.current().filter(
            account__in=by, case__in=Case.objects.visible_to(user)
        )
        for member in members.select_related("case").order_by("case__number"):
            cases.setdefault(member.account_id, []).append(member.case)
    return [Match(one, by[one.pk], cases.get(one.pk, [])) for one in accounts]


def _common(read: Read) -> list[tuple]:
    return _rows(COMMON, read, SHOWN)


def _rows(query: str, read: Read, most: int) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(
            query,
            {
                "kinds": [one.kind for one in read.observables],
                "values": [one.value for one in read.observables],
                "words": read.words,
                "share": BYSTANDERS,
                "most": most,
            },
        )
        return cursor.fetchall()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
