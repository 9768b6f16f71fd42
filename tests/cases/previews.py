"""What tests of previews share: ask, compute, apply, and what the cases hold."""

from datetime import timedelta

from django.utils import timezone

from cases.models import Member
from cases.services import preview as engine
from cases.services.allow import propose_entry
from cases.services.preview_apply import apply_preview
from ingest.models import Detector
from ingest.services.withdraw import propose_withdrawal


def computed(actor, kind, **change):
    """A preview that a worker has computed."""
    preview = engine.request_preview(actor=actor, kind=kind, **change)
    assert engine.run_waiting()
    preview.refresh_from_db()
    assert preview.job.state == "done", preview.job.error
    return preview


def withdrawal(actor, slug="template", version="", **window):
    return propose_withdrawal(
        actor=actor,
        detector=Detector.objects.get(slug=slug),
        version=version,
        reason="It flagged the house style of one client",
        **window,
    )


def entry(actor, kind="account", value="camp-0", *, days=30, **fields):
    return propose_entry(
        actor=actor,
        owner=actor,
        kind=kind,
        value=value,
        reason="Our own continuous integration",
        expires_at=timezone.now() + timedelta(days=days),
        **fields,
    )


def applied(actor, preview):
    return apply_preview(preview, actor=actor, rationale="as agreed in the review")


def stored():
    """(case, account) → tier, of current members that nobody ruled out."""
    rows = Member.objects.current().exclude(verdict="out")
    return {
        (number, account): tier
        for number, account, tier in rows.values_list("case__number", "account_id", "tier")
    }


def foretold(preview, before):
    """What the cases would hold by the preview. New cases are named None."""
    after = dict(before)
    for case in preview.cases.select_related("case").prefetch_related("members"):
        number = case.case and case.case.number
        for member in case.members.all():
            if member.change == "leaves":
                del after[number, member.account_id]
            elif member.change != "kept":
                after[number, member.account_id] = member.tier_after
    return after
