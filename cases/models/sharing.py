from django.conf import settings
from django.db import models
from django.db.models import F, Q

from .case import Case
from .partner import Partner


class Share(models.Model):
    """What leaves about a case: a STIX 2.1 bundle, previewed, then approved by a second person."""

    class State(models.TextChoices):
        PREPARED = "prepared", "waiting for approval"
        APPROVED = "approved", "approved"
        REFUSED = "refused", "refused"
        RECALLED = "recalled", "recalled"
        EXPIRED = "expired", "expired"

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="shares")
    state = models.CharField(max_length=8, choices=State.choices, default=State.PREPARED)
    partner = models.ForeignKey(
        Partner,
        null=True,
        on_delete=models.PROTECT,
        related_name="shares",
        help_text="null: a file that a person hands over",
    )
    legal_basis = models.CharField(max_length=300, blank=True, default="")
    epoch = models.PositiveIntegerField(null=True, help_text="of the partner's tokens in it")
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
    expires_at = models.DateTimeField(null=True, help_text="then it is taken back by itself")
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="who recalled it; null: the desk",
    )
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        ordering = ["-prepared_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(reviewed_by__isnull=True) | ~Q(reviewed_by=F("prepared_by")),
                name="share_second_person",
            ),
        ]
        indexes = [
            # the sweep: what has expired, and what is out about a case that was found benign
            models.Index(
                fields=["expires_at"], condition=Q(state="approved"), name="share_standing"
            ),
        ]
