"""Our set, under one key for each partner and epoch: built by a worker, retired with its secret."""

import secrets
import struct
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, Sum
from django.utils import timezone

from cases.crypto import seal, unseal
from cases.matching import count, reveal
from cases.matching.canonical import GUESSABLE, KINDS, epoch_key, items
from cases.matching.padding import TAG, tag_set
from cases.matching.transcript import sha256
from cases.models import Case, MatchKey, MatchSession, Member, Partner
from cases.services.nudge import after_commit
from cases.services.partner import pairwise_secret, record_exchange
from ingest.models import Attribute, AttributeUse, Job
from ingest.services.jobs import Cancelled, Hold, Superseded, take

KIND = "match set"
PURPOSE = "private matching key"
BLOBS = ("count_tags", "reveal_tags", "ledger")
MOST = 200_000  # values of one set
LEDGER = struct.Struct(f"!{TAG}sq")
UNFINISHED = (
    MatchSession.State.WAITING, MatchSession.State.ANSWERED, MatchSession.State.COUNTED,
    MatchSession.State.WANTED, MatchSession.State.AGREED,
)  # fmt: skip


def kinds_with(partner: Partner) -> list[str]:
    """What is matched with a partner: what cannot be guessed, and what its policy names besides."""
    return [*KINDS, *(kind for kind in GUESSABLE if kind in partner.match_kinds)]


def matchable_attributes(kinds: list[str], case: Case | None = None):
    """Attributes that core and likely members carry, of one case or of all that are not benign.

    What brings strangers together (a marked hub) is left out: it says nothing about a campaign.
    """
    members = Member.objects.current().filter(tier__in=[Member.Tier.CORE, Member.Tier.LIKELY])
    members = members.exclude(verdict__in=["out", "unsure"]).filter(account__is_aggregate=False)
    if case is None:
        members = members.filter(case__merged_into=None).exclude(case__verdict=Case.Verdict.BENIGN)
    else:
        members = members.filter(case=case)
    uses = AttributeUse.objects.filter(account__in=members.values("account"))
    return Attribute.objects.filter(
        kind__in=kinds, hub="", pk__in=uses.values("attribute")
    ).order_by("pk")


@transaction.atomic
def key_for(partner: Partner) -> MatchKey:
    """The key that a partner matches under now. A new one, where none lives, is built soon."""
    partner = Partner.objects.select_for_update().get(pk=partner.pk)
    key = partner.match_keys.filter(retired_at=None).defer(*BLOBS).first()
    if key is None or key.epoch != partner.epoch or _spoilt(key):
        if key:
            _retire(key)
        key = _new_key(partner)
    return key


def seed_of(key: MatchKey) -> bytes:
    return unseal(key.sealed_seed, purpose=PURPOSE)


def asks_left(partner: Partner) -> tuple[int, int]:
    """How many asks and how many values (padded) the partner has left in this epoch."""
    used = partner.match_sessions.filter(ours=False, epoch=partner.epoch)
    asked = used.aggregate(values=Sum("asked"))["values"] or 0
    return max(0, partner.match_asks - used.count()), max(0, partner.match_items - asked)


def build_waiting() -> int:
    """The sweep: build one set that waits, retire what is old. Returns how many were built."""
    retire_old()
    taken = take(Job.objects.all(), KIND)
    if taken is None:
        return 0
    hold = _Held(taken[0])
    key = MatchKey.objects.select_related("partner").get(job=hold.hold.job)
    try:
        _build(key, hold)
    except (Superseded, Cancelled):
        return 0
    except Exception as error:
        hold.hold.fail(f"{type(error).__name__}: {error}")
        raise
    return 1


def retire_old() -> int:
    """Retire keys of an older epoch, of a partner that was switched off, and those past their
    days with nothing going on under them."""
    old = timezone.now() - timedelta(days=settings.MATCH_KEY_DAYS)
    busy = MatchSession.objects.filter(key=OuterRef("pk"), state__in=UNFINISHED)
    due = MatchKey.objects.filter(retired_at=None).filter(
        ~Q(epoch=F("partner__epoch"))
        | Q(partner__enabled=False)
        | (Q(made_at__lt=old) & ~Exists(busy))
    )
    retired = 0
    for key in due.defer(*BLOBS).select_related("partner"):
        with transaction.atomic():
            retired += _retire(key)
    return retired


@transaction.atomic
def rotate(partner: Partner, *, actor) -> MatchKey:
    """A new key and a new set of today's facts; what was going on under the old key ends."""
    partner = Partner.objects.select_for_update().get(pk=partner.pk)
    key = partner.match_keys.filter(retired_at=None).defer(*BLOBS).first()
    if key:
        _retire(key, actor=actor)
    return _new_key(partner)


def found_in(key: MatchKey, tags: list[bytes]) -> list[int]:
    """Ids of our attributes behind tags that the other side found."""
    wanted = set(tags)
    rows = LEDGER.iter_unpack(
        bytes(MatchKey.objects.values_list("ledger", flat=True).get(pk=key.pk))
    )
    return sorted(pk for tag, pk in rows if tag in wanted)


class _Held:
    """A hold with three steps."""

    def __init__(self, job: Job):
        self.hold = Hold(job)

    def step(self, done: int, name: str) -> None:
        self.hold.beat(step=name, done=done, total=3)


def _new_key(partner: Partner) -> MatchKey:
    seed = secrets.token_bytes(32)
    key = MatchKey.objects.create(
        partner=partner,
        epoch=partner.epoch,
        sealed_seed=seal(seed, purpose=PURPOSE),
        public_key=reveal.public_key(seed),
        kinds=kinds_with(partner),
        job=Job.objects.create(kind=KIND, total=3),
    )
    after_commit("build_match_sets")
    return key


def _spoilt(key: MatchKey) -> bool:
    """Its making failed, or the partner's policy names other kinds by now."""
    return key.job.state in (Job.State.FAILED, Job.State.STOPPED) or key.kinds != kinds_with(
        key.partner
    )


def _build(key: MatchKey, held: _Held) -> None:
    seed = seed_of(key)
    held.step(0, "reading what members share")
    rows = list(matchable_attributes(key.kinds).values_list("pk", "kind", "value")[: MOST + 1])
    if len(rows) > MOST:
        raise ValueError(f"more than {MOST:,} values: name fewer kinds in the partner's policy")
    secret = epoch_key(pairwise_secret(key.partner), key.epoch)
    found = items(secret, [(kind, value) for _, kind, value in rows])
    held.step(1, f"{len(found):,} values under the key of the count")
    count_tags = count.tags(found, count.scalar_from(seed))
    held.step(2, f"{len(found):,} values under the key of the names")
    own = reveal.tags(found, seed)
    reveal_tags = tag_set(own)
    ledger = b"".join(
        LEDGER.pack(tag, rows[place][0])
        for tag, places in sorted(zip(own, found.values(), strict=True))
        for place in places
    )
    with transaction.atomic():
        held.hold.finish()
        MatchKey.objects.filter(pk=key.pk, retired_at=None).update(
            values=len(found),
            held=len(count_tags) // TAG,
            count_tags=count_tags,
            reveal_tags=reveal_tags,
            ledger=ledger,
            count_sha256=sha256(count_tags),
            reveal_sha256=sha256(reveal_tags),
            ready_at=timezone.now(),
        )


def _retire(key: MatchKey, actor=None) -> bool:
    gone = MatchKey.objects.filter(pk=key.pk, retired_at=None).update(
        retired_at=timezone.now(), sealed_seed=b"", count_tags=b"", reveal_tags=b"", ledger=b""
    )
    if gone:
        MatchSession.objects.filter(key=key, state__in=UNFINISHED).exclude(
            state=MatchSession.State.COUNTED
        ).update(
            state=MatchSession.State.FAILED, problem="the key was retired: ask anew", points=b"",
            answer=b"",
        )  # fmt: skip
        Job.objects.filter(pk=key.job_id, state=Job.State.WAITING).update(
            state=Job.State.STOPPED, finished_at=timezone.now()
        )
        record_exchange(
            key.partner, "here", "match_key_retired", actor=actor,
            detail={"key": str(key.uid), "epoch": key.epoch},
        )  # fmt: skip
    return bool(gone)
