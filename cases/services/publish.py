"""What leaves for a partner: into the collection that it reads, and on its way to its server."""

import hashlib
import json
from collections.abc import Iterable, Sequence

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from cases.errors import CaseError
from cases.models import Collection, Partner, Push, Share, SharedObject
from cases.services.collections import keep_objects
from cases.services.nudge import after_commit
from cases.services.partner import record_exchange
from cases.sharing.stix import revoked
from cases.sharing.stixcheck import read_head
from cases.sharing.tlp import wider

# The same for everybody, or no finding of ours: nothing of these is taken back.
STAYS = {"marking-definition", "extension-definition", "identity", "attack-pattern"}


@transaction.atomic
def publish(
    partner: Partner,
    tlp: str,
    objects: Sequence[dict],
    *,
    actor: User | None,
    kind: str,
    share: Share | None = None,
) -> None:
    """Put STIX objects out under a label and write the exchange down; kind: objects_published.

    The caller answers for what is in them. Raises CaseError when the partner may not get the label.
    """
    if wider(partner.clearance, tlp):
        raise CaseError(f"{partner} may not be sent TLP:{tlp.upper()}.")
    _put_out(partner, tlp, objects, actor, kind, share)


def _put_out(
    partner: Partner,
    tlp: str,
    objects: Sequence[dict],
    actor: User | None,
    kind: str,
    share: Share | None,
) -> None:
    raws = [json.dumps(one, separators=(",", ":")).encode() for one in objects]
    collection = Collection.objects.get(partner=partner, way=Collection.Way.OUT, tlp=tlp)
    keep_objects(collection, [read_head(raw) for raw in raws])
    body = b'{"objects":[%s]}' % b",".join(raws)
    if partner.taxii_url:
        Push.objects.create(
            partner=partner, share=share, body=body.decode(), objects_count=len(raws)
        )
        after_commit("exchange_with_partners")
    record_exchange(
        partner, "out", kind, actor=actor, objects=len(raws),
        sha256=hashlib.sha256(body).hexdigest(),
        detail={"tlp": tlp} | ({"share": share.pk} if share else {}),
    )  # fmt: skip


def publish_share(share: Share, *, actor: User | None) -> None:
    """An approved share, object by object as it was approved."""
    publish(
        share.partner, share.tlp, _objects(share), actor=actor, kind="share_published", share=share
    )


def revoke_share(share: Share, *, actor: User | None) -> None:
    """Take back what no other standing share to this partner still says."""
    still = set(
        _ids(
            other
            for other in Share.objects.filter(partner=share.partner, state=Share.State.APPROVED)
            if other.pk != share.pk
        )
    )
    gone = [one for one in _objects(share) if one["id"] not in still and one["type"] not in STAYS]
    at = timezone.now()
    back = [revoked(one, at) for one in gone if "modified" in one]
    # an observable has no version that could be revoked: it is taken out of the collection
    SharedObject.objects.filter(
        collection__partner=share.partner,
        collection__way=Collection.Way.OUT,
        stix_id__in=[one["id"] for one in gone if "modified" not in one],
        removed_at=None,
    ).update(removed_at=at)
    if back:  # also when its clearance was narrowed since
        _put_out(share.partner, share.tlp, back, actor, "share_revoked", share)


def _objects(share: Share) -> list[dict]:
    return json.loads(share.bundle)["objects"]


def _ids(shares: Iterable[Share]) -> Iterable[str]:
    for share in shares:
        yield from (one["id"] for one in _objects(share))
