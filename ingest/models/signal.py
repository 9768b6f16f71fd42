from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from .account import BYTEWISE, Account
from .detector import Detector
from .withdrawal import Withdrawal


class Batch(models.Model):
    """One accepted delivery."""

    class Door(models.TextChoices):
        API = "api"
        FILE = "file"
        LOGS = "logs"

    detector = models.ForeignKey(Detector, on_delete=models.PROTECT, related_name="batches")
    door = models.CharField(max_length=8, choices=Door.choices)
    source = models.CharField(max_length=300, blank=True, default="")
    received_at = models.DateTimeField(auto_now_add=True)
    stored = models.PositiveIntegerField(default=0)
    repeated = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)

    class Meta:
        verbose_name_plural = "batches"
        indexes = [
            # read by the detectors page: the latest deliveries of one detector
            models.Index(fields=["detector", "-received_at"], name="batch_by_detector"),
        ]


class SignalQuerySet(models.QuerySet):
    def counting(self):
        """Without those of a release that was withdrawn."""
        return self.exclude(models.Exists(withdrawals_of_signal()))

    def marked(self):
        """With withdrawn: the key of a withdrawal that covers it, or None."""
        return self.annotate(withdrawn=models.Subquery(withdrawals_of_signal().values("pk")[:1]))


def withdrawals_of_signal():
    """Standing withdrawals that cover the outer query's signal, as withdrawal.COVERS says it."""
    return (
        Withdrawal.objects.standing()
        .filter(
            Q(until=None) | Q(until__gt=models.OuterRef("window_start")),
            Q(since=None)
            | Q(since__lt=models.OuterRef("window_end"))
            | Q(since=models.OuterRef("window_start")),
            detector=models.OuterRef("detector"),
            version=models.OuterRef("detector_version"),
        )
        .order_by("pk")
    )


class Signal(models.Model):
    """One detector's observation about one account over a window."""

    detector = models.ForeignKey(
        Detector, on_delete=models.PROTECT, related_name="signals", db_index=False
    )
    ref = models.CharField(
        max_length=200, db_collation=BYTEWISE, help_text="the detector's own reference"
    )
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="signals", db_index=False
    )
    batch = models.ForeignKey(
        Batch, on_delete=models.PROTECT, related_name="signals", db_index=False
    )
    body_digest = models.CharField(
        max_length=64, help_text="SHA-256 of the record: a retry repeats it, a conflict does not"
    )
    window_start = models.DateTimeField()
    window_end = models.DateTimeField()
    score = models.FloatField()
    p_value = models.FloatField(null=True, blank=True)
    accounts_tested = models.PositiveIntegerField(
        null=True, blank=True, help_text="that the detector looked at in the window"
    )
    base_rate = models.FloatField(
        null=True, blank=True, help_text="share of the accounts tested that the detector told of"
    )
    summary = models.CharField(max_length=500)
    evidence = models.JSONField(default=dict, blank=True)
    samples = models.JSONField(default=list, blank=True)
    group_key = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_collation=BYTEWISE,
        help_text="shared by the signals of one observation about a cluster",
    )
    detector_version = models.CharField(max_length=40, blank=True, default="")
    received_at = models.DateTimeField(auto_now_add=True)
    taken_at = models.DateTimeField(
        null=True, blank=True, help_text="when a grouping run first used it"
    )

    objects = SignalQuerySet.as_manager()

    class Meta:
        constraints = [
            # a retry stores nothing twice
            models.UniqueConstraint(fields=["detector", "ref"], name="signal_detector_ref_unique"),
            models.CheckConstraint(
                condition=Q(score__gte=0, score__lte=1), name="signal_score_range"
            ),
            models.CheckConstraint(
                condition=Q(p_value__isnull=True) | Q(p_value__gte=0, p_value__lte=1),
                name="signal_p_value_range",
            ),
            models.CheckConstraint(
                condition=Q(base_rate__isnull=True) | Q(base_rate__gte=0, base_rate__lte=1),
                name="signal_base_rate_range",
            ),
            models.CheckConstraint(
                condition=Q(window_end__gte=F("window_start")), name="signal_window_order"
            ),
        ]
        indexes = [
            # read by the account page and by a case's evidence, newest first
            models.Index(fields=["account", "-window_end"], name="signal_by_account"),
            # read by grouping: what is new since the last run
            models.Index(
                fields=["id"], condition=Q(taken_at__isnull=True), name="signal_not_taken"
            ),
            # read by the detectors page and by retention
            BrinIndex(fields=["received_at"], name="signal_received_brin"),
        ]

    @property
    def by_chance(self) -> float | None:
        """How many of the accounts tested would look so by chance; None where it isn't known."""
        if self.p_value is None or self.accounts_tested is None:
            return None
        return self.p_value * self.accounts_tested


class Rejection(models.Model):
    """A record that could not be stored, kept so that it can be mended and replayed."""

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="rejections")
    line = models.PositiveIntegerField(help_text="counted from 1 within the delivery")
    field = models.CharField(max_length=200, blank=True, default="")
    reason = models.CharField(max_length=500)
    body = models.BinaryField(help_text="the record's bytes as they came, cut at 64 KiB")
    replayed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            # read by replay_rejections: what still waits
            models.Index(
                fields=["id"], condition=Q(replayed_at__isnull=True), name="rejection_waiting"
            ),
        ]
