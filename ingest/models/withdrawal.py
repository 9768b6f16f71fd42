from django.conf import settings
from django.db import models
from django.db.models import F, Q

from .account import BYTEWISE
from .detector import Detector

# The signals of a release: s is the signal, w the withdrawal. Observed over any part of the window.
COVERS = """
w.detector_id = s.detector_id AND w.version = s.detector_version
AND (w.until IS NULL OR s.window_start < w.until)
AND (w.since IS NULL OR s.window_end > w.since OR s.window_start = w.since)
"""


class WithdrawalQuerySet(models.QuerySet):
    def standing(self):
        """Applied and not lifted: people read that these signals count no more."""
        return self.filter(applied_at__isnull=False, lifted_at=None)

    def in_force(self):
        """Those whose signals the last grouping run left out."""
        return self.filter(taken_at__isnull=False, released_at=None)


class Withdrawal(models.Model):
    """A detector's release that is not believed any more: one version, over one window.

    Its signals stay and count for nothing, those too that arrive later. A row is proposed, then
    applied, then perhaps lifted; none is ever deleted.
    """

    detector = models.ForeignKey(Detector, on_delete=models.PROTECT, related_name="withdrawals")
    version = models.CharField(max_length=40, blank=True, default="", db_collation=BYTEWISE)
    since = models.DateTimeField(null=True, blank=True, help_text="null: from the first signal on")
    until = models.DateTimeField(null=True, blank=True, help_text="null: without an end")
    reason = models.CharField(max_length=500)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    proposed_at = models.DateTimeField(auto_now_add=True)
    applied_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    applied_at = models.DateTimeField(null=True)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    lifted_at = models.DateTimeField(null=True)
    taken_at = models.DateTimeField(null=True, help_text="grouping left its signals out from here")
    released_at = models.DateTimeField(null=True, help_text="and used them again from here")

    objects = WithdrawalQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(since=None) | Q(until=None) | Q(until__gt=F("since")),
                name="withdrawal_window_order",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="withdrawal_has_reason"),
            models.CheckConstraint(
                condition=Q(applied_at=None, applied_by=None)
                | Q(applied_at__isnull=False, applied_by__isnull=False),
                name="withdrawal_applied_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(lifted_at=None, lifted_by=None)
                | Q(lifted_at__isnull=False, lifted_by__isnull=False, applied_at__isnull=False),
                name="withdrawal_lifted_after_applied",
            ),
        ]

    def __str__(self):
        return self.ref

    @property
    def ref(self) -> str:
        return f"W-{self.pk}"

    @property
    def stands(self) -> bool:
        return self.applied_at is not None and self.lifted_at is None
