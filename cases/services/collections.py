"""Collections: which a partner has, and how objects get into and out of them."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from cases.models import Case, Collection, Partner, SharedObject
from cases.services.partner import record_exchange
from cases.sharing.stixcheck import Checked
from cases.sharing.tlp import wider

Way = Collection.Way
STEP = timedelta(microseconds=1)
OTHER_BODY = "modified: this version is stored with another body: a change needs a later moment"

# which versions are first and last among those that stand
MARK_ENDS = """
UPDATE cases_sharedobject o SET is_first = r.is_first, is_last = r.is_last
FROM (
    SELECT id, row_number() OVER (PARTITION BY stix_id ORDER BY version) = 1 AS is_first,
           row_number() OVER (PARTITION BY stix_id ORDER BY version DESC) = 1 AS is_last
    FROM cases_sharedobject
    WHERE collection_id = %(collection)s AND removed_at IS NULL AND stix_id = ANY(%(ids)s)
) r
WHERE o.id = r.id AND (o.is_first, o.is_last) IS DISTINCT FROM (r.is_first, r.is_last)
"""


def collections_of(partner: Partner) -> QuerySet[Collection]:
    """Those it may know of: its inbox, and the labels that its clearance lets it read."""
    labels = [label for label in Case.TLP.values if not wider(partner.clearance, label)]
    return Collection.objects.filter(partner=partner, tlp__in=["", *labels]).order_by("way", "tlp")


@transaction.atomic
def keep_objects(collection: Collection, found: Sequence[Checked]) -> list[str]:
    """Store what is new; for each "stored", "repeated" or the reason why not, in order.

    A version that is there with the same letters is repeated. The collection's row is locked, so
    that what commits later also has the later added_at: a client that asks for what came after
    the last one it saw misses nothing.
    """
    collection = Collection.objects.select_for_update().get(pk=collection.pk)
    ids = sorted({one.stix_id for one in found})
    known = {
        (stix_id, version): sha256
        for stix_id, version, sha256 in SharedObject.objects.filter(
            collection=collection, stix_id__in=ids, removed_at=None
        ).values_list("stix_id", "version", "sha256")
    }
    by_digest = {(stix_id, sha256) for (stix_id, _), sha256 in known.items()}
    at = timezone.now()
    if collection.newest_at is not None:
        at = max(at, collection.newest_at + STEP)
    rows, outcomes = [], []
    for one in found:
        digest = hashlib.sha256(one.raw).hexdigest()
        key = (one.stix_id, one.version or at)
        if (one.version is None and (one.stix_id, digest) in by_digest) or (
            known.get(key) == digest
        ):
            outcomes.append("repeated")
        elif key in known:
            outcomes.append(OTHER_BODY)
        else:
            known[key] = digest
            by_digest.add((one.stix_id, digest))
            rows.append(
                SharedObject(
                    collection=collection,
                    stix_id=one.stix_id,
                    type=one.type,
                    version=key[1],
                    added_at=at,
                    body=one.raw.decode(),
                    sha256=digest,
                    read_at=at if collection.way == Way.OUT else None,
                )
            )
            at += STEP
            outcomes.append("stored")
    if rows:
        SharedObject.objects.bulk_create(rows, batch_size=1000)
        collection.newest_at = rows[-1].added_at
        collection.save(update_fields=["newest_at"])
        _mark_ends(collection, {row.stix_id for row in rows})
    return outcomes


@transaction.atomic
def remove_object(collection: Collection, versions: QuerySet[SharedObject]) -> int:
    """Take versions out of a collection for its partner; the rows stay. How many."""
    collection = Collection.objects.select_for_update().get(pk=collection.pk)
    gone = list(versions.filter(collection=collection, removed_at=None).values("pk", "stix_id"))
    SharedObject.objects.filter(pk__in=[one["pk"] for one in gone]).update(
        removed_at=timezone.now()
    )
    if gone:
        ids = sorted({one["stix_id"] for one in gone})
        _mark_ends(collection, ids)
        record_exchange(
            collection.partner, "in", "objects_removed", actor=None, objects=len(gone),
            detail={"ids": ids[:100]},
        )  # fmt: skip
    return len(gone)


def _mark_ends(collection: Collection, ids: Iterable[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(MARK_ENDS, {"collection": collection.pk, "ids": sorted(ids)})
