from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone


class ProtectedQuerySet(models.QuerySet):
    def standing(self):
        now = timezone.now()
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=now), ended_at=None)


class Protected(models.Model):
    """An account or organisation that no order may touch while the entry stands."""

    class Kind(models.TextChoices):
        ACCOUNT = "account", "account"
        ORGANISATION = "organisation", "organisation"

    kind = models.CharField(max_length=12, choices=Kind.choices)
    value = models.CharField(max_length=200, db_collation="C")
    reason = models.CharField(max_length=300)
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    added_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    ended_at = models.DateTimeField(null=True)
    end_reason = models.CharField(max_length=300, blank=True, default="")

    objects = ProtectedQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "protected"
        constraints = [
            # read by every preview and order
            models.UniqueConstraint(
                fields=["kind", "value"], condition=Q(ended_at=None), name="protected_once"
            ),
            models.CheckConstraint(
                condition=~Q(value="") & ~Q(reason=""), name="protected_has_value_and_reason"
            ),
        ]

    def __str__(self):
        return f"{self.kind} {self.value}"
