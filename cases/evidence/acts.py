"""The packet's files about what people decided, did, tested and sent."""

import uuid
from datetime import datetime

from django.conf import settings
from django.db.models import Count, Q

from cases.evidence.sheets import ROWS, Data
from cases.models import Case
from cases.sharing.disclosure import disclosure
from cases.sharing.stix import build_bundle
from ingest.watermark.exact import TEST, TEST_VERSION


def write_decisions(case: Case, data: Data) -> None:
    data.write(
        "decisions.json",
        (
            {
                "decided_at": one.decided_at,
                "decided_by": one.decided_by.get_username(),
                "outcome": one.outcome,
                "rationale": one.rationale,
                "stated_probability": one.stated_probability,
                "competing_hypothesis": one.competing_hypothesis,
            }
            for one in case.decisions.select_related("decided_by").order_by("pk")
        ),
    )


def write_orders(case: Case, data: Data) -> None:
    """orders.json, and order_items.csv with what became of each account."""
    orders = case.enforcements.select_related("requested_by", "reviewed_by", "connector")
    with data.open("orders.json") as out, data.open("order_items.csv") as table:
        for order in orders.order_by("number"):
            out.add(
                {
                    "order": order.ref,
                    "kind": order.kind,
                    "state": order.state,
                    "connector": order.connector.slug,
                    "tiers": order.tiers,
                    "reason": order.reason,
                    "notice": order.notice,
                    "blast_radius": order.blast_radius,
                    "requested_by": order.requested_by.get_username(),
                    "requested_at": order.requested_at,
                    "reviewed_by": order.reviewed_by.get_username() if order.reviewed_by else "",
                    "reviewed_at": order.reviewed_at,
                    "review_note": order.review_note,
                    "expires_at": order.expires_at,
                    "finished_at": order.finished_at,
                }
            )
            items = order.items.select_related("account").order_by("pk")
            for item in data.beating(items.iterator(chunk_size=ROWS)):
                table.add(
                    {
                        "order": order.ref,
                        "account_id": item.account.external_id,
                        "key": str(item.key),
                        "state": item.state,
                        "attempts": item.attempts,
                        "last_status": item.last_status,
                        "last_error": item.last_error,
                        "state_before": item.state_before,
                        "state_after": item.state_after,
                        "finished_at": item.finished_at,
                    }
                )


def write_watermark_tests(case: Case, data: Data) -> None:
    """watermark_tests.jsonl: each test that found a key of the case's members; never the key."""
    findings = case.findings.select_related("result__test", "result__key").annotate(
        tried=Count("result__test__results", filter=Q(result__test__results__problem=""))
    )
    data.write(
        "watermark_tests.jsonl",
        (
            {
                "suspect": one.result.test.ref,
                "tested_at": one.result.test.tested_at,
                "key": one.result.key.ref,
                "key_uid": str(one.result.key.uid),
                "scheme": one.result.key.scheme,
                "tokenizer": one.result.key.tokenizer,
                "test": TEST,
                "version": TEST_VERSION,
                "tokens_scored": one.result.rows,
                "tokens_before_deduplication": one.result.windows,
                "statistic": one.result.total,
                "log10_p": one.result.log10_p,
                "log10_p_corrected": one.result.log10_corrected,
                "correction": "Holm over the keys tried",
                "keys_tried": one.tried,
                "finding": one.result.finding,
                "members_served_with_it": one.accounts,
            }
            for one in findings.order_by("pk")
        ),
    )


def write_bundle(case: Case, data: Data, *, as_of: datetime) -> None:
    """bundle.stix.json: what a share at the case's own label would say; accounts as codes."""
    if not data.profile.has("bundle.stix.json"):
        return
    bundle = build_bundle(
        disclosure(case, case.tlp),
        sender_name=settings.ORGANISATION,
        tlp=case.tlp,
        bundle_id=f"bundle--{uuid.uuid4()}",
        secret=data.secret,
        now=as_of,
    )
    (data.folder / "bundle.stix.json").write_text(bundle, encoding="utf-8")


def write_shares(case: Case, data: Data) -> None:
    """shares.json, and shares/share-N.json: each bundle as it left."""
    if not data.profile.has("shares.json"):
        return
    with data.open("shares.json") as out:
        for share in case.shares.select_related("prepared_by", "reviewed_by").order_by("pk"):
            name = f"shares/share-{share.pk}.json"
            (data.folder / "shares").mkdir(exist_ok=True)
            (data.folder / name).write_bytes(share.bundle.encode())
            out.add(
                {
                    "share": share.pk,
                    "state": share.state,
                    "tlp": share.tlp,
                    "sha256": share.sha256,
                    "file": name,
                    "prepared_by": share.prepared_by.get_username(),
                    "prepared_at": share.prepared_at,
                    "reviewed_by": share.reviewed_by.get_username() if share.reviewed_by else "",
                    "reviewed_at": share.reviewed_at,
                }
            )
