"""What partners sent and was checked, held against what we see: matches become signals.

A signal of the family partner says who told it, whose finding it is and over how many hops. Whom
the same root named before, through whomever, gets no second one.
"""

import hashlib
import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

from cases.models import Collection, Partner, SharedObject
from cases.services.partner import record_exchange, token_key
from cases.services.partner_record import weight_of
from cases.sharing.extension import read_extension
from cases.sharing.patterns import told_by
from cases.sharing.stixcheck import moment
from cases.sharing.tlp import label_of
from ingest.models import Account, Batch, Detector, Signal
from ingest.services import record_signals
from ingest.wire import AccountRef, Observation

log = logging.getLogger(__name__)

PIECE = 500  # objects in one transaction
MOST = 20_000  # accounts that one piece may point at
BYSTANDERS = 0.01  # a value that more of all accounts carry than this points at nobody
LOCK = 7_319_004  # two partners must not tell the same root in the same moment

# HMAC-SHA256 (RFC 2104) in SQL, so that no identifier leaves the database to be compared
TOKEN = """encode(sha256(
    %(outer)s || sha256(%(inner)s || convert_to('{kind}:' || {value}, 'UTF8'))
), 'hex')"""
FIND = f"""
WITH told(kind, value) AS (SELECT * FROM unnest(%(kinds)s::text[], %(values)s::text[])),
accounts AS (
    SELECT a.id AS account_id, t.kind, t.value
    FROM ingest_account a JOIN told t ON t.kind = 'account'
        AND t.value = {TOKEN.format(kind="account", value="a.external_id")}
    WHERE %(tokens)s
),
attributes AS (
    SELECT b.id, t.kind, t.value
    FROM told t JOIN ingest_attribute b ON (
        (t.kind = 'ip' AND b.kind = 'ip' AND b.value = t.value)
        OR (t.kind = 'template_hash' AND b.kind = 'template'
            AND encode(sha256(convert_to(b.value, 'UTF8')), 'hex') = t.value)
        OR (t.kind = 'payment' AND b.kind = 'payment'
            AND {TOKEN.format(kind="payment", value="b.value")} = t.value)
    )
    WHERE b.hub = ''
        AND (b.accounts IS NULL OR b.accounts <= greatest(2, %(share)s * b.population))
)
SELECT account_id, kind, value FROM accounts
UNION
SELECT u.account_id, t.kind, t.value
FROM attributes t JOIN ingest_attributeuse u ON u.attribute_id = t.id
ORDER BY 1, 2, 3 LIMIT %(most)s
"""


@dataclass(frozen=True)
class Told:
    """One object's claim: whose finding, how far it came, and what values it names."""

    stix_id: str
    root: str
    hops: int
    epoch: int
    tlp: str
    confidence: int | None
    seen_at: datetime
    values: tuple[tuple[str, str], ...]


def read_arrivals() -> int:
    """The sweep: every object that came in and was not read. How many signals were written."""
    inboxes = SharedObject.objects.filter(
        read_at=None, removed_at=None, collection__way=Collection.Way.IN
    )
    written = 0
    for pk in inboxes.values_list("collection", flat=True).distinct()[:1000]:
        try:
            while (more := _read_piece(pk)) is not None:
                written += more
        except Exception:  # one partner's objects must not keep the others' waiting
            log.exception("objects of collection %s", pk)
    return written


@transaction.atomic
def _read_piece(collection_pk) -> int | None:
    """Signals written for the next objects of one collection; None: nothing was left."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    rows = list(
        SharedObject.objects.filter(collection=collection_pk, read_at=None, removed_at=None)
        .select_related("collection__partner__detector")
        .order_by("pk")[:PIECE]
    )
    if not rows:
        return None
    partner = rows[0].collection.partner
    SharedObject.objects.filter(pk__in=[row.pk for row in rows]).update(read_at=timezone.now())
    bodies = [json.loads(row.body) for row in rows]
    _note_revoked(partner, bodies)
    told = [one for body in bodies if (one := claim_of(body)) is not None]
    return _write(partner, told)


def claim_of(body: Mapping) -> Told | None:
    """What an indicator claims, if it still does and names values; None for all else."""
    if body["type"] != "indicator" or body.get("revoked") or body.get("pattern_type") != "stix":
        return None
    until = moment(body.get("valid_until"))
    if until is not None and until <= timezone.now():
        return None
    values = told_by(body["pattern"])
    if not values:
        return None
    ours = read_extension(body)
    root, hops, epoch = ours.get("root_ref"), ours.get("hops"), ours.get("token_epoch")
    return Told(
        stix_id=body["id"],
        root=root if isinstance(root, str) and 0 < len(root) <= 140 else body["id"],
        hops=(hops if isinstance(hops, int) and 0 <= hops < 100 else 0) + 1,
        epoch=epoch if isinstance(epoch, int) and 0 < epoch < 2**31 else 0,
        tlp=label_of(body.get("object_marking_refs")),
        confidence=body.get("confidence"),
        seen_at=moment(body["valid_from"]) or timezone.now(),
        values=tuple(values),
    )


def _write(partner: Partner, told: list[Told]) -> int:
    observations = []
    claimed: set[tuple[str, int]] = set()
    weight = weight_of(partner)
    for epoch, claims in _by_epoch(partner, told).items():
        by_value = _matches(partner, epoch, {value for one in claims for value in one.values})
        accounts = _accounts({pk for found in by_value.values() for pk in found})
        heard = _heard(accounts, {one.root for one in claims})
        ours = _ours({one.root for one in claims})
        for one in claims:
            if one.root in ours:
                continue
            by: dict[int, list[tuple[str, str]]] = defaultdict(list)
            for value in one.values:
                for pk in by_value.get(value, ()):
                    by[pk].append(value)
            for pk, matched in by.items():
                if (one.root, pk) in heard or (one.root, pk) in claimed:
                    continue
                claimed.add((one.root, pk))
                observations.append(_observation(partner, one, accounts[pk], matched, weight))
    if not observations:
        return 0
    receipt = record_signals(
        observations, detector=partner.detector, door=Batch.Door.API, source=f"taxii {partner.slug}"
    )
    record_exchange(
        partner, "in", "signals_written", actor=None, objects=receipt.stored,
        detail={"batch": receipt.batch.pk, "rejected": len(receipt.rejected)},
    )  # fmt: skip
    return receipt.stored


def _by_epoch(partner: Partner, told: list[Told]) -> dict[int, list[Told]]:
    """Claims by the epoch of their tokens: the present one and the one before are tried."""
    found: dict[int, list[Told]] = defaultdict(list)
    for one in told:
        known = one.epoch in (partner.epoch, partner.epoch - 1) and one.epoch
        found[one.epoch if known else partner.epoch].append(one)
    return found


def _matches(
    partner: Partner, epoch: int, values: set[tuple[str, str]]
) -> dict[tuple[str, str], list[int]]:
    """Keys of our accounts by the value that points at them."""
    pairs = sorted(values)
    key = token_key(partner, epoch).ljust(64, b"\0")
    with connection.cursor() as cursor:
        cursor.execute(
            FIND,
            {
                "kinds": [kind for kind, _ in pairs],
                "values": [value for _, value in pairs],
                "tokens": any(kind == "account" for kind, _ in pairs),
                "inner": bytes(one ^ 0x36 for one in key),
                "outer": bytes(one ^ 0x5C for one in key),
                "share": BYSTANDERS,
                "most": MOST,
            },
        )
        found: dict[tuple[str, str], list[int]] = defaultdict(list)
        for pk, kind, value in cursor.fetchall():
            found[kind, value].append(pk)
    return found


def _accounts(keys: Iterable[int]) -> dict:
    return Account.objects.in_bulk(keys)


def _heard(accounts: Mapping, roots: set[str]) -> set[tuple[str, int]]:
    """(root, account) pairs that a signal told before, through whomever."""
    return set(
        Signal.objects.filter(
            account__in=list(accounts),
            detector__family=Detector.Family.PARTNER,
            evidence__origin__in=sorted(roots),
        ).values_list("evidence__origin", "account")
    )


def _ours(roots: set[str]) -> set[str]:
    """Roots that we told ourselves: they came back, and say nothing new."""
    return set(
        SharedObject.objects.filter(
            collection__way=Collection.Way.OUT, stix_id__in=sorted(roots)
        ).values_list("stix_id", flat=True)
    )


def _observation(
    partner: Partner, one: Told, account: Account, matched: list, weight: float
) -> Observation:
    sure = weight if one.confidence is None else weight * one.confidence / 100
    who = hashlib.sha256(account.external_id.encode()).hexdigest()[:24]
    return Observation(
        ref=f"{one.root}|{who}",
        account=AccountRef(
            id=account.external_id,
            organisation=account.organisation,
            plan=account.plan,
            created_at=account.created_at,
            is_aggregate=account.is_aggregate,
        ),
        window_start=one.seen_at,
        window_end=one.seen_at,
        score=round(sure, 4),
        summary=f"{partner.name} shared a campaign that this account matches"[:500],
        evidence={
            "told_by": partner.name, "origin": one.root, "root": one.root, "hops": one.hops,
            "object": one.stix_id, "tlp": one.tlp, "kind": matched[0][0], "weight": weight,
            "confidence": one.confidence, "token_epoch": one.epoch or partner.epoch,
            "matched_by": [[kind, value[:80]] for kind, value in matched[:20]],
        },
        group_key=one.root,
        # so that all of one root can be withdrawn as one release
        detector_version=one.root.rpartition("--")[2][:40],
    )  # fmt: skip


def _note_revoked(partner: Partner, bodies: list[dict]) -> None:
    gone = [body["id"] for body in bodies if body.get("revoked")]
    if gone:
        record_exchange(
            partner, "in", "objects_revoked", actor=None, objects=len(gone),
            detail={"ids": gone[:100]},
        )  # fmt: skip
