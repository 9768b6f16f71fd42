from django.conf import settings
from django.db import models
from django.db.models import F, Q

from .case import Case


class Share(models.Model):
    """What leaves about a case: a STIX 2.1 bundle, previewed, then approved by a second person."""

    class State(models.TextChoices):
        PREPARED = "prepared", "waiting for approval"
        APPROVED = "approved", "approved"
        REFUSED = "refused", "refused"

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="shares")
    state = models.CharField(max_length=8, choices=State.choices, default=State.PREPARED)
    tlp = models.CharField(max_length=12, choices=Case.TLP.choices)
    bundle = models.TextField(help_text="the JSON text exactly as it leaves")
    sha256 = models.CharField(max_length=64)
    prepared_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    prepared_at = models.DateTimeField(auto_now_add=True)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    reviewed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-prepared_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(reviewed_by__isnull=True) | ~Q(reviewed_by=F("prepared_by")),
                name="share_second_person",
            ),
        ]
