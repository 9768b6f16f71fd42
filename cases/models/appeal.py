from django.conf import settings
from django.db import models
from django.db.models import Q

from .enforcement import Enforcement, EnforcementItem


class Appeal(models.Model):
    """A customer objects to what an order did; a person who had no part in it decides."""

    class Outcome(models.TextChoices):
        GRANTED = "granted", "granted"
        DENIED = "denied", "denied"

    order = models.ForeignKey(Enforcement, on_delete=models.PROTECT, related_name="appeals")
    item = models.ForeignKey(
        EnforcementItem, on_delete=models.PROTECT, related_name="appeals", db_index=False
    )
    text = models.TextField(max_length=8000, help_text="the customer's own words")
    filed_at = models.DateTimeField()
    due_at = models.DateTimeField(help_text="the clock: decided by then")
    entered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="null: it came by the API",
    )
    entered_at = models.DateTimeField(auto_now_add=True)
    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="appeals"
    )
    taken_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=8, choices=Outcome.choices, blank=True, default="")
    rationale = models.TextField(max_length=4000, blank=True, default="")
    decided_at = models.DateTimeField(null=True)
    restored_by = models.ForeignKey(
        Enforcement,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="the order that puts the account back",
    )
    affected = models.JSONField(
        default=dict, blank=True, help_text="shares, packets and others by the same evidence"
    )

    class Meta:
        constraints = [
            # an attacker files thousands: one is open for an account of an order
            models.UniqueConstraint(
                fields=["item"], condition=Q(decided_at=None), name="appeal_one_open"
            ),
            models.CheckConstraint(
                condition=Q(outcome="", decided_at=None)
                | (~Q(outcome="") & Q(decided_at__isnull=False, reviewer__isnull=False)),
                name="appeal_decided_by_somebody",
            ),
        ]
        indexes = [
            # read by the board: open ones, the most urgent first
            models.Index(fields=["due_at", "id"], condition=Q(decided_at=None), name="appeal_open"),
        ]

    def __str__(self):
        return self.ref

    @property
    def ref(self) -> str:
        return f"A-{self.pk}"
