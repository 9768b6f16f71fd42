"""What a preview was computed from, and whether that still holds."""

from django.db.models import F
from django.utils import timezone

from cases.grouping import METHOD
from cases.models import (
    Activation,
    AllowEntry,
    Constraint,
    GroupingRun,
    GroupingTerms,
    PreviewCase,
    RegroupPreview,
    Reshaping,
)
from ingest.models import Census, Job, Withdrawal

SAYS = {
    "acts": "people judged, split or merged accounts",
    "releases": "a release was withdrawn or restored",
    "entries": "the allow-list changed",
    "terms": "another threshold was applied",
    "activations": "a calibration was activated",
}


def fingerprint() -> dict[str, int]:
    """Counts that only ever grow, one for each thing that people do to what grouping obeys. Counts
    and not times: what commits late was done early."""
    now = timezone.now()
    added = AllowEntry.objects.filter(added_at__isnull=False)
    return {
        "acts": Reshaping.objects.count()
        + Reshaping.objects.filter(undone_at__isnull=False).count()
        + Constraint.objects.count(),
        "releases": Withdrawal.objects.filter(applied_at__isnull=False).count()
        + Withdrawal.objects.filter(lifted_at__isnull=False).count(),
        "entries": added.count() + added.exclude(ended_at=None, expires_at__gt=now).count(),
        "terms": GroupingTerms.objects.count(),
        "activations": Activation.objects.count(),
    }


def why_stale(preview: RegroupPreview) -> str:
    """What has moved on since a preview was computed, in words; "" while it still holds.

    It holds while no run has let an account join or leave or opened a case, nobody has changed what
    grouping obeys, the census and the method are the same, and the cases that it names have the
    verdicts that it read. Signals that changed no membership leave it as it is.
    """
    if preview.job.state != Job.State.DONE:
        return "it is not computed"
    said = []
    runs = GroupingRun.objects.filter(pk__gt=preview.run_id or 0)
    moved = sum(
        row["opened"] + row["report"].get("joined", 0) + row["report"].get("left", 0) > 0
        for row in runs.values("opened", "report")
    )
    if moved:
        said.append(f"grouping moved accounts in {moved} run{'' if moved == 1 else 's'}")
    if preview.basis.get("method") != METHOD:
        said.append("the method of grouping is another")
    latest = Census.objects.order_by("-pk").values_list("pk", flat=True).first()
    if latest != preview.census_id:
        said.append("a new census was taken")
    now = fingerprint()
    said += [words for name, words in SAYS.items() if preview.basis.get(name) != now[name]]
    decided = PreviewCase.objects.filter(preview=preview, case__isnull=False).exclude(
        verdict=F("case__verdict")
    )
    if decided.exists():
        said.append("a case in it was decided on")
    return "; ".join(said)
