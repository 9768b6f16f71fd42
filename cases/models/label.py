"""Unbiased labels: who was drawn by lot from below the threshold, and how likely it was."""

from django.db import models
from django.db.models import F, Q

from .case import Case


class LabelDraw(models.Model):
    """One week's lot. The budget stands outside the service levels."""

    week = models.DateField(unique=True, help_text="its Monday, UTC")
    seed = models.CharField(max_length=32)
    budget = models.PositiveIntegerField()
    drawn_at = models.DateTimeField(auto_now_add=True)


class LabelStratum(models.Model):
    """Accounts or clusters below the threshold whose best score fell into one range that week."""

    class Kind(models.TextChoices):
        ACCOUNT = "account", "account"
        CLUSTER = "cluster", "cluster"

    draw = models.ForeignKey(
        LabelDraw, on_delete=models.PROTECT, related_name="strata", db_index=False
    )
    kind = models.CharField(max_length=7, choices=Kind.choices)
    name = models.CharField(max_length=20, help_text="range of the best score of any detector")
    size = models.PositiveIntegerField()
    drawn = models.PositiveIntegerField()

    class Meta:
        constraints = [
            # read by the estimate of recall, stratum by stratum
            models.UniqueConstraint(fields=["draw", "kind", "name"], name="label_stratum_unique"),
            models.CheckConstraint(condition=Q(drawn__lte=F("size")), name="label_stratum_within"),
        ]


class LabelProbe(models.Model):
    """A queue entry that was drawn by lot. On screen it is a case like any other."""

    stratum = models.ForeignKey(LabelStratum, on_delete=models.PROTECT, related_name="probes")
    case = models.OneToOneField(Case, on_delete=models.PROTECT, related_name="probe")
    unit = models.CharField(
        max_length=300, unique=True, help_text="account or cluster: nobody is drawn twice"
    )
    score = models.FloatField(null=True, help_text="its best score then; null: never flagged")
    inclusion_probability = models.FloatField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(inclusion_probability__gt=0, inclusion_probability__lte=1),
                name="label_probe_probability",
            ),
        ]
