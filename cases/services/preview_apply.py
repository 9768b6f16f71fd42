"""The second step: a person applies what was previewed, and says why."""

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from cases.errors import CaseError
from cases.models import GroupingTerms, RegroupPreview
from cases.services.allow import add_entry, end_entry
from cases.services.calibrate import activate_calibration
from cases.services.constrain import hold_grouping
from cases.services.nudge import after_commit
from cases.services.preview_basis import why_stale
from ingest.services.withdraw import apply_withdrawal, lift_withdrawal

Kind = RegroupPreview.Kind
LONGEST = 2000


@transaction.atomic
def apply_preview(preview: RegroupPreview, *, actor: User, rationale: str) -> RegroupPreview:
    """Make the change that a preview showed. Applied before: nothing happens, the row comes back.

    The cases follow with the next grouping run, which takes the change as news. Raises CaseError
    when the preview is not computed, is stale, or shows no change that could be applied.
    """
    rationale = rationale.replace("\0", "").strip()
    if not rationale:
        raise CaseError("Say why this is applied.")
    if len(rationale) > LONGEST:
        raise CaseError(f"Rationale: at most {LONGEST:,} characters.")
    hold_grouping()
    # one at a time: a second withdrawal may make this preview stale
    preview = (
        RegroupPreview.objects.select_for_update(of=("self",))
        .select_related("job", "withdrawal", "entry", "calibration")
        .get(pk=preview.pk)
    )
    if preview.applied_at:
        return preview
    if preview.kind == Kind.HIDDEN:
        raise CaseError("It only counts what the allow-list hides: end an entry to change that.")
    _alone()
    if reason := why_stale(preview):
        raise CaseError(f"{preview.ref} is stale: {reason}. Preview it again.")
    if not _change(preview, actor, rationale):
        raise CaseError(f"{preview.ref} is stale: another person was first. Preview it again.")
    preview.applied_at, preview.applied_by = timezone.now(), actor
    preview.rationale = rationale
    preview.save(update_fields=["applied_at", "applied_by", "rationale"])
    after_commit("group_new_signals")
    return preview


def _change(preview: RegroupPreview, actor: User, rationale: str) -> bool:
    if preview.kind == Kind.THRESHOLD:
        GroupingTerms.objects.create(prior=preview.prior, rationale=rationale, set_by=actor)
        return True
    if preview.kind == Kind.CALIBRATION:
        activate_calibration(preview.calibration, actor=actor, reason=rationale)
        return True
    if preview.kind == Kind.WITHDRAW:
        return apply_withdrawal(preview.withdrawal, actor=actor)
    if preview.kind == Kind.LIFT:
        return lift_withdrawal(preview.withdrawal, actor=actor)
    if preview.kind == Kind.ALLOW:
        return add_entry(preview.entry, actor=actor)
    return end_entry(preview.entry, actor=actor, reason=rationale)


def _alone() -> None:
    """Applications wait for each other: each looks at what the others did."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('apply a preview'))")
