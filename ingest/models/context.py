from django.db import models


class ContextEvent(models.Model):
    """Something about the world that plots and baselines must know."""

    class Kind(models.TextChoices):
        RELEASE = "release"
        OUTAGE = "outage"
        PRICE = "price"
        SILENCE = "silence"

    kind = models.CharField(max_length=10, choices=Kind.choices)
    label = models.CharField(max_length=120)
    start_at = models.DateTimeField()
    end_at = models.DateTimeField(null=True, blank=True)
