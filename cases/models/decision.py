from django.conf import settings
from django.db import models
from django.db.models import Q

from .case import Case


class Decision(models.Model):
    """A person's judgement about a case. Never edited: a new one follows a reopening."""

    class Hypothesis(models.TextChoices):
        DISTILLATION = "distillation"
        RESALE = "resale"
        EVALUATION = "evaluation"
        STOLEN_KEY = "stolen_key", "stolen key"
        OTHER = "other"

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="decisions")
    outcome = models.CharField(
        max_length=12, choices=[c for c in Case.Verdict.choices if c[0] != "undecided"]
    )
    rationale = models.TextField(max_length=5000)
    stated_probability = models.FloatField(
        null=True, blank=True, help_text="how sure the person is that it is distillation, 0–1"
    )
    competing_hypothesis = models.CharField(
        max_length=12, choices=Hypothesis.choices, blank=True, default=""
    )
    sample = models.ForeignKey(
        "Sample",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="decisions",
        help_text="the finished sample that the verdict states",
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="decisions"
    )
    decided_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(stated_probability__isnull=True)
                | Q(stated_probability__gte=0, stated_probability__lte=1),
                name="decision_probability_range",
            ),
            models.CheckConstraint(condition=~Q(rationale=""), name="decision_has_rationale"),
        ]
