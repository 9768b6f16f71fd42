from django.db import models
from django.db.models import F, Q

from .account import BYTEWISE
from .attribute import Census
from .detector import Detector


class DetectorRun(models.Model):
    """One window of one log, looked at by the detectors. A window that is done stays closed: lines
    that come later are counted, and the next window that covers them takes them."""

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    location = models.CharField(
        max_length=500, db_collation=BYTEWISE, help_text="the log and how its columns were read"
    )
    window_start = models.DateTimeField()
    window_end = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    locked = models.BooleanField(default=False, help_text="the log did not leave its warehouse")
    lateness = models.DurationField(
        null=True, help_text="how long a running window waited for lines; null: run by hand"
    )
    newest_at = models.DateTimeField(null=True, help_text="the newest line of the whole log")
    requests = models.BigIntegerField(default=0, help_text="in the window, repeated lines once")
    repeated = models.BigIntegerField(default=0, help_text="lines of the log that came again")
    late = models.BigIntegerField(
        default=0, help_text="requests inside windows that were closed before they came"
    )
    hours = models.JSONField(
        default=dict, help_text="requests by hour, to tell late ones from those counted"
    )
    accounts = models.PositiveIntegerField(default=0)
    census = models.ForeignKey(Census, null=True, on_delete=models.PROTECT)
    counting_seconds = models.FloatField(default=0, help_text="the population, for all detectors")
    bytes_read = models.BigIntegerField(null=True, help_text="null: this backend does not tell")
    manifest = models.JSONField(default=list, help_text="what came back: party, columns, rows")
    tries = models.PositiveSmallIntegerField(default=1)
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        constraints = [
            # a window is told once; the next run of a location starts from its latest one
            models.UniqueConstraint(
                fields=["location", "window_end", "window_start"], name="detector_run_unique"
            ),
            models.CheckConstraint(
                condition=Q(window_end__gte=F("window_start")), name="detector_run_order"
            ),
        ]

    def __str__(self):
        return f"run {self.pk} of {self.location}"


class DetectorCost(models.Model):
    """What one detector's look at one window took and gave: it is done once this row is there."""

    run = models.ForeignKey(
        DetectorRun, on_delete=models.PROTECT, related_name="costs", db_index=False
    )
    detector = models.ForeignKey(
        Detector, on_delete=models.PROTECT, related_name="costs", db_index=False
    )
    version = models.CharField(max_length=40, db_collation=BYTEWISE)
    not_tested = models.CharField(
        max_length=300, blank=True, default="", help_text="why it could say nothing"
    )
    seconds = models.FloatField(default=0)
    requests = models.BigIntegerField(default=0, help_text="looked at")
    rows = models.BigIntegerField(default=0, help_text="that came back from the warehouse")
    tested = models.PositiveIntegerField(null=True, help_text="accounts that it could speak of")
    flagged = models.PositiveIntegerField(null=True, help_text="accounts that it told of")
    stored = models.PositiveIntegerField(default=0)
    repeated = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            # a killed run goes on with the detectors that have no row yet
            models.UniqueConstraint(
                fields=["run", "detector", "version"], name="detector_cost_unique"
            ),
        ]
        indexes = [
            # read by the detectors page: what the latest runs of one detector cost
            models.Index(fields=["detector", "-finished_at"], name="detector_cost_latest"),
        ]

    @property
    def seconds_per_million(self) -> float | None:
        return 1e6 * self.seconds / self.requests if self.requests and not self.not_tested else None
